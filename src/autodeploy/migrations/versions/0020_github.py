"""Know the account by which a repository is read at its host, and keep it when it is renewed."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_ACTED_FOR_BEFORE = ("environments", "deployments", "databases")

# Whoever works with a repository uses the account that it was added with.
_OF_REPOSITORY = (
    "EXISTS (SELECT FROM repositories r WHERE r.connection_id = provider_integrations.id"
    " AND r.organization_id = ANY ((SELECT autodeploy_organizations())::uuid[]))"
)


def upgrade() -> None:
    op.add_column("repositories", sa.Column("connection_id", sa.Uuid(), nullable=True))
    _refer("repositories", onupdate="CASCADE")
    op.create_index(
        "idx_repositories_connection_id",
        "repositories",
        ["connection_id"],
        postgresql_where=sa.text("connection_id IS NOT NULL"),
    )
    for table in _ACTED_FOR_BEFORE:
        op.drop_constraint(f"fk_{table}_connection_id", table, type_="foreignkey")
        _refer(table, onupdate="CASCADE")
    op.execute(
        "CREATE POLICY of_repositories ON provider_integrations FOR SELECT TO autodeploy_app"
        f" USING ({_OF_REPOSITORY})"
    )


def _refer(table: str, *, onupdate: str | None) -> None:
    op.create_foreign_key(
        f"fk_{table}_connection_id",
        table,
        "provider_integrations",
        ["connection_id"],
        ["id"],
        ondelete="SET NULL",
        onupdate=onupdate,
    )


def downgrade() -> None:
    op.execute("DROP POLICY of_repositories ON provider_integrations")
    for table in _ACTED_FOR_BEFORE:
        op.drop_constraint(f"fk_{table}_connection_id", table, type_="foreignkey")
        _refer(table, onupdate=None)
    op.drop_column("repositories", "connection_id")
