"""Infrastructure for every test: real PostgreSQL, real Valkey, a home folder, the resources.

The servers start once a session, on unix sockets in a folder of their own, and die with this
process. A test gets a fresh database (a copy of a migrated one) and an empty Redis database.
"""

import asyncio
import contextlib
import functools
import hashlib
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import pytest

from autodeploy.kernel.db import Database
from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.heap import defer_collections, keep_from_collections
from autodeploy.kernel.process import SystemUser, ensure_system_user
from autodeploy.kernel.resources import Resources

if TYPE_CHECKING:
    from tests.bao import Bao

_MOST_PROCESSES = 4
_LONGEST = "tests/chaos/test_chaos.py"
_TEMPLATE = "autodeploy_template"
_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_numbers = itertools.count(1)

#: What is defined in a database; a definition that is replaced is another version of its row.
_SCHEMA = """
SELECT md5(string_agg(definition, ',' ORDER BY definition)) FROM (
  SELECT concat_ws(' ', tableoid, oid, xmin) FROM pg_class WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', tableoid, oid, xmin) FROM pg_constraint WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', tableoid, oid, xmin) FROM pg_trigger WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', tableoid, oid, xmin) FROM pg_policy WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', tableoid, oid, xmin) FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT concat_ws(' ', tableoid, oid, xmin) FROM pg_namespace
  UNION ALL SELECT concat_ws(' ', setdatabase, setrole, setconfig) FROM pg_db_role_setting
  UNION ALL SELECT version_num FROM alembic_version
) AS defined (definition)
"""
_END_SESSIONS = """
DO $$
BEGIN
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = '{name}' AND pid <> {kept};
  WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{name}' AND pid <> {kept}) LOOP
    PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
  END LOOP;
END $$
"""
# As on a replica: without the triggers that keep references whole and forbid to delete.
_EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE one regclass;
BEGIN
  FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname <> 'alembic_version'
    AND relnamespace = 'public'::regnamespace
  LOOP EXECUTE 'DELETE FROM ' || one; END LOOP;
  FOR one IN SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
  LOOP PERFORM setval(one, 1, false); END LOOP;
END $$;
"""
_unused: list["_TestDatabase"] = []


# The tests themselves stay to the end: to walk them takes a second, and is done time and again.
defer_collections()


def pytest_collection_finish() -> None:
    keep_from_collections()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in an order that mixes those that wait with those that compute, for the processes that
    run them side by side, and the longest first."""
    items.sort(
        key=lambda item: (_LONGEST not in item.nodeid, _mixed(item.nodeid.partition("::")[0]))
    )


