"""Databases of apps: a real cluster of their own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from autodeploy.kernel.errors import InvalidInput, Unavailable
from autodeploy.kernel.process import SystemUser
from autodeploy.providers.base import App
from autodeploy.providers.databases import DatabaseHandle
from autodeploy.providers.local.agent import cluster as agent_cluster
from autodeploy.providers.local.agent.cluster import AppCluster
from autodeploy.providers.local.agent.databases import AppDatabases
from autodeploy.providers.local.provider import LocalProvider

from .conftest import LOST, Lines, Node, database_request


async def test_database_accepts_its_role_and_no_other(provider: LocalProvider, app: App) -> None:
    request = database_request(app)
    mine = await provider.ensure_database(request, Lines())
    other = await provider.ensure_database(database_request(app, "b"), Lines())
    assert urlsplit(mine.url).hostname == "127.0.0.1"

    connection = await asyncpg.connect(mine.url)
    try:
        await connection.execute(
            "CREATE TABLE public.things (id int); INSERT INTO things VALUES (1)"
        )
        assert await connection.fetchval("SELECT count(*) FROM things") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE DATABASE more")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("COPY things TO PROGRAM 'id'")
    finally:
        await connection.close()

    for foreign in (other.external_id, "postgres", "template1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(mine.url.rpartition("/")[0] + f"/{foreign}")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(mine.url.replace(f":{urlsplit(mine.url).password}@", ":guess@"))


async def test_ensuring_again_keeps_the_data(provider: LocalProvider, app: App) -> None:
    request = database_request(app)
    first = await provider.ensure_database(request, Lines())
    connection = await asyncpg.connect(first.url)
    await connection.execute("CREATE TABLE kept (id int)")
    await connection.close()
    second = await provider.ensure_database(request, Lines())
    assert second.external_id == first.external_id
    assert second.url != first.url
    connection = await asyncpg.connect(second.url)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    await connection.close()


async def test_destroyed_database_is_gone_even_while_used(
    provider: LocalProvider, app: App
) -> None:
    request = database_request(app)
    handle = await provider.ensure_database(request, Lines())
    connection = await asyncpg.connect(handle.url)
    await provider.destroy_database(handle.external_id)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    await connection.close()
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(handle.url)
    await provider.destroy_database(handle.external_id)
    await provider.destroy_database(str(request.database_id))


@pytest.mark.parametrize("name", ["postgres", "app_x", "app_;drop", "template1"])
async def test_foreign_database_is_never_dropped(provider: LocalProvider, name: str) -> None:
    with pytest.raises(InvalidInput):
        await provider.destroy_database(name)


async def test_port_that_another_program_took_is_named(
    home: Path, system_user: SystemUser | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_cluster, "_START_SECONDS", 15.0)
    for folder in ("run", "logs"):
        (home / folder).mkdir()
        (home / folder).chmod(0o711)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (home / "apps-postgres.port").write_text(str(port))
        cluster = AppCluster(home, system_user)
        databases = AppDatabases(cluster)
        with pytest.raises(Unavailable, match=f"another program has its port {port}"):
            await databases.ensure(uuid4())
    await databases.ensure(uuid4())
    await cluster.close()


Connect = Callable[[str], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens sessions, which end with the test."""
    opened: list[asyncpg.Connection[asyncpg.Record]] = []

    async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
        opened.append(await asyncpg.connect(url))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.terminate()


def login_of(url: str) -> str:
    return urlsplit(url).username or ""


async def test_logins_take_turns_and_own_the_same_things(
    provider: LocalProvider, app: App, connect: Connect
) -> None:
    first = await provider.ensure_database(database_request(app), Lines())
    old = await connect(first.url)
    await old.execute("CREATE TABLE things (id int); INSERT INTO things VALUES (1)")
    second = await provider.open_login(first.external_id, login_of(first.url))
    assert login_of(second.url) != login_of(first.url)

    # Both work, in sessions that are there and in new ones.
    new, again = await connect(second.url), await connect(first.url)
    await new.execute("ALTER TABLE things ADD COLUMN name text; CREATE TABLE more (id int)")
    await old.execute("INSERT INTO more VALUES (1); DROP TABLE things")

    await provider.close_login(first.external_id, login_of(first.url))
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await again.fetchval("SELECT 1")
    with pytest.raises(asyncpg.PostgresError):
        await connect(first.url)
    assert await new.fetchval("SELECT count(*) FROM more") == 1
    third = await provider.open_login(first.external_id, login_of(second.url))
    assert login_of(third.url) == login_of(first.url)
    assert await (await connect(third.url)).fetchval("SELECT count(*) FROM more") == 1
    await provider.close_login(first.external_id, login_of(first.url))
    await provider.close_login(first.external_id, login_of(first.url))


async def test_owner_that_was_the_login_of_earlier_versions_gives_way_to_one(
    provider: LocalProvider, app: App, node: Node, connect: Connect
) -> None:
    first = await provider.ensure_database(database_request(app), Lines())
    owner, port = first.external_id, urlsplit(first.url).port
    password = (node.home / "secrets/apps-postgres.password").read_text().strip()
    superuser = await connect(
        f"postgresql://postgres:{password}@/postgres?host={node.home}/run/apps-postgres&port={port}"
    )
    await superuser.execute(f"ALTER ROLE {owner} LOGIN PASSWORD 'earlier'; DROP ROLE {owner}_a")
    earlier = f"postgresql://{owner}:earlier@127.0.0.1:{port}/{owner}"
    old = await connect(earlier)
    await old.execute("CREATE TABLE things (id int)")

    second = await provider.open_login(owner, owner)
    new = await connect(second.url)
    await new.execute("ALTER TABLE things ADD COLUMN name text")
    await old.execute("INSERT INTO things VALUES (1)")
    await provider.close_login(owner, owner)
    with pytest.raises(LOST):
        await old.fetchval("SELECT 1")
    with pytest.raises(asyncpg.PostgresError):
        await connect(earlier)
    assert await new.fetchval("SELECT count(*) FROM things") == 1


