"""Locks that PostgreSQL holds for a process, and that go with its connection when it dies."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from autodeploy.kernel.db import UNREACHABLE, Database, DatabaseAway


@asynccontextmanager
async def held_alone(db: Database, space: int, number: int) -> AsyncIterator[bool]:
    """Whether this process alone holds the lock of these two 32-bit numbers, until the end.

    Another holder is not waited for. Raises ``DatabaseAway``.
    """
    async with _connected(db) as connection:
        try:
            locked = await _lock(connection, space, number)
        except DBAPIError as error:
            raise DatabaseAway from error
        try:
            yield locked
        finally:
            with contextlib.suppress(DBAPIError):  # with the connection, the lock is gone
                if locked:
                    await connection.execute(
                        text("SELECT pg_advisory_unlock(:space, :number)"),
                        {"space": space, "number": number},
                    )
                await connection.execute(text("RESET idle_session_timeout"))


async def _lock(connection: AsyncConnection, space: int, number: int) -> bool:
    # The lock belongs to the connection, so no transaction stays open meanwhile, and the server
    # must not take the connection for an idle one however long that lasts.
    await connection.execution_options(isolation_level="AUTOCOMMIT")
    locked = await connection.scalar(
        text(
            "SELECT pg_try_advisory_lock(:space, :number), "
            "set_config('idle_session_timeout', '0', false)"
        ),
        {"space": space, "number": number},
    )
    return bool(locked)


@asynccontextmanager
async def _connected(db: Database) -> AsyncIterator[AsyncConnection]:
    connection = db.engine.connect()
    try:
        await connection.start()
    except (DBAPIError, *UNREACHABLE) as error:
        raise DatabaseAway from error
    try:
        yield connection
    finally:
        await connection.close()
