"""Follow branches and pull requests at GitHub, and keep what comes from there and is told there."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"
_MOMENT = sa.DateTime(timezone=True)
_TABLES = (
    "push_to_deploy",
    "watched_branches",
    "previews",
    "github_webhooks",
    "github_deliveries",
    "deployment_reports",
)

# GitHub calls without a credential of ours: what it calls is known by the id in the address, which
# is told to nobody else, and proves nothing until the signature does.
_FIND_WEBHOOK = """
CREATE FUNCTION autodeploy_github_webhook(wanted uuid)
RETURNS TABLE (organization_id uuid, encrypted_secret text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
SELECT w.organization_id, w.encrypted_secret FROM github_webhooks AS w WHERE w.id = wanted
$$
"""


def upgrade() -> None:
    op.add_column("deployments", sa.Column("trigger", postgresql.JSONB(), nullable=True))
    _create(
        "push_to_deploy",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("paths", sa.ARRAY(sa.Text()), nullable=True),
        _flag("wait_for_ci"),
        _flag("previews"),
        _moment("pulls_due_at"),
        sa.Column("pulls_note", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("service_token_id", sa.Uuid(), nullable=True),
        _moment("updated_at"),
        *_key("push_to_deploy", "id"),
        _reference("push_to_deploy", "project_id", "projects", "CASCADE"),
        _reference("push_to_deploy", "created_by", "users", "SET NULL"),
        _reference("push_to_deploy", "service_token_id", "service_tokens", "SET NULL"),
        _unique("push_to_deploy", "project_id"),
    )
    op.create_index("idx_push_to_deploy_org_id", "push_to_deploy", ["organization_id"])
    _create(
        "watched_branches",
        sa.Column("push_to_deploy_id", sa.Uuid(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("environment", sa.String(100), nullable=False),
        _commit("head_sha"),
        _commit("seen_sha"),
        sa.Column("seen_at", _MOMENT, nullable=True),
        _commit("deployed_sha"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        _moment("active_at"),
        _moment("due_at"),
        *_key("watched_branches", "id"),
        _reference("watched_branches", "push_to_deploy_id", "push_to_deploy", "CASCADE"),
        _unique("watched_branches", "push_to_deploy_id", "branch"),
        _unique("watched_branches", "push_to_deploy_id", "environment"),
    )
    op.create_index("idx_watched_branches_due_at", "watched_branches", ["due_at"])
    _create(
        "previews",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("environment", sa.String(100), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("branch", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        _commit("head_sha"),
        _flag("is_fork"),
        _commit("approved_sha"),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        _commit("deployed_sha"),
        sa.Column("deployment_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        _moment("telling_at"),
        _moment("due_at"),
        sa.Column("closed_at", _MOMENT, nullable=True),
        _moment("updated_at"),
        *_key("previews", "id"),
        _reference("previews", "project_id", "projects", "CASCADE"),
        _reference("previews", "approved_by", "users", "SET NULL"),
        _reference("previews", "deployment_id", "deployments", "SET NULL"),
        _unique("previews", "project_id", "number"),
    )
    op.create_index("idx_previews_due_at", "previews", ["due_at"])
    op.create_index("idx_previews_telling_at", "previews", ["telling_at"])
    _create(
        "github_webhooks",
        sa.Column("repository_id", sa.Uuid(), nullable=False),
        sa.Column("encrypted_secret", sa.Text(), nullable=False),
        sa.Column("external_id", sa.BigInteger(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        _moment("due_at"),
        sa.Column("delivered_at", _MOMENT, nullable=True),
        *_key("github_webhooks", "id"),
        _reference("github_webhooks", "repository_id", "repositories", "CASCADE"),
        _unique("github_webhooks", "repository_id"),
    )
    op.create_index("idx_github_webhooks_due_at", "github_webhooks", ["due_at"])
    op.create_table(
        "github_deliveries",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("guid", sa.String(64), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("pull_request", sa.Integer(), nullable=True),
        _moment("received_at"),
        sa.Column("handled_at", _MOMENT, nullable=True),
        *_key("github_deliveries", "webhook_id", "guid"),
        _reference("github_deliveries", "webhook_id", "github_webhooks", "CASCADE"),
    )
    op.create_index(
        "idx_github_deliveries_new",
        "github_deliveries",
        ["received_at"],
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_index("idx_github_deliveries_received_at", "github_deliveries", ["received_at"])
    op.create_table(
        "deployment_reports",
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.String(20), nullable=True),
        _flag("settled"),
        _flag("retired"),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        _moment("due_at"),
        _moment("created_at"),
        *_key("deployment_reports", "deployment_id"),
        _reference("deployment_reports", "deployment_id", "deployments", "CASCADE"),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_deployment_reports_failures")),
    )
    op.create_index(
        "idx_deployment_reports_due_at",
        "deployment_reports",
        ["due_at"],
        postgresql_where=sa.text("NOT settled"),
    )
    op.execute(_FIND_WEBHOOK)
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY app ON {table} TO autodeploy_app USING ({_ORGANIZATION})")
        op.execute(f"CREATE POLICY worker ON {table} TO autodeploy_worker USING (true)")


def _create(table: str, *items: sa.schema.SchemaItem) -> None:
    """A table with an id, an organization and the moment that a row was made."""
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _moment("created_at"),
        *items,
    )


def _key(table: str, *columns: str) -> tuple[sa.schema.SchemaItem, ...]:
    """The primary key, and the organization that each row belongs to."""
    return (
        sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}")),
        _reference(table, "organization_id", "organizations", "CASCADE"),
    )


def _reference(table: str, column: str, other: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete
    )


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, _MOMENT, server_default=sa.text("now()"), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default="false", nullable=False)


def _commit(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(40), nullable=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION autodeploy_github_webhook(uuid)")
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.drop_column("deployments", "trigger")
