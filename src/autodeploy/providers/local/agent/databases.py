"""The apps' databases: each with an owner that nobody signs in as, and logins that act as it.

Two logins, ``…_a`` and ``…_b``, take turns, so that a password is changed while programs that know
the one before go on. A third, for backups, may sign in only while one is made or restored.
"""

import asyncio
import secrets
from dataclasses import asdict
from typing import Any
from uuid import UUID

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.providers.databases import DatabaseHandle, DatabaseMetrics, StatementMetrics
from autodeploy.providers.local.agent.cluster import REPLACED, SCRATCH, AppCluster, Connection
from autodeploy.providers.local.layout import database_name

CONNECTION_LIMIT = 40
# What a database lets in beyond a login's own: the other login while they take turns, and backups.
_SPARE_CONNECTIONS = 10
_SLOTS = ("a", "b")
_SLOWEST = 10
_LONGEST_STATEMENT = 500


class AppDatabases:
    """Makes and drops databases and their logins, and measures them."""

    def __init__(self, cluster: AppCluster):
        self._cluster = cluster
        self._lock = asyncio.Lock()

    async def ensure(self, database_id: UUID) -> DatabaseHandle:
        """Make the database with its owner and a login, or give the login a new password."""
        name = database_name(database_id)
        async with self._lock, self._cluster.superuser() as connection:
            await _ensure_owner(connection, name)
            await make_database(connection, name, owner=name)
            return await self._open(connection, name, login_of(name, "a"))

    async def open_login(self, name: str, beside: str) -> DatabaseHandle:
        """Let the login sign in that is not ``beside``, with a new password.

        Raises ``NotFound``.
        """
        check_name(name)
        _check_login(name, beside)
        login = next(each for slot in _SLOTS if (each := login_of(name, slot)) != beside)
        async with self._lock, self._cluster.superuser() as connection:
            await _require(connection, name)
            return await self._open(connection, name, login)

    async def close_login(self, name: str, login: str) -> None:
        """Let ``login`` sign in no more and end its sessions. Idempotent."""
        check_name(name)
        _check_login(name, login)
        async with self._lock, self._cluster.superuser() as connection:
            if not await _role_exists(connection, login):
                return
            await connection.execute(f"ALTER ROLE {login} NOLOGIN PASSWORD NULL")
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", login
            )
        # What it made while it did not act as the owner must not depend on it.
        if login != name:
            async with self._cluster.superuser(name) as connection:
                await connection.execute(f"REASSIGN OWNED BY {login} TO {name}")

    async def destroy(self, name: str) -> None:
        """Drop the database with its sessions, its copies and its roles. Idempotent."""
        check_name(name)
        if not self._cluster.exists():
            return
        async with self._lock, self._cluster.superuser() as connection:
            for database in (name, name + SCRATCH, name + REPLACED):
                await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            for role in (*(login_of(name, slot) for slot in _SLOTS), backup_login(name), name):
                await connection.execute(f"DROP ROLE IF EXISTS {role}")

    async def list(self) -> list[dict[str, Any]]:
        """The databases of apps without their copies: name, size, and when each was made."""
        if not self._cluster.exists():
            return []
        async with self._cluster.superuser() as connection:
            rows = await connection.fetch(
                "SELECT datname AS name, pg_database_size(oid) AS size_bytes, extract(epoch FROM"
                " (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification)::float8"
                " AS made_at FROM pg_database WHERE datname ~ '^app_[0-9a-f]{32}$'"
            )
        # One that is being dropped has no file any more.
        return [dict(row) for row in rows if row["made_at"] is not None]

    async def measure(self, name: str) -> dict[str, Any]:
        """``DatabaseMetrics`` as JSON. Raises ``NotFound``."""
        check_name(name)
        async with self._cluster.superuser() as connection:
            await _require(connection, name)
            return asdict(await _measure(connection, name))

    async def _open(self, connection: Connection, name: str, login: str) -> DatabaseHandle:
        password = secrets.token_urlsafe(24)
        await set_login(connection, login, name, password)
        # Everything that it makes belongs to the owner, whichever login made it.
        await connection.execute(f"ALTER ROLE {login} SET role = '{name}'")
        server = await self._cluster.running()
        url = f"postgresql://{login}:{password}@127.0.0.1:{server.tcp_port}/{name}"
        return DatabaseHandle(external_id=name, url=url)


def login_of(name: str, slot: str) -> str:
    return f"{name}_{slot}"


def backup_login(name: str) -> str:
    return f"{name}_backup"


