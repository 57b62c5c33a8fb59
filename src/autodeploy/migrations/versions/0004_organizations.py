"""Keep who may do what in an organization and what was changed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ACTORS = "actor IN ('user', 'token', 'service_token', 'system', 'anonymous')"


def upgrade() -> None:
    _mark_personal_organizations()
    op.create_index(
        "uq_invitations_pending",
        "invitations",
        ["organization_id", "email"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL"),
    )
    _let_entries_outlive_what_they_are_about()


def _mark_personal_organizations() -> None:
    """Until now every organization was made together with the account that owns it."""
    op.add_column("organizations", sa.Column("personal_user_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_organizations_personal_user_id"),
        "organizations",
        "users",
        ["personal_user_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_unique_constraint(
        op.f("uq_organizations_personal_user_id"), "organizations", ["personal_user_id"]
    )
    op.execute(
        """
        UPDATE organizations SET personal_user_id = first.user_id
        FROM (
          SELECT DISTINCT ON (member.user_id) member.user_id, member.organization_id
          FROM organization_members AS member
          JOIN organizations AS joined ON joined.id = member.organization_id
          WHERE member.role = 'owner'
          ORDER BY member.user_id, joined.created_at, joined.id
        ) AS first
        WHERE first.organization_id = organizations.id
          AND 1 = (SELECT count(*) FROM organization_members AS owner
                   WHERE owner.organization_id = organizations.id AND owner.role = 'owner')
        """
    )


def _let_entries_outlive_what_they_are_about() -> None:
    """Nothing wrote to the log before, so its id changes its type without a conversion."""
    op.drop_constraint("fk_audit_log_organization_id", "audit_log", type_="foreignkey")
    op.drop_constraint("fk_audit_log_user_id", "audit_log", type_="foreignkey")
    op.drop_index("idx_audit_log_org_id", "audit_log")
    op.drop_column("audit_log", "id")
    op.add_column(
        "audit_log",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
    )
    op.create_primary_key(op.f("pk_audit_log"), "audit_log", ["id"])
    op.add_column(
        "audit_log", sa.Column("actor", sa.String(20), server_default="system", nullable=False)
    )
    op.alter_column("audit_log", "actor", server_default=None)
    op.create_check_constraint(op.f("ck_audit_log_actor"), "audit_log", _ACTORS)
    op.add_column("audit_log", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.add_column("audit_log", sa.Column("token_id", sa.Uuid(), nullable=True))
    op.add_column("audit_log", sa.Column("user_agent", sa.Text(), nullable=True))
    op.create_index("idx_audit_log_org", "audit_log", ["organization_id", "created_at", "id"])
    op.create_index("idx_audit_log_account", "audit_log", ["account_id", "created_at", "id"])
    op.create_index(
        "idx_audit_log_user", "audit_log", ["organization_id", "user_id", "created_at", "id"]
    )


def downgrade() -> None:
    for name in ("idx_audit_log_user", "idx_audit_log_account", "idx_audit_log_org"):
        op.drop_index(name, "audit_log")
    for name in ("user_agent", "token_id", "account_id", "actor"):
        op.drop_column("audit_log", name)
    op.drop_column("audit_log", "id")
    op.add_column(
        "audit_log", sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)
    )
    op.create_primary_key(op.f("pk_audit_log"), "audit_log", ["id"])
    op.create_index("idx_audit_log_org_id", "audit_log", ["organization_id", "id"])
    for column, table in (("organization_id", "organizations"), ("user_id", "users")):
        op.execute(
            f"UPDATE audit_log SET {column} = NULL"  # noqa: S608 - names of ours
            f" WHERE NOT EXISTS (SELECT FROM {table} WHERE {table}.id = audit_log.{column})"
        )
        op.create_foreign_key(
            op.f(f"fk_audit_log_{column}"),
            "audit_log",
            table,
            [column],
            ["id"],
            ondelete="SET NULL",
        )
    op.drop_index("uq_invitations_pending", "invitations")
    op.drop_column("organizations", "personal_user_id")