async def test_what_a_login_made_as_itself_stays_the_databases(
    provider: LocalProvider, app: App, connect: Connect
) -> None:
    first = await provider.ensure_database(database_request(app), Lines())
    mine = await connect(first.url)
    await mine.execute("CREATE SCHEMA own; GRANT ALL ON SCHEMA own TO PUBLIC; SET ROLE NONE")
    await mine.execute("CREATE TABLE own.things (id int)")
    second = await provider.open_login(first.external_id, login_of(first.url))
    await provider.close_login(first.external_id, login_of(first.url))
    await (await connect(second.url)).execute("DROP TABLE own.things")


@pytest.mark.parametrize("login", ["postgres", "app_x_a", "x; DROP ROLE postgres"])
async def test_logins_of_others_are_never_touched(
    provider: LocalProvider, app: App, login: str
) -> None:
    mine = await provider.ensure_database(database_request(app), Lines())
    with pytest.raises(InvalidInput):
        await provider.close_login(mine.external_id, login)
    with pytest.raises(InvalidInput):
        await provider.open_login(mine.external_id, login)


async def test_metrics_are_those_of_the_database_and_its_statements(
    provider: LocalProvider, app: App, connect: Connect
) -> None:
    mine, other = [
        await provider.ensure_database(database_request(app, name), Lines())
        for name in ("main", "other")
    ]
    elsewhere = await connect(other.url)
    await elsewhere.execute("CREATE TABLE secret_things (id int)")
    await elsewhere.fetch("SELECT * FROM secret_things")
    connection = await connect(mine.url)
    before = await provider.measure_database(mine.external_id)
    await connection.execute("CREATE TABLE things AS SELECT generate_series(1, 50000) AS id")
    await connection.execute("SET my.setting = 'hunter2'")
    for number in range(3):
        await connection.fetch("SELECT count(*) FROM things WHERE id <> 4711 + $1", number)
    await connection.execute("BEGIN; SELECT 1")
    await connection.execute("SELECT pg_stat_force_next_flush()")
    after = await provider.measure_database(mine.external_id)

    assert after.size_bytes > before.size_bytes + 50_000 * 28
    assert (after.connections, after.connections_idle_in_transaction) == (1, 1)
    assert after.connection_limit == 40
    assert after.measured_at > before.measured_at
    assert after.cache_hit_ratio is not None
    assert 0 < after.cache_hit_ratio <= 1
    [counting] = [one for one in after.slowest_statements if "count(*)" in one.query]
    assert (counting.calls, counting.rows) == (3, 3)
    assert 0 < counting.mean_milliseconds < counting.total_milliseconds
    shown = "".join(one.query for one in after.slowest_statements)
    for hidden in ("4711", "hunter2", "secret_things", "pg_stat_statements"):
        assert hidden not in shown


async def test_database_limits_its_connections(
    provider: LocalProvider, app: App, connect: Connect
) -> None:
    mine = await provider.ensure_database(database_request(app), Lines())
    for _ in range(40):
        await connect(mine.url)
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await connect(mine.url)


async def test_what_the_server_refuses_is_told_and_done_when_it_is_asked_again(
    provider: LocalProvider, app: App, node: Node, connect: Connect
) -> None:
    first = await provider.ensure_database(database_request(app), Lines())
    name = first.external_id
    superuser = await connect(superuser_url(node, first, "postgres"))
    await superuser.execute(f"ALTER ROLE {name} RENAME TO {name}_away")
    with pytest.raises(Unavailable, match="has not done it: UndefinedObjectError"):
        await provider.open_login(name, login_of(first.url))
    await superuser.execute(f"ALTER ROLE {name}_away RENAME TO {name}")
    second = await provider.open_login(name, login_of(first.url))
    assert await (await connect(second.url)).fetchval("SELECT 1") == 1


async def test_a_session_in_the_template_is_in_nobodys_way(
    provider: LocalProvider, app: App, node: Node, connect: Connect
) -> None:
    first = await provider.ensure_database(database_request(app), Lines())
    await connect(superuser_url(node, first, "template1"))
    second = await provider.ensure_database(database_request(app, "other"), Lines())
    assert await (await connect(second.url)).fetchval("SELECT 1") == 1


async def test_databases_that_are_made_at_once_do_not_change_the_same(
    provider: LocalProvider, app: App, node: Node, connect: Connect
) -> None:
    """As a copy is restored while a database is made: PostgreSQL refuses the later of two sessions
    that change one row of what its databases share."""
    first = await provider.ensure_database(database_request(app), Lines())
    superuser = await connect(superuser_url(node, first, "postgres"))
    async with superuser.transaction():
        for database in ("postgres", "template1", first.external_id):
            await superuser.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        async with asyncio.timeout(20):
            second = await provider.ensure_database(database_request(app, "other"), Lines())
    assert await (await connect(second.url)).fetchval("SELECT 1") == 1


def superuser_url(node: Node, database: DatabaseHandle, name: str) -> str:
    """The address of the server's database ``name`` for its superuser."""
    password = (node.home / "secrets/apps-postgres.password").read_text().strip()
    at = f"host={node.home}/run/apps-postgres&port={urlsplit(database.url).port}"
    return f"postgresql://postgres:{password}@/{name}?{at}"
