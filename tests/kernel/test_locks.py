"""Locks of PostgreSQL: one holder, until its end or its connection's."""

import contextlib
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.kernel.gate import lose_new_ones

from autodeploy.kernel.db import Database, DatabaseAway
from autodeploy.kernel.locks import held_alone


async def test_one_holds_it_and_the_next_one_after_it(database: Database) -> None:
    async with (
        held_alone(database, 7, 1) as first,
        held_alone(database, 7, 1) as second,
        held_alone(database, 7, 2) as other,
    ):
        assert (first, second, other) == (True, False, True)
    async with held_alone(database, 7, 1) as again:
        assert again


async def test_lost_connection_gives_the_lock_to_another(
    database: Database, owner_database: Database
) -> None:
    with contextlib.suppress(Exception):
        async with held_alone(database, 7, 1) as mine:
            assert mine
            async with owner_database.transaction() as session:
                await session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks"
                        " WHERE locktype = 'advisory' AND classid = 7"
                    )
                )
            async with held_alone(owner_database, 7, 1) as theirs:
                assert theirs
    async with held_alone(database, 7, 1) as again:
        assert again


async def test_connection_that_is_lost_as_it_locks_is_said_to_be_away(database_url: str) -> None:
    database = Database(database_url)
    lose_new_ones(database)
    with pytest.raises(DatabaseAway):
        async with held_alone(database, 7, 1):
            pass
    await database.close()


async def test_server_that_stops_before_it_locks_is_said_to_be_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = AsyncConnection.execution_options

    async def lose_and_begin(connection: AsyncConnection, **options: Any) -> AsyncConnection:
        raw = await connection.get_raw_connection()
        raw.driver_connection.terminate()
        return await begin(connection, **options)

    monkeypatch.setattr(AsyncConnection, "execution_options", lose_and_begin)
    with pytest.raises(DatabaseAway):
        async with held_alone(database, 7, 1):
            pass


async def test_server_that_is_away_is_said_to_be() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseAway):
        async with held_alone(away, 7, 1):
            pass
    await away.close()
