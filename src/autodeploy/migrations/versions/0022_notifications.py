"""Tell receivers of an organization what happens in it.

The table of webhooks, which nothing has written to, gives way to one of endpoints of every kind.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"
_MOMENT = sa.DateTime(timezone=True)
_TABLES = ("organization_events", "notification_endpoints", "notification_deliveries")


def _reference(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
    )


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, _MOMENT, server_default=sa.text("now()"), nullable=False)


def _secure(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY app ON {table} TO autodeploy_app USING ({_ORGANIZATION})")
    op.execute(f"CREATE POLICY worker ON {table} TO autodeploy_worker USING (true)")


def upgrade() -> None:
    op.drop_table("webhooks")
    op.create_table(
        "organization_events",
        _id(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("spread_at", _MOMENT, nullable=True),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization_events")),
        _reference("organization_events", "organization_id", "organizations"),
    )
    op.create_index("idx_organization_events_org_id", "organization_events", ["organization_id"])
    op.create_index("idx_organization_events_created_at", "organization_events", ["created_at"])
    op.create_index(
        "idx_organization_events_new",
        "organization_events",
        ["created_at"],
        postgresql_where=sa.text("spread_at IS NULL"),
    )
    _create_endpoints()
    _create_deliveries()
    for table in _TABLES:
        _secure(table)


def _create_endpoints() -> None:
    op.create_table(
        "notification_endpoints",
        _id(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("encrypted_address", sa.Text(), nullable=True),
        sa.Column("encrypted_secret", sa.Text(), nullable=True),
        sa.Column("encrypted_previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_secret_until", _MOMENT, nullable=True),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("project_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("off_reason", sa.String(20), nullable=True),
        sa.Column("failing_since", _MOMENT, nullable=True),
        sa.Column("owners_told_at", _MOMENT, nullable=True),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_endpoints")),
        _reference("notification_endpoints", "organization_id", "organizations"),
        sa.CheckConstraint(
            "kind IN ('webhook', 'slack', 'discord', 'email')",
            name=op.f("ck_notification_endpoints_kind"),
        ),
        sa.CheckConstraint(
            "off_reason IN ('by_user', 'gone', 'failing')",
            name=op.f("ck_notification_endpoints_off_reason"),
        ),
    )
    op.create_index(
        "idx_notification_endpoints_org_id",
        "notification_endpoints",
        ["organization_id", "created_at", "id"],
    )


def _create_deliveries() -> None:
    op.create_table(
        "notification_deliveries",
        _id(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(20), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("attempted_at", _MOMENT, nullable=True),
        sa.Column("answer_status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("delivered_at", _MOMENT, nullable=True),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_deliveries")),
        sa.UniqueConstraint(
            "endpoint_id", "event_id", name=op.f("uq_notification_deliveries_endpoint_id_event_id")
        ),
        _reference("notification_deliveries", "organization_id", "organizations"),
        _reference("notification_deliveries", "endpoint_id", "notification_endpoints"),
        _reference("notification_deliveries", "event_id", "organization_events"),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed')",
            name=op.f("ck_notification_deliveries_status"),
        ),
    )
    op.create_index(
        "idx_notification_deliveries_due",
        "notification_deliveries",
        ["endpoint_id", "due_at"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "idx_notification_deliveries_endpoint",
        "notification_deliveries",
        ["endpoint_id", "created_at", "id"],
    )
    op.create_index("idx_notification_deliveries_event_id", "notification_deliveries", ["event_id"])


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.create_table(
        "webhooks",
        _id(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("encrypted_secret", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        _reference("webhooks", "organization_id", "organizations"),
        _reference("webhooks", "project_id", "projects"),
    )
    op.create_index("idx_webhooks_org_id", "webhooks", ["organization_id"])
    _secure("webhooks")
