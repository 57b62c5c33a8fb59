"""The database's sessions: how many a process keeps, and what becomes of one that was ended."""

import asyncio

import asyncpg
from sqlalchemy import text

from autodeploy.kernel.db import Database


async def session_number(database: Database) -> int:
    """The server process behind the session that a transaction gets."""
    async with database.transaction() as session:
        return int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)


async def hold_session(database: Database, together: asyncio.Barrier) -> None:
    async with database.transaction():
        await together.wait()


async def test_need_after_a_burst_is_met_by_one_session(database: Database) -> None:
    together = asyncio.Barrier(3)
    await asyncio.gather(*(hold_session(database, together) for _ in range(3)))
    assert len({await session_number(database) for _ in range(6)}) == 1


async def test_idle_sessions_are_ended_by_the_server(database: Database) -> None:
    async with database.transaction() as session:
        assert await session.scalar(text("SHOW idle_session_timeout")) == "30s"


async def test_session_that_the_server_ended_is_replaced(
    database: Database, database_url: str
) -> None:
    ended = await session_number(database)
    owner = await asyncpg.connect(database_url)
    try:
        assert await owner.fetchval("SELECT pg_terminate_backend($1, 5000)", ended)
    finally:
        await owner.close()
    assert await session_number(database) != ended