def check_name(name: str) -> None:
    """Raise ``InvalidInput`` for what is not the name of an app's database."""
    prefix, _, identifier = name.partition("_")
    if prefix != "app" or len(identifier) != 32 or set(identifier) - set("0123456789abcdef"):
        raise InvalidInput("This is not a database of this provider.", field="externalId")


def _check_login(name: str, login: str) -> None:
    # Databases of earlier versions have their owner as their one login.
    if login not in (name, *(login_of(name, slot) for slot in _SLOTS)):
        raise InvalidInput("This is not a login of the database.", field="login")


async def make_database(connection: Connection, name: str, *, owner: str) -> None:
    """Make the database unless it is there, closed to all roles but its owner's."""
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        # Of the template in which nobody has a session, the server's own clean-up least of all:
        # with one in it PostgreSQL refuses.
        await connection.execute(f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0")
    limit = CONNECTION_LIMIT + _SPARE_CONNECTIONS
    await connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {limit}")
    await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


async def set_login(
    connection: Connection, login: str, owner: str, password: str, *, options: str = ""
) -> None:
    """Make or change a login that acts as ``owner``, with this password."""
    # Neither holds a quote: names are made of an id, the password is URL-safe base64.
    verb = "ALTER" if await _role_exists(connection, login) else "CREATE"
    await connection.execute(
        f"{verb} ROLE {login} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE {options} "
        f"CONNECTION LIMIT {CONNECTION_LIMIT} PASSWORD '{password}'"
    )
    if login != owner:
        await connection.execute(f"GRANT {owner} TO {login}")


async def _ensure_owner(connection: Connection, name: str) -> None:
    if not await _role_exists(connection, name):
        await connection.execute(f"CREATE ROLE {name} NOLOGIN")


async def _role_exists(connection: Connection, role: str) -> bool:
    return bool(await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role))


async def _require(connection: Connection, name: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        raise NotFound("There is no such database on this machine.")


async def _measure(connection: Connection, name: str) -> DatabaseMetrics:
    totals = await connection.fetchrow(
        "SELECT clock_timestamp() AS at, pg_database_size(datname) AS size, xact_commit,"
        " xact_rollback, blks_hit, blks_read, deadlocks, temp_bytes, stats_reset"
        " FROM pg_stat_database WHERE datname = $1",
        name,
    )
    states = await connection.fetch(
        "SELECT coalesce(state, 'active') AS state, count(*) FROM pg_stat_activity"
        " WHERE datname = $1 GROUP BY 1",
        name,
    )
    sessions: dict[str, int] = {row["state"]: row["count"] for row in states}
    if totals is None:
        raise NotFound("There is no such database on this machine.")
    reads, hits = totals["blks_read"], totals["blks_hit"]
    return DatabaseMetrics(
        measured_at=totals["at"].timestamp(),
        size_bytes=totals["size"],
        connections=sum(sessions.values()),
        connections_active=sessions.get("active", 0),
        connections_idle_in_transaction=sum(
            count for state, count in sessions.items() if state.startswith("idle in transaction")
        ),
        connection_limit=CONNECTION_LIMIT,
        transactions_committed=totals["xact_commit"],
        transactions_rolled_back=totals["xact_rollback"],
        deadlocks=totals["deadlocks"],
        cache_hit_ratio=hits / (hits + reads) if hits + reads else None,
        temporary_bytes=totals["temp_bytes"],
        counted_since=totals["stats_reset"].timestamp() if totals["stats_reset"] else None,
        slowest_statements=await _slowest(connection, name),
    )


async def _slowest(connection: Connection, name: str) -> tuple[StatementMetrics, ...]:
    """What the app's own statements took: those of backups are of another role."""
    if not await connection.fetchval("SELECT to_regclass('pg_stat_statements') IS NOT NULL"):
        return ()
    rows = await connection.fetch(
        "SELECT left(s.query, $2) AS query, s.calls, s.total_exec_time, s.mean_exec_time,"
        " s.rows FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid"
        " JOIN pg_roles AS r ON r.oid = s.userid"
        " WHERE d.datname = $1 AND r.rolname = ANY ($3) AND s.toplevel"
        " ORDER BY s.total_exec_time DESC LIMIT $4",
        name,
        _LONGEST_STATEMENT,
        [name, *(login_of(name, slot) for slot in _SLOTS)],
        _SLOWEST,
    )
    return tuple(
        StatementMetrics(
            query=row["query"],
            calls=row["calls"],
            total_milliseconds=row["total_exec_time"],
            mean_milliseconds=row["mean_exec_time"],
            rows=row["rows"],
        )
        for row in rows
    )
