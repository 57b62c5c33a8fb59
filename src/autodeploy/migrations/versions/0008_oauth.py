"""Keep identities at other providers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_USER = "user_id = (SELECT autodeploy_user())"
# The row of an account elsewhere, for who has just proven there to hold it.
_PRESENTED = (
    "(SELECT autodeploy_presented()) = 'identity:' || provider || ' ' || issuer || ' ' || subject"
)


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=100), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("account_name", sa.String(length=255), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("provider IN ('github', 'oidc')", name=op.f("ck_identities_provider")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_identities_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint(
            "provider", "issuer", "subject", name=op.f("uq_identities_provider_issuer_subject")
        ),
        sa.UniqueConstraint("user_id", "provider", name=op.f("uq_identities_user_id_provider")),
    )
    op.execute("ALTER TABLE identities ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY app ON identities TO autodeploy_app"
        f" USING ({_USER} OR {_PRESENTED}) WITH CHECK ({_USER})"
    )
    op.execute("CREATE POLICY worker ON identities TO autodeploy_worker USING (true)")
    # Decided across users, of whom the application sees one at a time.
    op.execute(
        """
        CREATE FUNCTION autodeploy_is_shared_connection(of_provider text, account text, owner uuid)
        RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS
        $$
          SELECT EXISTS (
            SELECT FROM provider_integrations
            WHERE provider = of_provider AND external_id = account AND user_id <> owner
          )
        $$
        """
    )
    op.create_index(
        "idx_provider_integrations_account", "provider_integrations", ["provider", "external_id"]
    )


def downgrade() -> None:
    op.drop_index("idx_provider_integrations_account", "provider_integrations")
    op.execute("DROP FUNCTION autodeploy_is_shared_connection(text, text, uuid)")
    op.drop_table("identities")
