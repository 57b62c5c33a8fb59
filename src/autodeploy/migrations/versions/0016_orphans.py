"""Keep what was found at providers and no row accounts for, until it is removed.

And find the open deployments of an environment without looking at all that ever ended.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# It is nobody's: only who operates the platform may see it.
_OPERATOR = "(SELECT autodeploy_user()) IN (SELECT autodeploy_administrators())"
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "orphans",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("provider", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("made_for", sa.Uuid(), nullable=True),
        sa.Column("app_number", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("removal_requested_at", _MOMENT, nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orphans")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_orphans_user_id"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint(
            "provider", "kind", "external_id", name=op.f("uq_orphans_provider_kind_external_id")
        ),
        sa.CheckConstraint(
            "kind IN ('release', 'app', 'database', 'build')", name=op.f("ck_orphans_kind")
        ),
    )
    op.create_index("idx_orphans_created_at", "orphans", [sa.text("created_at DESC"), "id"])
    op.create_index(
        "idx_deployments_open",
        "deployments",
        ["project_id", "environment", "created_at", "id"],
        postgresql_where=sa.text("status IN ('queued', 'building', 'deploying')"),
    )
    op.create_index("idx_deployments_project_started", "deployments", ["project_id", "started_at"])
    op.execute("ALTER TABLE orphans ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY app ON orphans TO autodeploy_app USING ({_OPERATOR})")
    op.execute("CREATE POLICY worker ON orphans TO autodeploy_worker USING (true)")


def downgrade() -> None:
    op.drop_index("idx_deployments_project_started", "deployments")
    op.drop_index("idx_deployments_open", "deployments")
    op.drop_table("orphans")
