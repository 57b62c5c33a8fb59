"""A client that is attached to a one-off command: what it sends goes to the command's worker."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from autodeploy.kernel.errors import Conflict, Forbidden
from autodeploy.kernel.events import RESYNC, Subscription
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.runs.announcements import run_channel
from autodeploy.services.deployer.runs.errors import RunEnded
from autodeploy.services.deployer.runs.models import OPEN, Run
from autodeploy.services.deployer.runs.service import get_allowed
from autodeploy.services.deployer.runs.stdin import (
    StdinPiece,
    client_channel,
    stdin_channel,
)
from autodeploy.services.deployer.runs.terminal import Resized, Shown, terminal_channel


class Attachment:
    """One client of a command. A later one takes its place."""

    def __init__(self, resources: Resources, run_id: UUID, messages: Subscription):
        self._resources = resources
        self._run_id = run_id
        self._messages = messages
        self._name = str(uuid4())
        self._given: StdinPiece | None = None
        self._taken = asyncio.Event()

    async def begin(self) -> None:
        """Take the place of the client before, and have the worker say how far it is."""
        for name in (client_channel, stdin_channel):
            await self._resources.events.publish(name(self._run_id), self._attached)
        await self._say_to_terminal()

    @property
    def _attached(self) -> dict[str, str]:
        return {"type": "run.attached", "by": self._name}

    async def _say_to_terminal(self) -> None:
        await self._resources.events.publish(terminal_channel(self._run_id), self._attached)

    async def tell(self, message: Resized | Shown) -> None:
        """Pass on what the client's terminal says."""
        channel = terminal_channel(self._run_id)
        await self._resources.events.publish(channel, message.model_dump())

    async def give(self, piece: StdinPiece) -> None:
        """Hand a piece to the worker; returns when that has taken it, or the command has ended."""
        self._given = piece
        self._taken.clear()
        await self._send()
        await self._taken.wait()

    async def follow(self) -> AsyncGenerator[dict[str, Any]]:
        """What the client is to be told, until the command has ended.

        Raises ``Conflict`` when another client has taken this one's place.
        """
        ended = False
        while not ended:
            ended = await self._has_ended()
            # Of what came before the end all is told: that the last piece was taken, too.
            while message := await self._next(ended=ended):
                kind = message["type"]
                if kind == "run.taken":
                    await self._note(message)
                    yield {name: message[name] for name in ("type", "offset", "ended")}
                elif kind == "run.screen":
                    yield message
                elif kind == "run.attached" and message["by"] != self._name:
                    raise Conflict("Another client is attached to the command.")
                elif kind in ("run.ended", RESYNC["type"]) and not ended:
                    # What was lost may be the piece, or the word that it was taken; or what the
                    # terminal shows, which it sends again to who says that it is there.
                    await self._send()
                    await self._say_to_terminal()
                    break
        self._taken.set()  # nobody will take it any more

    async def _next(self, *, ended: bool) -> dict[str, Any] | None:
        return self._messages.take() if ended else await anext(self._messages)

    async def _note(self, message: dict[str, Any]) -> None:
        piece = self._given
        if piece is None:
            return
        if message["offset"] >= piece.next_offset and message["ended"] == piece.end:
            self._given = None
            self._taken.set()
        elif message["anew"]:  # it did not get there, or not yet
            await self._send()

    async def _send(self) -> None:
        if self._given is not None:
            channel = stdin_channel(self._run_id)
            await self._resources.events.publish(channel, self._given.model_dump())

    async def _has_ended(self) -> bool:
        async with self._resources.db.transaction() as session:
            status = await session.scalar(select(Run.status).where(Run.id == self._run_id))
        return status not in OPEN


@asynccontextmanager
async def attached(
    resources: Resources, principal: Principal, run_id: UUID
) -> AsyncIterator[Attachment]:
    """Attach the caller to a command that takes input, which its own caller alone may.

    Raises ``RunEnded``, ``NotFound``, ``Forbidden``, and ``Conflict`` where it takes no input.
    """
    async with resources.db.transaction() as session:
        run = await get_allowed(session, principal, run_id, Action.RUN_CREATE)
    if run.status not in OPEN:
        raise RunEnded(f"The command has ended: it is {run.status}.")
    # The audit log says that what it does is theirs.
    caller = (principal.account_id, principal.service_token_id)
    if (run.created_by, run.service_token_id) != caller:
        raise Forbidden("Only who began a command may send it input.")
    if not run.stdin:
        raise Conflict("The command takes no input.", remedy='Run it again with `"stdin": true`.')
    channels = (run_channel(run_id), client_channel(run_id))
    async with resources.events.subscribe(*channels) as messages:
        attachment = Attachment(resources, run_id, messages)
        await attachment.begin()
        yield attachment
