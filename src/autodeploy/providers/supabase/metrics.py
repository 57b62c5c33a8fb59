"""How a database fares, by what PostgreSQL counts: asked with SQL, as a user who can only read.

Supabase runs such statements as ``supabase_read_only_user``, a member of ``pg_monitor``, and keeps
``pg_stat_statements`` in the schema ``extensions`` (migrations of github.com/supabase/postgres,
2026-11). Apps sign in as ``postgres``.
"""

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.models import Lenient
from autodeploy.providers.databases import DatabaseMetrics, StatementMetrics
from autodeploy.providers.supabase.api import SupabaseAccount

_LONGEST_STATEMENT = 1000
_SLOWEST = 10

_COUNTS = """
SELECT extract(epoch FROM clock_timestamp())::float8 AS measured_at,
  pg_database_size(d.datname) AS size_bytes,
  d.xact_commit, d.xact_rollback, d.deadlocks, d.blks_hit, d.blks_read, d.temp_bytes,
  extract(epoch FROM d.stats_reset)::float8 AS counted_since,
  current_setting('max_connections')::int AS connection_limit,
  s.connections, s.active, s.idle_in_transaction,
  to_regclass('extensions.pg_stat_statements') IS NOT NULL AS has_statements
FROM pg_stat_database AS d,
  (SELECT count(*) AS connections,
     count(*) FILTER (WHERE state = 'active') AS active,
     count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction
   FROM pg_stat_activity WHERE datname = current_database()) AS s
WHERE d.datname = current_database()
"""

_STATEMENTS = f"""
SELECT left(s.query, {_LONGEST_STATEMENT}) AS query, s.calls, s.total_exec_time AS total,
  s.mean_exec_time AS mean, s.rows
FROM extensions.pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid JOIN pg_roles AS r ON r.oid = s.userid
WHERE d.datname = current_database() AND r.rolname = 'postgres' AND s.toplevel
ORDER BY s.total_exec_time DESC LIMIT {_SLOWEST}
"""  # noqa: S608 - both are numbers of this module


class _Counts(Lenient):
    """Numbers of 64 bits come as text."""

    measured_at: float
    size_bytes: int
    xact_commit: int
    xact_rollback: int
    deadlocks: int
    blks_hit: int
    blks_read: int
    temp_bytes: int
    counted_since: float | None = None
    connection_limit: int
    connections: int
    active: int
    idle_in_transaction: int
    has_statements: bool


class _Statement(Lenient):
    query: str
    calls: int
    total: float
    mean: float
    rows: int


async def measure(account: SupabaseAccount, ref: str) -> DatabaseMetrics:
    """Raises ``NotFound``."""
    counts = next(iter(await account.query(ref, _COUNTS, _Counts)), None)
    if counts is None:
        raise NotFound("There is no such database at Supabase.")
    statements: list[_Statement] = []
    if counts.has_statements:
        statements = await account.query(ref, _STATEMENTS, _Statement)
    pages = counts.blks_hit + counts.blks_read
    return DatabaseMetrics(
        measured_at=counts.measured_at,
        size_bytes=counts.size_bytes,
        connections=counts.connections,
        connections_active=counts.active,
        connections_idle_in_transaction=counts.idle_in_transaction,
        connection_limit=counts.connection_limit,
        transactions_committed=counts.xact_commit,
        transactions_rolled_back=counts.xact_rollback,
        deadlocks=counts.deadlocks,
        cache_hit_ratio=counts.blks_hit / pages if pages else None,
        temporary_bytes=counts.temp_bytes,
        counted_since=counts.counted_since,
        slowest_statements=tuple(
            StatementMetrics(
                query=each.query,
                calls=each.calls,
                total_milliseconds=each.total,
                mean_milliseconds=each.mean,
                rows=each.rows,
            )
            for each in statements
        ),
    )
