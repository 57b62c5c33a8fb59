"""A way to PostgreSQL that can be shut, as when the server is stopped, and opened again, and a
way to lose what has just been connected."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url

from autodeploy.kernel.db import Database

_SOCKET = ".s.PGSQL.5432"


class Gate:
    """Passes bytes between a socket of its own, at ``url``, and the server of ``target``.

    ``refused`` counts the connections that came while it was shut.
    """

    def __init__(self, target: str, folder: Path):
        url = make_url(target)
        self._target = Path(str(url.query["host"])) / _SOCKET
        self._socket = folder / _SOCKET
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._open = True
        self.refused = 0
        self.url = url.update_query_dict({"host": str(folder)}).render_as_string(False)

    async def __aenter__(self) -> "Gate":
        self._server = await asyncio.start_unix_server(self._accept, self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()
        assert self._server is not None
        self._server.close()

    async def shut(self) -> None:
        """End all connections and take no more."""
        self._open = False
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def open(self) -> None:
        self._open = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            self.refused += 1
            writer.close()
            return
        task = asyncio.create_task(self._join(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(self._target)
        copies = [
            asyncio.create_task(_copy(reader, inner_writer)),
            asyncio.create_task(_copy(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            await asyncio.gather(*copies, return_exceptions=True)
            for one in (writer, inner_writer):
                one.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def lose_new_ones(database: Database) -> None:
    """Lose each new connection before SQLAlchemy has set it up."""

    def lose(connection: Any, _record: object) -> None:
        connection.driver_connection.terminate()

    event.listen(database.engine.sync_engine.pool, "connect", lose, insert=True)
