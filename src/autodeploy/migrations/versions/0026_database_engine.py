"""Keep of each database whether it is PostgreSQL or Redis, and what its provider said last."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_CHECKS = {
    "engine": "engine IN ('postgresql', 'redis')",
    "of_postgresql": "engine = 'postgresql' OR (name <> 'main' AND backup_schedule = 'off')",
}


def upgrade() -> None:
    op.add_column(
        "databases",
        sa.Column("engine", sa.String(20), server_default="postgresql", nullable=False),
    )
    op.add_column("databases", sa.Column("notice", sa.Text(), nullable=True))
    for name, condition in _CHECKS.items():
        op.create_check_constraint(op.f(f"ck_databases_{name}"), "databases", condition)


def downgrade() -> None:
    for name in _CHECKS:
        op.drop_constraint(op.f(f"ck_databases_{name}"), "databases")
    op.drop_column("databases", "notice")
    op.drop_column("databases", "engine")
