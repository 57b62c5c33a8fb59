"""Let databases be paused."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_BEFORE = "'provisioning', 'available', 'deleting', 'error'"
_DUE = "rotation_requested_at IS NOT NULL"


def upgrade() -> None:
    _allow(f"{_BEFORE}, 'pausing', 'paused'")
    _index("'provisioning', 'deleting', 'pausing'")


def downgrade() -> None:
    # Nothing of before knows a pause: the next deployment brings the database back.
    op.execute("UPDATE databases SET status = 'provisioning' WHERE status IN ('pausing', 'paused')")
    _allow(_BEFORE)
    _index("'provisioning', 'deleting'")


def _allow(statuses: str) -> None:
    op.drop_constraint(op.f("ck_databases_status"), "databases", type_="check")
    op.create_check_constraint(op.f("ck_databases_status"), "databases", f"status IN ({statuses})")


def _index(statuses: str) -> None:
    op.drop_index("idx_databases_due", table_name="databases")
    op.execute(
        f"CREATE INDEX idx_databases_due ON databases (id) WHERE status IN ({statuses}) OR {_DUE}"
    )
