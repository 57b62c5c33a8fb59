import asyncio

import asyncpg
import pytest

from autodeploy.kernel.db import Database, DatabaseAway


@pytest.fixture
async def ended(database: Database, database_url: str):
    """Ends every connection of the database's users, as a restart of the server does."""

    async def end() -> None:
        owner = await asyncpg.connect(database_url)
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await owner.close()

    return end


async def test_a_row_or_none_is_read_with_the_rights_of_the_role(database: Database):
    row = await database.fetch_row("SELECT current_user::text AS role, $1::int AS number", 7)
    assert row == {"role": "autodeploy_worker", "number": 7}
    assert await database.fetch_row("SELECT 1 WHERE false") is None


async def test_connections_are_used_again_and_few(database: Database):
    rows = await asyncio.gather(
        *(database.fetch_row("SELECT pg_backend_pid() AS pid, pg_sleep(0.01)") for _ in range(40))
    )
    assert len({row["pid"] for row in rows if row}) <= 4


async def test_connections_that_the_server_ended_are_replaced(database: Database, ended):
    await asyncio.gather(*(database.fetch_row("SELECT pg_sleep(0.01)") for _ in range(4)))
    await ended()
    assert await database.fetch_row("SELECT 1 AS one") == {"one": 1}


async def test_a_read_that_is_cancelled_leaves_no_answer_to_the_next(database: Database):
    for _ in range(5):
        reading = asyncio.create_task(database.fetch_row("SELECT 1 AS one, pg_sleep(5)"))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await database.fetch_row("SELECT 2 AS two") == {"two": 2}


async def test_a_database_that_is_away_says_so(home):
    lost = Database(f"postgresql://u:p@/x?host={home}")
    with pytest.raises(DatabaseAway):
        await lost.fetch_row("SELECT 1")
    await lost.close()
