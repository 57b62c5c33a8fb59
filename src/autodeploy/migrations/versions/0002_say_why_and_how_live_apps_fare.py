"""Store the likely cause of a failed deployment, and how each live release fares."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("error_cause", sa.Text(), nullable=True))
    op.add_column(
        "environments",
        sa.Column("runtime", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("environments", "runtime")
    op.drop_column("deployments", "error_cause")
