"""A database from its making to its end, with a real server, real files and a worker's code."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from tests.providers.local.conftest import Node
from tests.services.auth.accounts import principal
from tests.services.deployer.databases.office import Office
from tests.services.deployer.platform import Platform

from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer.databases import service
from autodeploy.services.deployer.databases.models import DatabaseBackup
from autodeploy.services.deployer.databases.rotation import retire_logins
from autodeploy.services.deployer.engine import Engine

Run = Callable[[UUID, str], Awaitable[Any]]


@pytest.fixture
async def office(resources: Resources, node: Node) -> Office:
    """The worker and the caller, over this machine's own provider."""
    platform = Platform(resources, await principal(resources))
    platform.engine = Engine(
        resources=resources, providers=Registry([node.provider()]), owner="worker"
    )
    return Office(platform)


@pytest.fixture
async def run(office: Office) -> AsyncIterator[Run]:
    """Runs a statement as the app does, with the URL of that moment."""

    async def run(database_id: UUID, statement: str) -> Any:
        connection = await asyncpg.connect(await office.url(database_id), timeout=30)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    yield run


async def test_life_of_a_database(office: Office, run: Run) -> None:
    engine = office.platform.engine
    database = await office.made()
    assert database.status == "available"
    await run(database.id, "CREATE TABLE things AS SELECT generate_series(1, 1000) AS id")

    backup = await office.backed_up(database.id)
    assert (backup.status, backup.tables, backup.rows) == ("verified", 1, 1000)
    metrics = await service.measure_database(
        office.resources, office.principal, database.id, providers=office.providers
    )
    assert metrics.size_bytes > 1_000_000
    assert metrics.connections.limit == 40

    # A mistake, taken back: what was there before can be had again, too.
    await run(database.id, "DELETE FROM things")
    restore = await office.restore(database.id, backup.id, confirm=database.name)
    await office.work(database.id)
    [done] = await office.restores(database.id)
    assert (done.status, done.error) == ("succeeded", None)
    [row] = await run(database.id, "SELECT count(*) FROM things")
    assert row["count"] == 1000
    assert restore.safety_backup_id is not None
    safety = await office.backup_view(database.id, restore.safety_backup_id)
    assert (safety.status, safety.rows) == ("verified", 0)
    copy = await office.restore(database.id, safety.id, name="before")
    await office.work(copy.database_id)
    [row] = await run(copy.database_id, "SELECT count(*) FROM things")
    assert row["count"] == 0

    # Another password, while a program goes on with the one before.
    old = await office.url(database.id)
    app = await asyncpg.connect(old)
    await office.rotate(database.id)
    await office.work(database.id)
    new = await office.url(database.id)
    assert urlsplit(new).username != urlsplit(old).username
    assert await app.fetchval("SELECT count(*) FROM things") == 1000
    await run(database.id, "ALTER TABLE things ADD COLUMN name text")
    await retire_logins(engine)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await app.fetchval("SELECT 1")
    app.terminate()

    for each in (database.id, copy.database_id):
        await office.delete(await office.view(each))
        await office.work(each)
        assert not await office.exists(each)
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await asyncpg.connect(new)
    last = [row for row in await office.rows(DatabaseBackup) if row.kind == "final"]
    assert [row.status for row in last] == ["verified", "verified"]


async def test_dump_that_postgresql_does_not_take_is_never_green(office: Office, run: Run) -> None:
    database = await office.made()
    # It names a column that the restore, which has no search path, does not find.
    await run(database.id, "CREATE TABLE things (id int)")
    await run(
        database.id,
        "CREATE FUNCTION doubled(int) RETURNS int LANGUAGE sql IMMUTABLE AS"
        " 'SELECT (SELECT $1 * 2 FROM things LIMIT 1)'",
    )
    await run(database.id, "CREATE TABLE other (id int CHECK (doubled(id) IS NULL))")
    await run(database.id, "INSERT INTO other VALUES (1)")
    backup = await office.backed_up(database.id)
    assert backup.status == "failed"
    assert backup.error is not None
    assert backup.error.code == "backup_unusable"
    assert "does not restore" in backup.error.message
    [row] = await run(database.id, "SELECT count(*) FROM other")
    assert row["count"] == 1


async def test_worker_killed_during_a_restore_drill_leaves_no_scratch_database(
    office: Office, run: Run
) -> None:
    database = await office.made()
    await run(
        database.id,
        "CREATE TABLE things AS SELECT md5(n::text) AS x FROM generate_series(1, 50000) AS n",
    )
    asked = await office.backup(database.id)
    working = asyncio.create_task(office.work(database.id))
    while (await office.backup_view(database.id, asked.id)).status == "pending":
        await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    scratch = "SELECT datname FROM pg_database WHERE datname LIKE current_database() || '_%'"
    async with asyncio.timeout(30):
        while await run(database.id, scratch):
            await asyncio.sleep(0.1)
    await office.work(database.id)
    assert (await office.backup_view(database.id, asked.id)).status == "verified"
