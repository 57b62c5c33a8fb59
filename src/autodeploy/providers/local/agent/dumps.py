"""Backups of the apps' databases, and their way back, by PostgreSQL's own pg_dump and pg_restore.

Both sign in as a role of the database's own: what an app has written into its database, such as
the function of a constraint, runs with no more rights here than it has in the app.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.process import SystemUser, spawn, stop
from autodeploy.providers.local.agent.cluster import REPLACED, SCRATCH, AppCluster, Connection
from autodeploy.providers.local.agent.databases import (
    backup_login,
    check_name,
    make_database,
    set_login,
)

_AT_ONCE = 2
_CHUNK_BYTES = 1 << 18
_SWAP_ATTEMPTS = 20
_LARGE_OBJECTS = "(large objects)"
# Values are compared as text, which must not differ by the settings of a role or database.
_SETTINGS = {
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "3",
    "lc_monetary": "C",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "jit": "off",
}
# Tables of extensions are made by the extension, and pg_dump leaves their rows to it.
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
# As in: invalid input syntax for type integer: "value"
_VALUE = re.compile(r': ".*"')
_SUM = "coalesce(sum(hashtextextended({text}, 0)), 0)::text"


@dataclass
class Dump:
    """A backup under way: ``tables`` is what the snapshot holds. ``close`` it in any case."""

    tables: list[dict[str, Any]]
    process: asyncio.subprocess.Process
    resources: AsyncExitStack

    async def chunks(self) -> AsyncIterator[bytes]:
        """One line of JSON with the tables, then what pg_dump writes.

        Raises when pg_dump fails, so that nobody takes a part for the whole.
        """
        yield json.dumps({"tables": self.tables}).encode() + b"\n"
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(_CHUNK_BYTES):
            yield chunk
        code = await self.process.wait()
        if code != 0:
            raise RuntimeError(f"pg_dump ended with exit code {code}")

    async def close(self) -> None:
        await self.resources.aclose()


class Dumps:
    """Writes and reads dumps, one of a database at a time."""

    def __init__(self, cluster: AppCluster, user: SystemUser | None):
        self._cluster = cluster
        self._user = user
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def begin(self, name: str) -> Dump:
        """Count and sum up the tables, and begin a dump of the same moment. Raises ``NotFound``."""
        check_name(name)
        async with AsyncExitStack() as resources:
            await resources.enter_async_context(self._locks[name])
            await resources.enter_async_context(self._slots)
            password = await resources.enter_async_context(self._login(name))
            connection = await resources.enter_async_context(self._session(name, name, password))
            await resources.enter_async_context(
                connection.transaction(isolation="repeatable_read", readonly=True)
            )
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            tables = await _sum_up(connection)
            process = await self._start(
                "pg_dump", name, name, password, "--format=custom", "--compress=gzip:1",
                f"--snapshot={snapshot}", stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            resources.push_async_callback(stop, process, grace_seconds=1)
            return Dump(tables, process, resources.pop_all())
        raise AssertionError("unreachable")

    async def restore(
        self, name: str, chunks: AsyncIterator[bytes], *, keep_as: str | None
    ) -> list[dict[str, Any]]:
        """Bring a dump back into a scratch database beside ``name``; what its tables hold then.

        The scratch database is dropped, unless ``keep_as`` names the restore that ``adopt`` is to
        be called for. Raises ``NotFound``, and ``Conflict`` with what PostgreSQL did not accept.
        """
        check_name(name)
        scratch = name + SCRATCH
        async with self._locks[name], self._slots, self._login(name) as password:
            kept = False
            try:
                await self._make_scratch(name, keep_as)
                await self._read_back(name, chunks, password)
                async with self._session(name, scratch, password) as connection:
                    tables = await _sum_up(connection)
                kept = keep_as is not None
                return tables
            finally:
                if not kept:
                    await asyncio.shield(self._drop(scratch))

    async def adopt(self, name: str, restore: str) -> None:
        """Put the copy that ``restore`` made in the place of the database. Idempotent.

        Sessions of the database end. Raises ``NotFound`` where the copy is gone.
        """
        check_name(name)
        async with self._locks[name], self._cluster.superuser() as connection:
            if await _mark_of(connection, name) == restore:
                await self._drop(name + REPLACED)
                return
            if await _mark_of(connection, name + SCRATCH) != restore:
                raise NotFound("The restored copy is not there any more.")
            await _swap(connection, name)
            await self._drop(name + REPLACED)

    async def discard(self, name: str) -> None:
        """Drop a restored copy that is not to be adopted. Idempotent."""
        check_name(name)
        async with self._locks[name]:
            await self._drop(name + SCRATCH)

    async def restored_by(self, name: str) -> str | None:
        """Which restore the data of the database came with last, if any."""
        check_name(name)
        async with self._cluster.superuser() as connection:
            return await _mark_of(connection, name)

    async def _make_scratch(self, name: str, mark: str | None) -> None:
        async with self._cluster.superuser() as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {name + SCRATCH} WITH (FORCE)")
            await make_database(connection, name + SCRATCH, owner=name)
            if mark is not None:
                quoted = await connection.fetchval("SELECT quote_literal($1)", mark)
                await connection.execute(f"COMMENT ON DATABASE {name + SCRATCH} IS {quoted}")

    async def _read_back(self, name: str, chunks: AsyncIterator[bytes], password: str) -> None:
        process = await self._start(
            "pg_restore", name, name + SCRATCH, password, f"--role={name}", "--no-owner",
            "--no-privileges", "--no-publications", "--no-subscriptions", "--single-transaction",
            "--exit-on-error", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        reading = asyncio.create_task(process.stderr.read())
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                async for chunk in chunks:
                    process.stdin.write(chunk)
                    await process.stdin.drain()
                process.stdin.close()
            said = await reading
            code = await process.wait()
        finally:
            reading.cancel()
            await stop(process, grace_seconds=1)
        if code != 0:
            raise Conflict(
                f"The backup does not restore: {_reason(said)}",
                remedy="Take another backup: this one is of no use.",
            )

    async def _start(
        self, program: str, name: str, database: str, password: str, *options: str, **pipes: Any
    ) -> asyncio.subprocess.Process:
        server = await self._cluster.running()
        pipes.setdefault("stderr", asyncio.subprocess.DEVNULL)
        return await spawn(
            [
                str(server.programs / program),
                *("--host", str(server.sockets), "--port", str(server.tcp_port)),
                *("--username", backup_login(name), "--dbname", database, "--no-password"),
                *options,
            ],
            env={"PATH": os.defpath, "TZ": "UTC", "PGPASSWORD": password},
            cwd=server.sockets,  # by its data folder the server's own processes are told
            user=self._user,
            **pipes,
        )

    @asynccontextmanager
    async def _login(self, name: str) -> AsyncIterator[str]:
        """Let the role for backups sign in; its password. Nobody can before and after."""
        password = secrets.token_urlsafe(24)
        login = backup_login(name)
        async with self._cluster.superuser() as connection:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
                raise NotFound("There is no such database on this machine.")
            # It reads what row-level security hides from the owner itself, too.
            await set_login(connection, login, name, password, options="BYPASSRLS")
        try:
            yield password
        finally:
            await asyncio.shield(self._close_login(login))

    async def _close_login(self, login: str) -> None:
        async with self._cluster.superuser() as connection:
            if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", login):
                await connection.execute(f"ALTER ROLE {login} NOLOGIN PASSWORD NULL")

    @asynccontextmanager
    async def _session(self, name: str, database: str, password: str) -> AsyncIterator[Connection]:
        server = await self._cluster.running()
        connection = await asyncpg.connect(
            host=str(server.sockets),
            port=server.tcp_port,
            user=backup_login(name),
            password=password,
            database=database,
            timeout=10,
            server_settings=_SETTINGS,
        )
        try:
            yield connection
        finally:
            connection.terminate()

    async def _drop(self, database: str) -> None:
        async with self._cluster.superuser() as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def _reason(said: bytes) -> str:
    """The first thing that pg_restore complains about, without values, which are the app's data."""
    lines = said.decode(errors="replace").strip().splitlines()
    return _VALUE.sub(": …", lines[0])[:300] if lines else "pg_restore does not say why."


