"""Know the account by which a repository is read at its host."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Whoever works with a repository uses the account that it was added with.
_OF_REPOSITORY = (
    "EXISTS (SELECT FROM repositories r WHERE r.connection_id = provider_integrations.id"
    " AND r.organization_id = ANY ((SELECT autodeploy_organizations())::uuid[]))"
)


def upgrade() -> None:
    op.add_column("repositories", sa.Column("connection_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_repositories_connection_id",
        "repositories",
        "provider_integrations",
        ["connection_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        "idx_repositories_connection_id",
        "repositories",
        ["connection_id"],
        postgresql_where=sa.text("connection_id IS NOT NULL"),
    )
    op.execute(
        "CREATE POLICY of_repositories ON provider_integrations FOR SELECT TO autodeploy_app"
        f" USING ({_OF_REPOSITORY})"
    )


def downgrade() -> None:
    op.execute("DROP POLICY of_repositories ON provider_integrations")
    op.drop_column("repositories", "connection_id")
