"""Keep the names that apps are served at, besides those that providers give.

And know by whose account an orphan at a provider elsewhere is seen.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"
_MOMENT = sa.DateTime(timezone=True)


def _reference(column: str, other: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_domains_{column}"), ondelete=ondelete
    )


def upgrade() -> None:
    op.create_table(
        "domains",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(100), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("state", sa.String(20), server_default="pending", nullable=False),
        sa.Column("places", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("records", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_remedy", sa.Text(), nullable=True),
        sa.Column("checks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_check_at", _MOMENT, nullable=True),
        sa.Column("checked_at", _MOMENT, nullable=True),
        sa.Column("verified_at", _MOMENT, nullable=True),
        sa.Column("removal_requested_at", _MOMENT, nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domains")),
        _reference("organization_id", "organizations", "CASCADE"),
        _reference("project_id", "projects", "CASCADE"),
        _reference("environment_id", "environments", "CASCADE"),
        _reference("created_by", "users", "SET NULL"),
        sa.UniqueConstraint("name", name=op.f("uq_domains_name")),
        sa.CheckConstraint(
            "state IN ('pending', 'verified', 'failed', 'removing')", name=op.f("ck_domains_state")
        ),
    )
    op.create_index("idx_domains_environment_id", "domains", ["environment_id"])
    op.create_index("idx_domains_org_id", "domains", ["organization_id"])
    op.create_index("idx_domains_project_id", "domains", ["project_id"])
    op.create_index(
        "idx_domains_due",
        "domains",
        ["next_check_at"],
        postgresql_where=sa.text("next_check_at IS NOT NULL"),
    )
    op.add_column("orphans", sa.Column("connection_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_orphans_connection_id",
        "orphans",
        "provider_integrations",
        ["connection_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.execute("ALTER TABLE domains ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY app ON domains TO autodeploy_app USING ({_ORGANIZATION})")
    op.execute("CREATE POLICY worker ON domains TO autodeploy_worker USING (true)")


def downgrade() -> None:
    op.drop_column("orphans", "connection_id")
    op.drop_table("domains")
