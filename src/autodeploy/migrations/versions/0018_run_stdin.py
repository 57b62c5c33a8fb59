"""Know which one-off commands read input and are on a terminal, and list those of a project."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "runs", sa.Column("stdin", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("runs", sa.Column("terminal", postgresql.JSONB(), nullable=True))
    op.drop_index("idx_runs_project", "runs")
    op.create_index("idx_runs_project", "runs", ["project_id", sa.text("created_at DESC"), "id"])


def downgrade() -> None:
    op.drop_index("idx_runs_project", "runs")
    op.create_index("idx_runs_project", "runs", ["project_id"])
    op.drop_column("runs", "terminal")
    op.drop_column("runs", "stdin")
