"""Say where the lines of a log are that were moved to the object store."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLE = "deployment_log_archives"
_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_timestamp", _MOMENT, nullable=False),
        sa.Column("last_timestamp", _MOMENT, nullable=False),
        sa.Column("levels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sources", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("first <= last", name=op.f(f"ck_{_TABLE}_numbers")),
        _reference("deployment_id", "deployments"),
        _reference("organization_id", "organizations"),
        sa.PrimaryKeyConstraint("deployment_id", "last", name=op.f(f"pk_{_TABLE}")),
        sa.UniqueConstraint("key", name=op.f(f"uq_{_TABLE}_key")),
    )
    op.create_index("idx_deployment_log_archives_org_id", _TABLE, ["organization_id"])
    op.create_index("idx_deployment_log_archives_last_timestamp", _TABLE, ["last_timestamp"])
    op.execute(f"ALTER TABLE {_TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY app ON {_TABLE} TO autodeploy_app USING ({_ORGANIZATION})")
    op.execute(f"CREATE POLICY worker ON {_TABLE} TO autodeploy_worker USING (true)")


def _reference(column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{_TABLE}_{column}"), ondelete="CASCADE"
    )


def downgrade() -> None:
    """What is archived stays in the object store, where nothing reads it."""
    op.drop_table(_TABLE)