async def _sum_up(connection: Connection) -> list[dict[str, Any]]:
    """Rows of each table and a checksum of them, which their order does not change."""
    found = []
    for table in await connection.fetch(_TABLES):
        quoted = ".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in table)
        total = _SUM.format(text="ROW(autodeploy_row.*)::text")
        row = await connection.fetchrow(
            f"SELECT count(*) AS rows, {total} AS checksum"  # noqa: S608 - quoted above
            f" FROM ONLY {quoted} AS autodeploy_row"
        )
        assert row is not None
        found.append({"name": f"{table['schema']}.{table['name']}", **row})
    total = _SUM.format(text="oid || encode(lo_get(oid), 'hex')")
    row = await connection.fetchrow(
        f"SELECT count(*) AS rows, {total} AS checksum FROM pg_largeobject_metadata"  # noqa: S608
    )
    if row is not None and row["rows"]:
        found.append({"name": _LARGE_OBJECTS, **row})
    return found


async def _mark_of(connection: Connection, database: str) -> str | None:
    row = await connection.fetchrow(
        "SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1",
        database,
    )
    if row is None:
        return None
    mark: str | None = row["mark"]
    return mark


async def _swap(connection: Connection, name: str) -> None:
    """Give the scratch database the name of the other, in one transaction."""
    await connection.execute(f"DROP DATABASE IF EXISTS {name + REPLACED} WITH (FORCE)")
    for attempt in range(_SWAP_ATTEMPTS):
        # An app that connects again at once must not get in between.
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY ($1)",
            [name, name + SCRATCH],
        )
        try:
            async with connection.transaction():
                await connection.execute(f"ALTER DATABASE {name} RENAME TO {name + REPLACED}")
                await connection.execute(f"ALTER DATABASE {name + SCRATCH} RENAME TO {name}")
            return
        except asyncpg.ObjectInUseError:
            if attempt == _SWAP_ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.1)
        finally:
            await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
