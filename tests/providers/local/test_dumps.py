"""Dumps of the apps' databases and their way back, with a real cluster and the agent killed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.providers.local.conftest import LOST, Lines, Node, database_request

from autodeploy.kernel.errors import AutoDeployError, Conflict, NotFound, Unavailable
from autodeploy.providers.base import App
from autodeploy.providers.databases import DatabaseHandle, TableContents
from autodeploy.providers.local.provider import LocalProvider

EVERYTHING = """
CREATE TABLE things (id int PRIMARY KEY, name text, at timestamptz DEFAULT now(), price money);
INSERT INTO things SELECT n, 'thing ' || n, '2026-01-01'::timestamptz + n * '1 h'::interval, n
  FROM generate_series(1, 1000) AS n;
CREATE SCHEMA "We ird";
CREATE TABLE "We ird"."Tab""le" (t text, "T" jsonb);
INSERT INTO "We ird"."Tab""le" VALUES (NULL, '{"a": 1}'), ('', NULL), ('x', '[]');
CREATE TABLE hidden (id int);
INSERT INTO hidden VALUES (7);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
ALTER TABLE hidden FORCE ROW LEVEL SECURITY;
CREATE POLICY none ON hidden USING (false);
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
INSERT INTO parted VALUES (1), (1), (2);
CREATE TABLE nothing ();
CREATE EXTENSION citext;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM things;
CREATE FUNCTION who() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE guarded (id int CHECK (who()));
INSERT INTO guarded VALUES (1);
SELECT lo_from_bytea(0, 'a large object');
"""


@pytest.fixture
async def database(provider: LocalProvider, app: App) -> DatabaseHandle:
    """A database with one of everything."""
    request = database_request(app)
    handle = await provider.ensure_database(request, Lines())
    await execute(handle, EVERYTHING)
    return handle


async def execute(handle: DatabaseHandle, statements: str) -> None:
    connection = await asyncpg.connect(handle.url)
    await connection.execute(statements)
    await connection.close()


async def dumped(
    provider: LocalProvider, handle: DatabaseHandle
) -> tuple[tuple[TableContents, ...], bytes]:
    async with provider.dump_database(handle.external_id) as dump:
        return dump.tables, b"".join([chunk async for chunk in dump.chunks])


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(data), 10_000):
        yield data[begin : begin + 10_000]


async def databases_beside(handle: DatabaseHandle) -> list[str]:
    connection = await asyncpg.connect(handle.url)
    names = await connection.fetch(
        "SELECT datname FROM pg_database WHERE datname LIKE $1", handle.external_id + "_%"
    )
    await connection.close()
    return [name for (name,) in names]


async def test_dump_restores_to_the_same_contents(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    tables, data = await dumped(provider, database)
    assert {table.name: table.rows for table in tables} == {
        "public.things": 1000, 'We ird.Tab"le': 3, "public.hidden": 1, "public.parted_low": 3,
        "public.nothing": 0, "public.guarded": 1, "(large objects)": 1,
    }  # fmt: skip
    assert await provider.restore_copy(database.external_id, chunks(data)) == tables
    assert await databases_beside(database) == []


async def test_one_changed_value_changes_the_checksum_of_its_table_alone(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    before, _ = await dumped(provider, database)
    await execute(database, "UPDATE things SET name = 'other' WHERE id = 500")
    after, _ = await dumped(provider, database)
    differing = {a.name for a, b in zip(before, after, strict=True) if a != b}
    assert differing == {"public.things"}
    await execute(database, "UPDATE things SET name = 'thing 500' WHERE id = 500")
    assert (await dumped(provider, database))[0] == before


async def test_what_is_written_during_a_dump_is_in_neither_contents_nor_dump(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    async with provider.dump_database(database.external_id) as dump:
        await execute(database, "INSERT INTO things VALUES (5000); CREATE TABLE late (id int)")
        data = b"".join([chunk async for chunk in dump.chunks])
    assert await provider.restore_copy(database.external_id, chunks(data)) == dump.tables


async def test_damaged_dump_is_refused_and_leaves_no_copy(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    _, data = await dumped(provider, database)
    for damaged in (b"", data[: len(data) // 2], data[:100], b"nothing of the kind" * 1000):
        with pytest.raises(Conflict, match="does not restore"):
            await provider.restore_copy(database.external_id, chunks(damaged), keep_as="r1")
        assert await databases_beside(database) == []


async def test_source_that_fails_in_the_middle_leaves_no_copy(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    _, data = await dumped(provider, database)

    async def broken() -> AsyncIterator[bytes]:
        yield data[:5000]
        raise NotFound("the object is gone")

    with pytest.raises(NotFound, match="the object is gone"):
        await provider.restore_copy(database.external_id, broken(), keep_as="r1")
    async with asyncio.timeout(10):
        while await databases_beside(database):
            await asyncio.sleep(0.05)


async def test_copy_takes_the_place_of_the_database_once(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    tables, data = await dumped(provider, database)
    await execute(database, "DROP TABLE things CASCADE; CREATE TABLE wrong (id int)")
    using = await asyncpg.connect(database.url)
    assert await provider.restored_by(database.external_id) is None
    await provider.restore_copy(database.external_id, chunks(data), keep_as="r1")
    await provider.adopt_copy(database.external_id, "r1")

    assert await provider.restored_by(database.external_id) == "r1"
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await using.fetchval("SELECT 1")
    using.terminate()
    assert (await dumped(provider, database))[0] == tables
    # The same login goes on, and owns what came back.
    await execute(database, "ALTER TABLE things ADD COLUMN more int; CREATE TABLE newer (id int)")
    # A second call finds what the first did, and what was written since stays.
    await provider.adopt_copy(database.external_id, "r1")
    await execute(database, "DROP TABLE newer")
    assert await databases_beside(database) == []
    with pytest.raises(NotFound):
        await provider.adopt_copy(database.external_id, "r2")


async def test_app_that_keeps_connecting_does_not_keep_the_copy_out(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    _, data = await dumped(provider, database)
    ended = asyncio.Event()

    async def insist() -> None:
        while not ended.is_set():
            with contextlib.suppress(*LOST):
                connection = await asyncpg.connect(database.url, timeout=5)
                try:
                    await connection.fetchval("SELECT pg_sleep(0.01)")
                finally:
                    connection.terminate()
            await asyncio.sleep(0)

    clients = [asyncio.create_task(insist()) for _ in range(5)]
    try:
        await provider.restore_copy(database.external_id, chunks(data), keep_as="r1")
        await provider.adopt_copy(database.external_id, "r1")
    finally:
        ended.set()
        await asyncio.gather(*clients)
    assert await provider.restored_by(database.external_id) == "r1"


async def test_login_for_backups_is_shut_before_and_after(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    await dumped(provider, database)
    connection = await asyncpg.connect(database.url)
    query = "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1 AND NOT rolsuper"
    async with asyncio.timeout(10):
        while await connection.fetchval(query, database.external_id + "_backup"):
            await asyncio.sleep(0.05)
    await connection.close()


async def test_killed_agent_leaves_no_copy_and_an_open_database(
    provider: LocalProvider, node: Node, database: DatabaseHandle
) -> None:
    tables, data = await dumped(provider, database)
    await provider.restore_copy(database.external_id, chunks(data), keep_as="r1")
    assert await databases_beside(database) == [database.external_id + "_scratch"]
    # As if it had been killed while it closed the database for the copy to take its place.
    superuser = await asyncpg.connect(
        host=str(node.home / "run/apps-postgres"), port=urlsplit(database.url).port,
        user="postgres", database="postgres",
        password=(node.home / "secrets/apps-postgres.password").read_text().strip(),
    )  # fmt: skip
    await superuser.execute(f"ALTER DATABASE {database.external_id} ALLOW_CONNECTIONS false")
    superuser.terminate()
    node.restart_agent()
    assert (await dumped(provider, database))[0] == tables
    assert await databases_beside(database) == []
    with pytest.raises(NotFound):
        await provider.adopt_copy(database.external_id, "r1")


async def test_agent_killed_during_a_dump_is_told_apart_from_its_end(
    provider: LocalProvider, node: Node, database: DatabaseHandle
) -> None:
    await execute(
        database,
        "CREATE TABLE big AS SELECT md5(n::text) || md5((n + 1)::text) AS x"
        " FROM generate_series(1, 100000) AS n",
    )
    with pytest.raises(Unavailable):
        async with provider.dump_database(database.external_id) as dump:
            async for _ in dump.chunks:
                if node.process.poll() is None:
                    node.process.kill()
                    node.process.wait()
    node.restart_agent()
    async with asyncio.timeout(90):  # the server recovers
        while True:
            with contextlib.suppress(Unavailable):
                await provider.measure_database(database.external_id)
                break


async def test_reader_that_goes_away_ends_the_dump(
    provider: LocalProvider, database: DatabaseHandle
) -> None:
    await execute(
        database, "CREATE TABLE big AS SELECT md5(n::text) AS x FROM generate_series(1, 100000) n"
    )
    async with provider.dump_database(database.external_id):
        pass
    # The next one has to wait for the first one's place.
    async with asyncio.timeout(20):
        await dumped(provider, database)


async def test_code_in_a_database_gets_no_rights_from_a_restore(
    provider: LocalProvider, app: App, node: Node
) -> None:
    evil = await provider.ensure_database(database_request(app), Lines())
    await execute(
        evil,
        """CREATE TABLE log (who text, super bool);
        CREATE FUNCTION spy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
          RESET ROLE;
          IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user) THEN
            RETURN false;
          END IF;
          RETURN true;
        END $$;
        CREATE TABLE trap (id int CHECK (spy())); INSERT INTO trap VALUES (1);
        CREATE INDEX ON log ((who || 'x'));""",
    )
    tables, data = await dumped(provider, evil)
    try:
        assert await provider.restore_copy(evil.external_id, chunks(data)) == tables
    except AutoDeployError as refused:
        assert "does not restore" in refused.message
    assert await databases_beside(evil) == []
