"""Know whether a connection works and when that is looked at next, and what a project may cost."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_CONNECTIONS = "provider_integrations"
_COLUMNS = ("failed_at", "failure", "failure_told_at", "checked_at", "check_due_at", "missing")


def upgrade() -> None:
    for column in (
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("failure_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "check_due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "missing", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
    ):
        op.add_column(_CONNECTIONS, column)
    op.create_index("idx_provider_integrations_check_due", _CONNECTIONS, ["check_due_at"])
    op.add_column("projects", sa.Column("monthly_budget_cents", sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f("ck_projects_monthly_budget_cents"), "projects", "monthly_budget_cents >= 0"
    )


def downgrade() -> None:
    op.drop_column("projects", "monthly_budget_cents")
    op.drop_index("idx_provider_integrations_check_due", _CONNECTIONS)
    for column in _COLUMNS:
        op.drop_column(_CONNECTIONS, column)
