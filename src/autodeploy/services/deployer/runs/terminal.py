"""The terminal of whoever is attached to a command: what is shown there, and its size.

A terminal shows what was typed, so as input it goes over the bus alone and is stored nowhere.
"""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from autodeploy.kernel.events import EventBus, Subscription
from autodeploy.kernel.schema import Input
from autodeploy.providers.commands import TerminalSize
from autodeploy.services.deployer.runs.stdin import client_channel

# So long a client that takes nothing is waited for. What the command then writes is dropped until
# another comes: a command that has lost its client is to get to its end.
PATIENCE_SECONDS = 60.0

Extent = Annotated[int, Field(ge=1, le=9999)]


class Resized(Input):
    """The window of a client has this size now, in characters."""

    type: Literal["run.size"]
    rows: Extent
    columns: Extent


class Shown(Input):
    """A client has shown everything up to ``offset``, in bytes."""

    type: Literal["run.shown"]
    offset: Annotated[int, Field(ge=0, le=2**53)]


def terminal_channel(run_id: UUID) -> str:
    """Where the worker listens for what the client's terminal says."""
    return f"run.{run_id}.terminal"


class RunTerminal:
    """The terminal of a command; satisfies ``providers.commands.CommandTerminal``."""

    def __init__(self, events: EventBus, run_id: UUID, described: dict[str, Any]):
        self.kind: str = described["kind"]
        self.size = TerminalSize(described["rows"], described["columns"])
        self._events = events
        self._run_id = run_id
        self._written = 0
        self._shown = 0
        self._is_attended = True
        self._heard = asyncio.Event()
        self._sizes: asyncio.Queue[TerminalSize] = asyncio.Queue()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["RunTerminal"]:
        """Hear the client while the block runs."""
        async with self._events.subscribe(terminal_channel(self._run_id)) as messages:
            hearing = asyncio.create_task(self._hear(messages))
            try:
                yield self
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)

    async def show(self, data: bytes) -> None:
        """Have the client show this; returns when it has, or when there is none."""
        message = {
            "type": "run.screen",
            "offset": self._written,
            "data": base64.b64encode(data).decode(),
        }
        self._written += len(data)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._is_attended and self._shown < self._written:
                    self._heard.clear()
                    await self._events.publish(client_channel(self._run_id), message)
                    await self._heard.wait()
        self._is_attended = self._shown >= self._written

    async def resized(self) -> TerminalSize:
        """The next size that the window gets."""
        return await self._sizes.get()

    async def _hear(self, messages: Subscription) -> None:
        async for message in messages:
            if message["type"] == "run.size":
                self._sizes.put_nowait(TerminalSize(message["rows"], message["columns"]))
                continue
            if message["type"] == "run.shown":
                self._shown = max(self._shown, message["offset"])
            else:  # somebody is there, or messages may be lost: it is sent again
                self._is_attended = True
            self._heard.set()
