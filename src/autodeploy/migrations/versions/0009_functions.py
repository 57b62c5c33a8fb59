"""Tell who holds a credential in one call, and search by an index beside row-level security.

They run with the rights of the tables' owner. The callers' rows are theirs to keep: what names a
caller tells of the holder of one credential alone, and what searches gives ids, which show a row
only to whom row-level security shows it.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# PL/pgSQL keeps its plans. A ticket holds the id of a token, no digest.
_IDENTIFY = """
CREATE FUNCTION autodeploy_identify(kind text, digest bytea, wanted uuid)
RETURNS TABLE (account_id uuid, email varchar, is_admin boolean, places jsonb,
               token_id uuid, scopes text[], last_used_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
DECLARE
  holder uuid;
BEGIN
  IF kind = 'session' THEN
    SELECT s.user_id INTO holder FROM sessions AS s
    WHERE s.id = wanted AND s.revoked_at IS NULL AND s.expires_at > now();
  ELSIF kind = 'token' THEN
    SELECT t.user_id, t.id, t.scopes, t.last_used_at
    INTO holder, token_id, scopes, last_used_at FROM api_tokens AS t
    WHERE (t.token_hash = digest OR t.id = wanted)
      AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
  ELSIF kind = 'service' THEN
    RETURN QUERY
    SELECT NULL::uuid, ''::varchar, false,
           jsonb_build_object(t.organization_id, jsonb_build_object(
             'role', 'member', 'projects', jsonb_build_array(t.project_id))),
           t.id, t.scopes, t.last_used_at
    FROM service_tokens AS t
    WHERE (t.token_hash = digest OR t.id = wanted)
      AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
    RETURN;
  END IF;
  RETURN QUERY
  SELECT u.id, u.email, u.is_admin,
         coalesce((SELECT jsonb_object_agg(m.organization_id, jsonb_build_object(
                     'role', m.role, 'projects', to_jsonb(m.project_ids)))
                   FROM organization_members AS m
                   WHERE m.user_id = u.id AND m.joined_at IS NOT NULL), '{}'),
         token_id, scopes, last_used_at
  FROM users AS u WHERE u.id = holder;
END
$$
"""

# PostgreSQL gives a condition like @@ no index where row-level security has to be checked before it
# (the operator is not leakproof).
_SEARCH = """
CREATE FUNCTION autodeploy_search_{table}(organizations uuid[], query tsquery)
RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
SELECT id FROM {table}
WHERE organization_id = ANY ($1) AND to_tsvector('english', {document}) @@ $2
$$
"""
_DOCUMENTS = {
    "projects": "name || ' ' || coalesce(description, '') || ' the '"
    " || translate(name, '/._-', '    ')",
    "repositories": "full_name || ' the ' || translate(full_name, '/._-', '    ')",
}


def upgrade() -> None:
    op.execute(_IDENTIFY)
    for table, document in _DOCUMENTS.items():
        op.execute(_SEARCH.format(table=table, document=document))


def downgrade() -> None:
    for table in _DOCUMENTS:
        op.execute(f"DROP FUNCTION autodeploy_search_{table}(uuid[], tsquery)")
    op.execute("DROP FUNCTION autodeploy_identify(text, bytea, uuid)")
