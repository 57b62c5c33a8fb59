"""Keep the answers of idempotent requests in a sealed column, as every other secret."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idempotency_keys", sa.Column("encrypted_answer", sa.Text(), nullable=True))
    op.execute("UPDATE idempotency_keys SET encrypted_answer = body ->> 'sealed'")
    op.drop_column("idempotency_keys", "body")


def downgrade() -> None:
    op.add_column(
        "idempotency_keys",
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )
    op.execute(
        "UPDATE idempotency_keys SET body = jsonb_build_object('sealed', encrypted_answer)"
        " WHERE encrypted_answer IS NOT NULL"
    )
    op.drop_column("idempotency_keys", "encrypted_answer")