def _mixed(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


def pytest_xdist_auto_num_workers() -> int:
    """How many processes run the tests.

    More than there are cores: about half of the time, a test waits for what it has started.
    """
    return min(_MOST_PROCESSES, len(os.sched_getaffinity(0)) * 3 // 2)


def make_home() -> Path:
    """A short folder that other users can pass through, which pytest's ``tmp_path`` is not."""
    home = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    home.chmod(0o711)
    return home


@pytest.fixture(scope="session")
def system_user() -> SystemUser | None:
    """Whom the parts run as: a system user when we are root, else ourselves."""
    return ensure_system_user("autodeploy") if os.geteuid() == 0 else None


@pytest.fixture(scope="session")
def _servers() -> Iterator[tuple[Path, asyncio.AbstractEventLoop]]:
    """The folder of the session's servers and the loop that starts and stops them."""
    home = make_home()
    loop = asyncio.new_event_loop()
    yield home, loop
    loop.close()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(
    _servers: tuple[Path, asyncio.AbstractEventLoop], system_user: SystemUser | None
) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL that holds a migrated template database.

    ``AUTODEPLOY_TEST_ROW_SECURITY=off`` leaves it to the application's checks alone to protect
    tenants, as ``make mutate-authz`` does.
    """
    from autodeploy.migrations.upgrade import upgrade

    home, loop = _servers
    password = home / "postgres.password"
    password.write_text(secrets.token_urlsafe(16))
    server = EmbeddedPostgres(
        home / "postgres", home / "run", password, home / "postgres.log", system_user, None, _QUICK
    )
    loop.run_until_complete(server.start())
    try:
        loop.run_until_complete(server.wait_ready())
        loop.run_until_complete(upgrade(server.url(_TEMPLATE)))
        if os.environ.get("AUTODEPLOY_TEST_ROW_SECURITY") == "off":
            loop.run_until_complete(_disable_row_security(server.url(_TEMPLATE)))
        yield server
    finally:
        loop.run_until_complete(server.stop())


async def _disable_row_security(url: str) -> None:
    owner = await asyncpg.connect(url)
    for row in await owner.fetch("SELECT relname FROM pg_class WHERE relrowsecurity"):
        await owner.execute(f'ALTER TABLE "{row["relname"]}" DISABLE ROW LEVEL SECURITY')
    await owner.close()


@pytest.fixture(scope="session")
def valkey(
    _servers: tuple[Path, asyncio.AbstractEventLoop], system_user: SystemUser | None
) -> Iterator[EmbeddedValkey]:
    """A running Valkey."""
    home, loop = _servers
    server = EmbeddedValkey(
        home / "valkey", home / "run-valkey" / "valkey.sock", home / "valkey.log", system_user
    )
    loop.run_until_complete(server.start())
    try:
        loop.run_until_complete(server.wait_ready())
        yield server
    finally:
        loop.run_until_complete(server.stop())


@pytest.fixture(scope="session")
def bao(_servers: tuple[Path, asyncio.AbstractEventLoop]) -> Iterator["Bao"]:
    """A vault server for the session; a test makes a key and a role of its own in it."""
    from tests.bao import Bao

    server = Bao(_servers[0] / "bao")
    yield server
    server.close()


@pytest.fixture(scope="session")
def _server(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """Where the databases of tests are made and removed."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        yield connection
    while _unused:
        _unused.pop().owner.close()


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, _server: psycopg.Connection) -> Iterator[str]:
    """The owner's URL of a migrated database that holds no rows.

    PostgreSQL takes a fifth of a second to copy the template and a hundredth to delete the rows of
    a test, so the next test gets the same database, unless more than its rows was changed.
    """
    if not _unused:
        name = f"test_{next(_numbers)}"
        _server.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        _unused.append(_TestDatabase.of(name, postgres.url(name)))
    database = _unused.pop()
    yield database.url
    kept = database.owner.info.backend_pid
    _server.execute(_END_SESSIONS.format(name=database.name, kept=kept))
    if database.emptied():
        _unused.append(database)
    else:
        database.owner.close()
        _server.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")


@dataclass(frozen=True)
class _TestDatabase:
    """``schema`` is another one as soon as anything is defined or changed in the database. The
    session of ``owner`` is kept: what a new one reads of the tables takes longer than most tests.
    """

    name: str
    url: str
    owner: psycopg.Connection
    schema: str

    @classmethod
    def of(cls, name: str, url: str) -> "_TestDatabase":
        owner = psycopg.connect(url, autocommit=True)
        return cls(name, url, owner, _schema(owner))

    def emptied(self) -> bool:
        """Delete all rows; False where that would not do, or a test has dropped the database."""
        with contextlib.suppress(psycopg.OperationalError):
            if _schema(self.owner) == self.schema:
                self.owner.execute(_EMPTY)
                return True
        return False


def _schema(owner: psycopg.Connection) -> str:
    row = owner.execute(_SCHEMA).fetchone()
    assert row is not None
    return str(row[0])


def open_database(url: str, role: str | None = None) -> Database:
    """A database to be closed after the test, on an engine that remembers the statements that it
    compiled for other tests."""
    database = Database(url, role=role)
    shared = _engine(url, role)
    # A test that has not closed it leaves connections of a loop that is gone.
    shared.engine.sync_engine.dispose(close=False)
    database.engine, database._sessions = shared.engine, shared._sessions
    return database


@functools.cache
def _engine(url: str, role: str | None) -> Database:
    return Database(url, role=role)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The fresh database, with the rights that workers have: they see every tenant's rows. The
    application of tests/api has the API's, and sees its caller's."""
    database = open_database(database_url, "autodeploy_worker")
    yield database
    await database.close()


@pytest.fixture
async def owner_database(database_url: str) -> AsyncIterator[Database]:
    """The fresh database, as its owner sees it."""
    database = open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
def key_file(home: Path) -> Path:
    """A master key where the platform of ``home`` has it."""
    from autodeploy.kernel.vault import generate_master_key_file

    path = home / "secrets" / "master.key"
    path.parent.mkdir()
    generate_master_key_file(path)
    return path


@pytest.fixture
async def redis_url(valkey: EmbeddedValkey) -> str:
    """The URL of an empty Redis database."""
    return await empty_redis(valkey)


async def empty_redis(valkey: EmbeddedValkey) -> str:
    """The URL of a database that holds nothing."""
    number = next(_numbers) % 64
    reader, writer = await asyncio.open_unix_connection(str(valkey.socket))
    writer.write(f"SELECT {number}\r\nFLUSHDB\r\n".encode())
    assert await reader.readline() == b"+OK\r\n"
    assert await reader.readline() == b"+OK\r\n"
    writer.close()
    await writer.wait_closed()
    return f"{valkey.url}?db={number}"


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home folder, removed after the test."""
    home = make_home()
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Logging is afterwards as it was, whatever a test sets it up to."""
    import logging

    import structlog

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@asynccontextmanager
async def make_resources(
    database: Database, redis_url: str, home: Path
) -> AsyncIterator[Resources]:
    """What services take, all of it real."""
    from autodeploy.kernel.cache import Cache
    from autodeploy.kernel.events import EventBus
    from autodeploy.kernel.git.remote import GitClient
    from autodeploy.kernel.http.posting import Poster
    from autodeploy.kernel.mail import Mailer, Outbox
    from autodeploy.kernel.objects import ObjectStore
    from autodeploy.kernel.queue import Queues
    from autodeploy.kernel.ratelimit import RateLimiter
    from autodeploy.kernel.signing import TokenSigner, generate_signing_key
    from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault

    queues = Queues.connect(redis_url)
    events = EventBus.connect(redis_url)
    cache = Cache.connect(redis_url)
    mail = Mailer(Outbox(home / "outbox"), sender="autodeploy@example.com", retry_seconds=())
    generate_signing_key(home / "jwt.pem")
    yield Resources(
        db=database,
        queues=queues,
        events=events,
        cache=cache,
        objects=ObjectStore.open(f"file://{home}/objects"),
        vault=Vault(EmbeddedBackend(Keyring.of(secrets.token_bytes(32)))),
        signer=TokenSigner.load(home / "jwt.pem"),
        git=GitClient(allow_private_addresses=True),
        poster=(poster := Poster(allow_private_addresses=True)),
        mail=mail,
        limiter=RateLimiter(cache.redis),
        public_url="https://autodeploy.test",
        home=home,
    )
    await mail.flush()
    await poster.close()
    await cache.close()
    await events.close()
    await queues.close()


@pytest.fixture
async def resources(database: Database, redis_url: str, home: Path) -> AsyncIterator[Resources]:
    """What services take, all of it real."""
    async with make_resources(database, redis_url, home) as resources:
        yield resources
