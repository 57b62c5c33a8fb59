"""Tell the status of a commit apart from the deployment at GitHub: either may be refused."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployment_reports", sa.Column("commit_told", sa.String(20), nullable=True))
    op.execute("UPDATE deployment_reports SET commit_told = told")


def downgrade() -> None:
    op.drop_column("deployment_reports", "commit_told")
