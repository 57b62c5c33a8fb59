"""Search the parts of names, and find the answers of idempotent requests that are out of date."""

from alembic import op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("idx_projects_search", "projects")
    _index_search(
        "projects",
        "name || ' ' || coalesce(description, '') || ' the ' || translate(name, '/._-', '    ')",
    )
    op.drop_index("idx_repositories_search", "repositories")
    _index_search("repositories", "full_name || ' the ' || translate(full_name, '/._-', '    ')")
    op.create_index("idx_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_index("idx_idempotency_keys_created_at", "idempotency_keys")
    op.drop_index("idx_repositories_search", "repositories")
    _index_search("repositories", "full_name")
    op.drop_index("idx_projects_search", "projects")
    _index_search("projects", "name || ' ' || coalesce(description, '')")


def _index_search(table: str, document: str) -> None:
    op.create_index(
        f"idx_{table}_search",
        table,
        [text(f"to_tsvector('english', {document})")],
        postgresql_using="gin",
    )
