"""Keep what is to be done with databases, their backups and their restores."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"
_MOMENT = sa.DateTime(timezone=True)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("url_changed_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("backup_schedule", sa.String(20), server_default="daily", nullable=False),
        sa.Column("backup_hour", sa.Integer(), server_default="3", nullable=False),
        sa.Column("keep_daily", sa.Integer(), server_default="7", nullable=False),
        sa.Column("keep_weekly", sa.Integer(), server_default="4", nullable=False),
        sa.Column("rotation_requested_at", _MOMENT, nullable=True),
        sa.Column("revoke_at_once", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("retiring_login", sa.Text(), nullable=True),
        sa.Column("rotated_at", _MOMENT, nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dispatch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dispatched_at", _MOMENT, nullable=True),
    ]


_CHECKS = {
    "backup_schedule": "backup_schedule IN ('off', 'daily', 'weekly')",
    "backup_hour": "backup_hour BETWEEN 0 AND 23",
    "keep": "keep_daily >= 0 AND keep_weekly >= 0",
}


def upgrade() -> None:
    for column in _columns():
        op.add_column("databases", column)
    # What was built with the URL stays what it was.
    op.execute("UPDATE databases SET url_changed_at = updated_at")
    for name, condition in _CHECKS.items():
        op.create_check_constraint(op.f(f"ck_databases_{name}"), "databases", condition)
    op.create_index("idx_databases_created_at", "databases", [sa.text("created_at DESC"), "id"])
    op.create_index(
        "idx_databases_due",
        "databases",
        ["id"],
        postgresql_where=sa.text(
            "status IN ('provisioning', 'deleting') OR rotation_requested_at IS NOT NULL"
        ),
    )
    op.create_index(
        "idx_databases_retiring",
        "databases",
        ["id"],
        postgresql_where=sa.text("retiring_login IS NOT NULL"),
    )
    _create_backups()
    _create_restores()
    for table in ("database_backups", "database_restores"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY app ON {table} TO autodeploy_app USING ({_ORGANIZATION})")
        op.execute(f"CREATE POLICY worker ON {table} TO autodeploy_worker USING (true)")


def _own_columns(table: str) -> list[sa.schema.SchemaItem]:
    """The id, the organization and what says when and by whom a row was made."""
    return [
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _reference(table, "organization_id", "organizations", "CASCADE"),
        _reference(table, "created_by", "users", "SET NULL"),
    ]


def _reference(table: str, column: str, other: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete
    )


def _create_backups() -> None:
    table = "database_backups"
    op.create_table(
        table,
        *_own_columns(table),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=True),
        sa.Column("environment", sa.String(100), nullable=False),
        sa.Column("database_name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), server_default="pending", nullable=False),
        sa.Column("scheduled_for", _MOMENT, nullable=True),
        sa.Column("object_key", sa.Text(), nullable=True),
        sa.Column("encrypted_key", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("tables", postgresql.JSONB(), nullable=True),
        sa.Column("stored_at", _MOMENT, nullable=True),
        sa.Column("verified_at", _MOMENT, nullable=True),
        sa.Column("expires_at", _MOMENT, nullable=True),
        _reference(table, "project_id", "projects", "CASCADE"),
        _reference(table, "database_id", "databases", "SET NULL"),
        sa.UniqueConstraint(
            "database_id",
            "scheduled_for",
            name=op.f("uq_database_backups_database_id_scheduled_for"),
        ),
        sa.CheckConstraint(
            "kind IN ('manual', 'scheduled', 'safety', 'final')",
            name=op.f("ck_database_backups_kind"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'stored', 'verified', 'failed')",
            name=op.f("ck_database_backups_status"),
        ),
    )
    newest = sa.text("created_at DESC")
    op.create_index("idx_database_backups_database", table, ["database_id", newest, "id"])
    op.create_index("idx_database_backups_project", table, ["project_id", newest, "id"])
    op.create_index("idx_database_backups_org_id", table, ["organization_id"])
    op.create_index(
        "idx_database_backups_due",
        table,
        ["database_id"],
        postgresql_where=sa.text("status IN ('pending', 'stored')"),
    )


def _create_restores() -> None:
    table = "database_restores"
    op.create_table(
        table,
        *_own_columns(table),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=True),
        sa.Column("safety_backup_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(20), server_default="pending", nullable=False),
        sa.Column("completed_at", _MOMENT, nullable=True),
        _reference(table, "database_id", "databases", "CASCADE"),
        _reference(table, "backup_id", "database_backups", "SET NULL"),
        _reference(table, "safety_backup_id", "database_backups", "SET NULL"),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed')",
            name=op.f("ck_database_restores_status"),
        ),
    )
    newest = sa.text("created_at DESC")
    op.create_index("idx_database_restores_database", table, ["database_id", newest, "id"])
    op.create_index("idx_database_restores_org_id", table, ["organization_id"])
    op.create_index(
        "idx_database_restores_due",
        table,
        ["database_id"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_table("database_restores")
    op.drop_table("database_backups")
    for index in ("retiring", "due", "created_at"):
        op.drop_index(f"idx_databases_{index}", "databases")
    for name in _CHECKS:
        op.drop_constraint(f"ck_databases_{name}", "databases")
    for column in _columns():
        op.drop_column("databases", column.name)
