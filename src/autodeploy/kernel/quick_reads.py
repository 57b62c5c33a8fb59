"""Single statements on plain asyncpg connections, for reads that every request makes.

A transaction of SQLAlchemy costs about ten times what PostgreSQL needs for a row by its key
(checkout, ping, begin, the statement, commit, each through a greenlet). This is one round trip.
"""

import asyncio
from typing import Any

import asyncpg

_CONNECTIONS = 4
_ANSWER_SECONDS = 10.0

# What a connection raises that the server has ended: idle for too long, or restarted. The last
# one is asyncpg's when the server's farewell has come and the end of the connection has not.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    ConnectionError,
    asyncpg.InternalClientError,
)


class QuickReads:
    """A few connections, opened when they are needed; the server ends those that are idle.

    ``connect_arguments`` are those of ``asyncpg.connect``.
    """

    def __init__(self, connect_arguments: dict[str, Any]):
        self._arguments = connect_arguments
        self._idle: list[asyncpg.Connection[asyncpg.Record]] = []
        self._slots = asyncio.Semaphore(_CONNECTIONS)

    async def fetch_row(self, statement: str, *arguments: object) -> asyncpg.Record | None:
        """The first row, or None. The statement may be sent twice, so it only reads.

        Raises what asyncpg raises, and ``TimeoutError``.
        """
        async with self._slots:
            while self._idle:
                try:
                    return await self._fetch(self._idle.pop(), statement, arguments)
                except _LOST:
                    continue  # it was lost while nobody used it: another may live
            fresh = await asyncpg.connect(**self._arguments)
            return await self._fetch(fresh, statement, arguments)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().terminate()

    async def _fetch(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        statement: str,
        arguments: tuple[object, ...],
    ) -> asyncpg.Record | None:
        try:
            row = await connection.fetchrow(statement, *arguments, timeout=_ANSWER_SECONDS)
        except BaseException:
            connection.terminate()
            raise
        self._idle.append(connection)
        return row
