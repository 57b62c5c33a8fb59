"""Show a role of the database only the rows of its caller's organizations.

Row-level security stands behind the checks of the application: a query that forgets its tenant
sees nothing. ``kernel/tenancy.py`` tells each transaction its caller; docs/security.md describes
the design.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ORGANIZATION = "organization_id = ANY ((SELECT autodeploy_organizations())::uuid[])"
_USER = "user_id = (SELECT autodeploy_user())"
# The row of an opaque secret, for the one who holds it; a ticket holds the id in its place.
_PRESENTED = (
    "(SELECT autodeploy_presented()) IN"
    " ('token:' || encode(token_hash, 'hex'), 'token:' || id::text)"
)
_PRESENTED_LINK = "(SELECT autodeploy_presented()) = 'token:' || encode(token_hash, 'hex')"
_CO_MEMBER = (
    "EXISTS (SELECT FROM organization_members m WHERE m.user_id = users.id"
    " AND m.organization_id = ANY ((SELECT autodeploy_organizations())::uuid[]))"
)
_OWN_ACCOUNT = "id = (SELECT autodeploy_user())"
# What happened to an account is its user's to see, whoever did it.
_OWN_ENTRY = "account_id = (SELECT autodeploy_user())"

_BY_ORGANIZATION = (
    "alerts",
    "databases",
    "deployment_events",
    "deployment_logs",
    "deployment_steps",
    "deployments",
    "environment_variables",
    "environments",
    "health_checks",
    "metrics",
    "projects",
    "repositories",
    "repository_analyses",
    "webhooks",
)

# Table to what the API may see of it and, where that differs, what it may write.
_VISIBLE: dict[str, tuple[str, str | None]] = {
    **dict.fromkeys(_BY_ORGANIZATION, (_ORGANIZATION, None)),
    "organizations": (_ORGANIZATION.replace("organization_id", "id"), None),
    "organization_members": (f"{_ORGANIZATION} OR {_USER}", _ORGANIZATION),
    "invitations": (f"{_ORGANIZATION} OR {_PRESENTED}", None),
    "service_tokens": (f"{_ORGANIZATION} OR {_PRESENTED}", None),
    # Entries are written for callers that may not read them, such as one that cannot sign in.
    "audit_log": (f"{_ORGANIZATION} OR {_OWN_ENTRY}", "true"),
    "sessions": (_USER, None),
    "account_links": (f"{_USER} OR {_PRESENTED_LINK}", None),
    "second_factors": (_USER, None),
    "recovery_codes": (_USER, None),
    "api_tokens": (_USER, None),
    "provider_integrations": (_USER, None),
    "idempotency_keys": ("caller_id = (SELECT autodeploy_caller())", None),
    "users": (_OWN_ACCOUNT, None),
}

_FUNCTIONS = """
CREATE FUNCTION autodeploy_organizations() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('autodeploy.organizations', true), '')::uuid[] $$;

CREATE FUNCTION autodeploy_caller() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('autodeploy.caller', true), '')::uuid $$;

CREATE FUNCTION autodeploy_presented() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('autodeploy.presented', true), '') $$;

CREATE FUNCTION autodeploy_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('autodeploy.user', true), '')::uuid $$;

CREATE FUNCTION autodeploy_present(credential text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
DECLARE
  kind text := split_part(credential, ':', 1);
  value text := substr(credential, strpos(credential, ':') + 1);
  owner uuid;
BEGIN
  IF kind = 'email' THEN owner := (SELECT id FROM users WHERE email = value);
  ELSIF kind = 'session' THEN owner := (SELECT user_id FROM sessions WHERE id = value::uuid);
  ELSIF kind = 'token' AND length(value) = 64 THEN
    owner := (SELECT user_id FROM api_tokens WHERE token_hash = decode(value, 'hex'));
  ELSIF kind = 'token' THEN owner := (SELECT user_id FROM api_tokens WHERE id = value::uuid);
  END IF;
  PERFORM set_config('autodeploy.presented', credential, true);
  IF owner IS NOT NULL THEN
    PERFORM set_config('autodeploy.user', owner::text, true);
  END IF;
END $$;

CREATE FUNCTION autodeploy_administrators() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS
$$ SELECT id FROM users WHERE is_admin ORDER BY id $$;
"""


def upgrade() -> None:
    op.add_column(
        "organization_members",
        sa.Column("project_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
    )
    _create_service_tokens()
    _let_service_tokens_call()
    for statement in _FUNCTIONS.split(";\n\n"):
        op.execute(statement)
    for table, (visible, writable) in _VISIBLE.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY app ON {table} TO autodeploy_app USING ({visible})"
            + (f" WITH CHECK ({writable})" if writable else "")
        )
        # Workers run the jobs of all tenants, by ids that rows and not callers gave them.
        op.execute(f"CREATE POLICY worker ON {table} TO autodeploy_worker USING (true)")
    op.execute(
        f"CREATE POLICY co_members ON users FOR SELECT TO autodeploy_app USING ({_CO_MEMBER})"
    )


def _create_service_tokens() -> None:
    op.create_table(
        "service_tokens",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_service_tokens_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_service_tokens_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
            name=op.f("fk_service_tokens_created_by"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_service_tokens_token_hash")),
    )
    op.create_index("idx_service_tokens_project_id", "service_tokens", ["project_id"])


def _let_service_tokens_call() -> None:
    """Deployments and idempotent requests may come from a credential that has no user."""
    op.add_column("deployments", sa.Column("service_token_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_deployments_service_token_id"),
        "deployments",
        "service_tokens",
        ["service_token_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.drop_constraint("fk_idempotency_keys_user_id", "idempotency_keys", type_="foreignkey")
    op.alter_column("idempotency_keys", "user_id", new_column_name="caller_id")


def downgrade() -> None:
    op.execute("DROP POLICY co_members ON users")
    for table in _VISIBLE:
        op.execute(f"DROP POLICY worker ON {table}")
        op.execute(f"DROP POLICY app ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION autodeploy_present(text)")
    for name in ("administrators", "user", "presented", "caller", "organizations"):
        op.execute(f"DROP FUNCTION autodeploy_{name}()")
    op.execute("DELETE FROM idempotency_keys WHERE caller_id NOT IN (SELECT id FROM users)")
    op.alter_column("idempotency_keys", "caller_id", new_column_name="user_id")
    op.create_foreign_key(
        op.f("fk_idempotency_keys_user_id"),
        "idempotency_keys",
        "users",
        ["user_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.drop_column("deployments", "service_token_id")
    op.drop_table("service_tokens")
    op.drop_column("organization_members", "project_ids")
