"""The apps' own PostgreSQL cluster: another server than AutoDeploy's, one role a database."""

import asyncio
import contextlib
import secrets
from pathlib import Path
from uuid import UUID

import asyncpg
import structlog

from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.kernel.errors import InvalidInput, Unavailable
from autodeploy.kernel.ports import is_free
from autodeploy.kernel.process import SystemUser
from autodeploy.providers.base import DatabaseHandle
from autodeploy.providers.local.agent.ports import STABLE_PORTS, free_port
from autodeploy.providers.local.layout import database_name

log = structlog.get_logger(__name__)

_CONNECTION_LIMIT = 40
_START_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 30.0
_SETTINGS = {"max_connections": "200", "statement_timeout": "0"}


class AppDatabases:
    """Starts the cluster on first need, keeps it running, makes and drops databases."""

    def __init__(self, home: Path, user: SystemUser | None):
        self._home = home
        self._user = user
        self._port_file = home / "apps-postgres.port"
        self._lock = asyncio.Lock()
        self._server: EmbeddedPostgres | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    def check(self) -> None:
        """Raise ``InvalidInput`` for a file of an earlier life that cannot be used."""
        if self._exists():
            _port(self._port_file)

    def start_existing(self) -> None:
        """Start the cluster when an earlier run made one: apps expect their data."""
        if self._exists():
            self._keep()

    def _exists(self) -> bool:
        return (self._home / "apps-postgres" / "PG_VERSION").exists()

    async def ensure(self, database_id: UUID) -> DatabaseHandle:
        """Make the database and its role, or give the role a new password."""
        name = database_name(database_id)
        password = secrets.token_urlsafe(24)
        async with self._lock:
            server = await self._running()
            connection = await self._connect(server)
            try:
                await _ensure(connection, name, password)
            finally:
                await connection.close()
        url = f"postgresql://{name}:{password}@127.0.0.1:{server.tcp_port}/{name}"
        return DatabaseHandle(external_id=name, url=url)

    async def destroy(self, name: str) -> None:
        """Drop the database with its sessions, and its role. Idempotent."""
        _check_name(name)
        if not self._exists():
            return
        async with self._lock:
            connection = await self._connect(await self._running())
            try:
                await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                await connection.execute(f"DROP ROLE IF EXISTS {name}")
            finally:
                await connection.close()

    async def close(self) -> None:
        """Stop the cluster."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._server is not None:
            await self._server.stop()

    async def _running(self) -> EmbeddedPostgres:
        server = self._keep()
        try:
            await asyncio.wait_for(self._ready.wait(), _START_SECONDS)
        except TimeoutError:
            raise _away(_why_not_started(server)) from None
        return server

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
            self._keeper = asyncio.create_task(self._keep_alive(self._server))
        return self._server

    async def _keep_alive(self, server: EmbeddedPostgres) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                process = await server.start()
                await server.wait_ready(_START_SECONDS)
            except (Unavailable, OSError):
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

    async def _connect(self, server: EmbeddedPostgres) -> "asyncpg.Connection[asyncpg.Record]":
        try:
            return await asyncpg.connect(
                host=str(server.sockets),
                port=server.tcp_port,
                user="postgres",
                password=server.password_file.read_text().strip(),
                database="postgres",
                timeout=10,
            )
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


async def _ensure(
    connection: "asyncpg.Connection[asyncpg.Record]", name: str, password: str
) -> None:
    # Neither holds a quote: the name is from an id, the password is URL-safe base64.
    _check_name(name)
    role = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
    verb = "ALTER" if role else "CREATE"
    await connection.execute(
        f"{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE "
        f"CONNECTION LIMIT {_CONNECTION_LIMIT} PASSWORD '{password}'"
    )
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
    # Databases are closed to all roles but their own.
    for database in (name, "postgres", "template1"):
        await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")


def _check_name(name: str) -> None:
    prefix, _, identifier = name.partition("_")
    if prefix != "app" or len(identifier) != 32 or set(identifier) - set("0123456789abcdef"):
        raise InvalidInput("This is not a database of this provider.", field="externalId")


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
