"""Keep how many processes of its app an environment is to run, where that was said of it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("environments", sa.Column("replicas", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_environments_replicas"), "environments", "replicas > 0")


def downgrade() -> None:
    op.drop_column("environments", "replicas")
