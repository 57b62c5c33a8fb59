"""Keep one-off commands and what they print."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"
_MOMENT = sa.DateTime(timezone=True)


def _reference(table: str, column: str, other: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete
    )


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(100), nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=True),
        sa.Column("command", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("encrypted_command", sa.Text(), nullable=True),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), server_default="queued", nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_remedy", sa.Text(), nullable=True),
        sa.Column("cancel_requested_at", _MOMENT, nullable=True),
        sa.Column("lease_expires_at", _MOMENT, nullable=True),
        sa.Column("line_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("completed_at", _MOMENT, nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("service_token_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        _reference("runs", "organization_id", "organizations", "CASCADE"),
        _reference("runs", "project_id", "projects", "CASCADE"),
        _reference("runs", "environment_id", "environments", "CASCADE"),
        _reference("runs", "deployment_id", "deployments", "SET NULL"),
        _reference("runs", "created_by", "users", "SET NULL"),
        _reference("runs", "service_token_id", "service_tokens", "SET NULL"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost')",
            name=op.f("ck_runs_status"),
        ),
    )
    op.create_index("idx_runs_org_id", "runs", ["organization_id"])
    op.create_index("idx_runs_project", "runs", ["project_id"])
    op.create_index(
        "idx_runs_open",
        "runs",
        ["environment_id", "created_at"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_index("idx_runs_completed_at", "runs", ["completed_at"])
    op.create_table(
        "run_lines",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("timestamp", _MOMENT, nullable=False),
        sa.Column("stream", sa.String(20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "sequence", name=op.f("pk_run_lines")),
        _reference("run_lines", "run_id", "runs", "CASCADE"),
        _reference("run_lines", "organization_id", "organizations", "CASCADE"),
    )
    for table in ("runs", "run_lines"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY app ON {table} TO autodeploy_app USING ({_ORGANIZATION})")
        op.execute(f"CREATE POLICY worker ON {table} TO autodeploy_worker USING (true)")


def downgrade() -> None:
    op.drop_table("run_lines")
    op.drop_table("runs")
