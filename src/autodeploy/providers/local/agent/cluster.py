"""The apps' own PostgreSQL cluster: another server than AutoDeploy's, kept alive once begun."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import structlog

from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.kernel.errors import InvalidInput, Unavailable
from autodeploy.kernel.ports import is_free
from autodeploy.kernel.process import SystemUser
from autodeploy.providers.local.agent.ports import STABLE_PORTS, free_port

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # its class takes no parameters when it runs

#: What a database that is made beside an app's own is called: a restored copy until it is checked
#: and takes its place, and the one whose place it took. Neither outlives a start of the server.
SCRATCH = "_scratch"
REPLACED = "_replaced"

_START_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 30.0
_SETTINGS = {
    "max_connections": "200",
    "statement_timeout": "0",
}
_STATEMENT_SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "1000",
    # Statements such as ALTER ROLE hold their passwords; of queries only the shape is kept.
    "pg_stat_statements.track_utility": "off",
}


class AppCluster:
    """Starts the server on first need and again whenever it ends."""

    def __init__(self, home: Path, user: SystemUser | None):
        self._home = home
        self._user = user
        self._port_file = home / "apps-postgres.port"
        self._server: EmbeddedPostgres | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    def check(self) -> None:
        """Raise ``InvalidInput`` for a file of an earlier life that cannot be used."""
        if self.exists():
            _port(self._port_file)

    def exists(self) -> bool:
        """Whether an earlier run, or this one, has made the cluster."""
        return (self._home / "apps-postgres" / "PG_VERSION").exists()

    def start_existing(self) -> None:
        """Start the cluster when an earlier run made one: apps expect their data."""
        if self.exists():
            self._keep()

    async def running(self) -> EmbeddedPostgres:
        """The server, once it takes sessions. Raises ``Unavailable``."""
        server = self._keep()
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise _away(_why_not_started(server)) from None
        return server

    @asynccontextmanager
    async def superuser(self, database: str = "postgres") -> AsyncIterator[Connection]:
        """A session with all rights. What it runs must never call what an app has written."""
        connection = await _connect(await self.running(), database)
        try:
            yield connection
        finally:
            await connection.close()

    async def close(self) -> None:
        """Stop the server."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._server is not None:
            await self._server.stop()

    def _keep(self) -> EmbeddedPostgres:
        """The server, kept alive from now on. Its port is chosen once, since it is in URLs."""
        if self._server is None:
            self._server = EmbeddedPostgres(
                data=self._home / "apps-postgres",
                sockets=self._home / "run" / "apps-postgres",
                password_file=_password_file(self._home / "secrets" / "apps-postgres.password"),
                log=self._home / "logs" / "apps-postgres.log",
                user=self._user,
                tcp_port=_port(self._port_file),
                settings=_SETTINGS,
            )
            # A server of the operator's own may lack the library, and would not start with it.
            if (self._server.programs.parent / "lib" / "pg_stat_statements.so").exists():
                self._server.settings |= _STATEMENT_SETTINGS
            self._keeper = asyncio.create_task(self._keep_alive(self._server))
        return self._server

    async def _keep_alive(self, server: EmbeddedPostgres) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                process = await server.start()
                await server.wait_ready(_START_SECONDS)
                await _prepare(server)
            except (Unavailable, OSError, asyncpg.PostgresError):
                # After a crash the old server's processes may need a moment to go.
                log.warning("apps_postgres.start_failed", exc_info=True)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                continue
            pause = _FIRST_PAUSE_SECONDS
            self._ready.set()
            code = await process.wait()
            self._ready.clear()
            log.error("apps_postgres.ended", exit_code=code)


async def _prepare(server: EmbeddedPostgres) -> None:
    """Close the server's own databases to apps, let statements be counted, and clear up what a
    restore left when the server ended."""
    connection = await _connect(server, "postgres")
    try:
        # Here, where nobody else does: of two sessions that do it at once PostgreSQL refuses one.
        for database in ("postgres", "template1"):
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        if "shared_preload_libraries" in server.settings:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        names = await connection.fetch(
            "SELECT datname FROM pg_database WHERE datname ~ $1",
            f"^app_[0-9a-f]{{32}}({SCRATCH}|{REPLACED})$",
        )
        for (name,) in names:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        closed = await connection.fetch(
            "SELECT datname FROM pg_database WHERE datname ~ '^app_[0-9a-f]{32}$'"
            " AND NOT datallowconn"
        )
        for (name,) in closed:
            await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await connection.close()


async def _connect(server: EmbeddedPostgres, database: str) -> Connection:
    try:
        return await asyncpg.connect(
            host=str(server.sockets),
            port=server.tcp_port,
            user="postgres",
            password=server.password_file.read_text().strip(),
            database=database,
            timeout=10,
        )
    except asyncpg.InvalidCatalogNameError:
        raise
    except (OSError, asyncpg.PostgresError) as error:
        raise _away(type(error).__name__) from error


def _away(reason: str) -> Unavailable:
    return Unavailable(
        f"The apps' database server does not answer: {reason}.",
        remedy="It is started again by itself. See logs/apps-postgres.log.",
    )


def _why_not_started(server: EmbeddedPostgres) -> str:
    port = server.tcp_port
    assert port is not None
    ended = server.process is None or server.process.returncode is not None
    taken = ended and not is_free(port)
    return f"another program has its port {port}" if taken else "it did not start"


def _password_file(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        part = path.with_suffix(".new")
        part.touch(mode=0o600)
        part.write_text(secrets.token_urlsafe(32))
        part.rename(path)
    return path


def _port(path: Path) -> int:
    """The port that is in the apps' URLs, chosen once."""
    if not path.exists():
        part = path.with_suffix(".new")
        part.write_text(str(free_port(STABLE_PORTS, ())))
        part.rename(path)
    try:
        return int(path.read_text())
    except ValueError:
        raise InvalidInput(
            f"{path} does not hold the port of the apps' PostgreSQL.",
            remedy="Write the number behind -p in apps-postgres/postmaster.opts into it: the URLs "
            "of the apps' databases have that port.",
        ) from None
