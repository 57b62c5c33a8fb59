"""Find the deployments that name a build, so that builds which none names can be removed."""

from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "idx_deployments_artifact",
        "deployments",
        ["artifact_key"],
        postgresql_where="artifact_key IS NOT NULL",
    )


def downgrade() -> None:
    op.drop_index("idx_deployments_artifact", table_name="deployments")
