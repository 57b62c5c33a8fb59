"""Know what was proven of a repository at GitHub, and by which installation it is read.

Nothing is known yet of the repositories that are there: the account that reads one proves it with
its next look.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("repositories", sa.Column("github_owner_id", sa.BigInteger(), nullable=True))
    op.add_column("repositories", sa.Column("github_access", sa.String(10), nullable=True))
    op.add_column(
        "repositories", sa.Column("github_installation_id", sa.BigInteger(), nullable=True)
    )
    op.create_check_constraint(
        op.f("ck_repositories_github_access"),
        "repositories",
        "github_access IN ('pull', 'push', 'admin')",
    )


def downgrade() -> None:
    for column in ("github_installation_id", "github_access", "github_owner_id"):
        op.drop_column("repositories", column)
