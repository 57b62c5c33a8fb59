"""Following a deployment: what is stored, then what comes, without gap or repeat.

The bus is subscribed to first and PostgreSQL read second, so that nothing falls between. Lines that
continue the numbers are taken from the bus as they are: whoever announced them has stored them. Any
other message, and a resync, are answered by reading PostgreSQL again.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from autodeploy.kernel.events import Subscription
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer import store
from autodeploy.services.deployer.announcements import log_channel, status_channel
from autodeploy.services.deployer.log_archive import UnreadableLines
from autodeploy.services.deployer.log_filter import EVERY_LINE, LogFilter
from autodeploy.services.deployer.log_reader import read_lines
from autodeploy.services.deployer.logs import as_batch
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.states import TERMINAL

_PAGE = 500
# The bus wakes readers; this is how late they are when it fails without a word: where nothing comes
# any more, and at most where only something is lost. Many readers do not look at the same time.
_RECHECK_SECONDS = 10.0
_BUSY_RECHECK_SECONDS = (30.0, 60.0)

_Message = dict[str, Any]
_Read = Callable[[int], Awaitable[Sequence[_Message]]]


async def follow_logs(
    resources: Resources,
    deployment_id: UUID,
    *,
    after: int,
    runtime: bool,
    wanted: LogFilter = EVERY_LINE,
) -> AsyncIterator[_Message]:
    """``deployment.log`` messages above ``after`` with the lines that are wanted, several in one
    when they come at once.

    Ends when the deployment has ended and every line was given; with ``runtime`` it goes on with
    the output of the app, until its project is removed.
    """

    async def read(position: int) -> Sequence[_Message]:
        return await read_lines(resources, deployment_id, after=position, limit=_PAGE)

    async with resources.events.subscribe(
        log_channel(deployment_id), status_channel(deployment_id)
    ) as messages:
        follower = _Follower(resources, deployment_id, messages, read, after)
        async for batch in follower.batches(endless=runtime):
            if lines := [line for line in batch if _is_shown(line, wanted)]:
                yield as_batch(lines)


async def follow_status(
    resources: Resources, deployment_id: UUID, *, after: int
) -> AsyncIterator[_Message]:
    """``deployment.status`` and ``deployment.build`` above ``after``; ends with the deployment."""

    async def read(position: int) -> Sequence[_Message]:
        async with resources.db.transaction() as session:
            return await store.list_events(session, deployment_id, after=position, limit=_PAGE)

    async with resources.events.subscribe(status_channel(deployment_id)) as messages:
        follower = _Follower(resources, deployment_id, messages, read, after)
        async for batch in follower.batches(endless=False):
            for message in batch:
                yield message


def _is_shown(line: _Message, wanted: LogFilter) -> bool:
    return isinstance(line, UnreadableLines) or wanted.matches(line)


class _Follower:
    def __init__(
        self,
        resources: Resources,
        deployment_id: UUID,
        messages: Subscription,
        read: _Read,
        after: int,
    ):
        self._resources = resources
        self._deployment_id = deployment_id
        self._messages = messages
        self._read = read
        self._position = after

    async def batches(self, *, endless: bool) -> AsyncIterator[Sequence[_Message]]:
        while True:
            # Looked at before reading: what was stored before the end is read below.
            status = await self._status()
            while batch := await self._read(self._position):
                self._position = batch[-1]["sequence"]
                yield batch
            if status is None or (status in TERMINAL and not endless):
                return
            async for batch in self._announced():
                self._position = batch[-1]["sequence"]
                yield batch

    async def _status(self) -> str | None:
        """None when the deployment was removed with its project: then nothing comes any more."""
        async with self._resources.db.transaction() as session:
            return await session.scalar(
                select(Deployment.status).where(Deployment.id == self._deployment_id)
            )

    async def _announced(self) -> AsyncIterator[Sequence[_Message]]:
        """The lines that come over the bus, until PostgreSQL is to be read again. What came while
        the reader took its last batch is one batch: with many readers that is what keeps up."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + random.uniform(*_BUSY_RECHECK_SECONDS)  # noqa: S311 - no secret
        message: _Message | None = None
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, clock() + _RECHECK_SECONDS)):
                    message = message or await anext(self._messages)
            except TimeoutError:
                return
            batch: list[_Message] = []
            while message is not None and (lines := self._continuing(message, len(batch))):
                batch += lines
                message = self._messages.take() if len(batch) < _PAGE else None
            if batch:
                yield batch
            elif message is not None and not self._is_known(message):
                return
            else:
                message = None

    def _continuing(self, message: _Message, ahead: int) -> Sequence[_Message]:
        """The lines of a message, if they follow the position and those ``ahead`` of it."""
        if message["type"] != "deployment.log":
            return ()
        lines: Sequence[_Message] = message.get("lines", [message])
        return lines if lines[0]["sequence"] == self._position + ahead + 1 else ()

    def _is_known(self, message: _Message) -> bool:
        """Whether a message brings only lines that were read before it came."""
        return message["type"] == "deployment.log" and int(message["sequence"]) <= self._position
