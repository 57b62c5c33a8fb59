"""Locks of PostgreSQL: one holder, until its end or its connection's."""

import contextlib

import pytest
from sqlalchemy import text

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


async def test_server_that_is_away_is_said_to_be() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseAway):
        async with held_alone(away, 7, 1):
            pass
    await away.close()
