"""Know the account that a provider acts for, and what one that hosts databases has begun."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_SEALED = ("encrypted_password", "encrypted_variables")
_ACTED_FOR = ("environments", "deployments", "databases")


def upgrade() -> None:
    for column in _SEALED:
        op.add_column("databases", sa.Column(column, sa.Text(), nullable=True))
    op.add_column(
        "databases",
        sa.Column("notes", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    for table in _ACTED_FOR:
        op.add_column(table, sa.Column("connection_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            f"fk_{table}_connection_id",
            table,
            "provider_integrations",
            ["connection_id"],
            ["id"],
            ondelete="SET NULL",
        )
        op.create_index(
            f"idx_{table}_connection_id",
            table,
            ["connection_id"],
            postgresql_where=sa.text("connection_id IS NOT NULL"),
        )


def downgrade() -> None:
    for table in _ACTED_FOR:
        op.drop_column(table, "connection_id")
    op.drop_column("databases", "notes")
    for column in _SEALED:
        op.drop_column("databases", column)
