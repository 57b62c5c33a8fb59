"""The database's sessions: how many a process keeps, and what becomes of one that was ended."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from tests.kernel.gate import Gate, lose_new_ones

from autodeploy.kernel.db import Database, DatabaseAway, DatabaseRefused

#: How a server lets somebody in, and what it says when it is stopped.
_WELCOME = (
    (b"R", bytes(4)),
    (b"S", b"server_version\x0016.0\0"),
    (b"S", b"client_encoding\0UTF8\0"),
    (b"K", bytes(8)),
    (b"Z", b"I"),
)
_FAREWELL = (b"E", b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


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
        assert await session.scalar(text("SHOW idle_session_timeout")) == "1min"


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


async def test_server_that_is_out_of_reach_is_said_to_be_away(
    database_url: str, home: Path
) -> None:
    async with Gate(database_url, home) as gate:
        database = Database(gate.url)
        await gate.shut()
        with pytest.raises(DatabaseAway):
            await session_number(database)
        await database.close()


async def test_wrong_password_is_told_as_such(database_url: str) -> None:
    database = Database(make_url(database_url).set(password="wrong").render_as_string(False))
    with pytest.raises(DatabaseRefused, match="refuses"):
        await session_number(database)
    await database.close()


async def test_server_lost_within_a_transaction_is_said_to_be_away(
    database_url: str, home: Path
) -> None:
    async with Gate(database_url, home) as gate:
        database = Database(gate.url)
        with pytest.raises(DatabaseAway):
            async with database.transaction() as session:
                await gate.shut()
                await session.execute(text("SELECT 1"))
        gate.open()
        assert await session_number(database)
        await database.close()


async def test_connection_that_is_lost_as_it_is_set_up_is_said_to_be_away(
    database_url: str,
) -> None:
    database = Database(database_url)
    lose_new_ones(database)
    with pytest.raises(DatabaseAway):
        await session_number(database)
    await database.close()


async def test_server_that_stops_as_it_lets_somebody_in_is_said_to_be_away(home: Path) -> None:
    async def welcome_and_stop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"".join(_message(*each) for each in (*_WELCOME, _FAREWELL)))
        writer.close()

    async with await asyncio.start_unix_server(welcome_and_stop, home / ".s.PGSQL.5432"):
        database = Database(f"postgresql://user:word@/db?host={home}")
        with pytest.raises(DatabaseAway):
            await session_number(database)
        with pytest.raises(DatabaseAway):
            await database.fetch_row("SELECT 1")
        await database.close()


async def test_server_that_is_starting_is_said_to_be_away(home: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        said = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
        writer.write(_message(b"E", said))
        writer.close()

    async with await asyncio.start_unix_server(refuse, home / ".s.PGSQL.5432"):
        database = Database(f"postgresql://user:word@/db?host={home}")
        with pytest.raises(DatabaseAway):
            await session_number(database)
        await database.close()


async def test_error_of_a_statement_does_not_tell_what_it_was_given(database: Database) -> None:
    with pytest.raises(DBAPIError) as raised:
        async with database.transaction() as session:
            await session.execute(text("SELECT CAST(:given AS integer) / 0"), {"given": 271828})
    assert "271828" not in str(raised.value)


async def test_refused_value_is_not_taken_for_an_absence(database: Database) -> None:
    with pytest.raises(DBAPIError):
        async with database.transaction() as session:
            await session.execute(text("SELECT 1 / 0"))
