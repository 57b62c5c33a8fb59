"""Say of each step how long nine in ten take."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "deployment_steps", sa.Column("estimated_seconds_p90", sa.Integer(), nullable=True)
    )
    op.execute("UPDATE deployment_steps SET estimated_seconds_p90 = 2 * estimated_seconds")
    op.alter_column("deployment_steps", "estimated_seconds_p90", nullable=False)


def downgrade() -> None:
    op.drop_column("deployment_steps", "estimated_seconds_p90")
