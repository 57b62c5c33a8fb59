"""Know what a database was before its deletion, so that one that is given up gives that back."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("databases", sa.Column("status_before_deletion", sa.String(20), nullable=True))


def downgrade() -> None:
    op.drop_column("databases", "status_before_deletion")
