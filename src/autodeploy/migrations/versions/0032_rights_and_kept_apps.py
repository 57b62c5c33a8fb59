"""Know since when a connection lacks rights that it had, and who was told; and what is not to be
kept any more at a provider that an app has moved away from."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_COLUMNS = ("missing_since", "missing_told_at", "organizations_told_of_missing")


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column(
            "provider_integrations", sa.Column(column, sa.DateTime(timezone=True), nullable=True)
        )
    op.add_column("deployments", sa.Column("let_go_at", sa.DateTime(timezone=True), nullable=True))
    # With an environment that was deleted, all that its deployments had made was removed.
    op.execute(
        "UPDATE deployments SET let_go_at = now() WHERE promoted_at IS NOT NULL AND NOT EXISTS ("
        "SELECT FROM environments WHERE environments.project_id = deployments.project_id"
        " AND environments.name = deployments.environment"
        " AND environments.created_at <= deployments.promoted_at)"
    )


def downgrade() -> None:
    op.drop_column("deployments", "let_go_at")
    for column in _COLUMNS:
        op.drop_column("provider_integrations", column)
