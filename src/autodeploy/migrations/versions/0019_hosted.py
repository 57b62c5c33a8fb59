"""Remember what providers that host databases elsewhere have begun, and the password chosen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("databases", sa.Column("encrypted_password", sa.Text(), nullable=True))
    op.add_column(
        "databases",
        sa.Column("notes", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("databases", "notes")
    op.drop_column("databases", "encrypted_password")
