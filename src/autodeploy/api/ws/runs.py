"""The WebSocket of a one-off command: what its caller types or pipes to it."""

import asyncio
import contextlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import Field, TypeAdapter, ValidationError

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.ws.sockets import (
    NORMAL,
    SEND_TIMEOUT_SECONDS,
    accept,
    check_origin,
    close_for,
)
from autodeploy.kernel.errors import AutoDeployError, InvalidInput
from autodeploy.services.deployer.runs.attachments import Attachment, attached
from autodeploy.services.deployer.runs.stdin import WINDOW_PIECES, StdinPiece
from autodeploy.services.deployer.runs.terminal import Resized, Shown

_MESSAGES: TypeAdapter[StdinPiece | Resized | Shown] = TypeAdapter(
    Annotated[StdinPiece | Resized | Shown, Field(discriminator="type")]
)

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


@router.websocket("/{run_id}/attach")
async def attach(
    websocket: WebSocket, resources: ResourcesDep, principal: PrincipalDep, run_id: UUID
) -> None:
    """Takes ``run.stdin`` messages and answers each with ``run.taken``, which also tells at the
    beginning where to go on; closes when the command has ended. What is on a terminal
    comes as ``run.screen``, to be answered with ``run.shown``; ``run.size`` resizes that."""
    check_origin(websocket)
    await accept(websocket)
    try:
        async with attached(resources, principal, run_id) as attachment:
            await _until_one_leaves(websocket, attachment)
    except AutoDeployError as error:
        await close_for(websocket, error)


async def _until_one_leaves(websocket: WebSocket, attachment: Attachment) -> None:
    """Pass on both ways until the command has ended or the client has left."""
    pieces: asyncio.Queue[StdinPiece] = asyncio.Queue(WINDOW_PIECES)
    telling = asyncio.create_task(_tell(websocket, attachment))
    # Apart from handing on: a client that leaves is noticed while its command takes nothing.
    hearing = asyncio.create_task(_hear(websocket, attachment, pieces))
    giving = asyncio.create_task(_give(pieces, attachment))
    tasks = (telling, hearing, giving)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        if telling in done:
            await websocket.close(NORMAL)
    except (WebSocketDisconnect, TimeoutError):  # it has left, or reads nothing
        return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell(websocket: WebSocket, attachment: Attachment) -> None:
    async with contextlib.aclosing(attachment.follow()) as messages:
        async for message in messages:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await websocket.send_json(message)


async def _hear(
    websocket: WebSocket, attachment: Attachment, pieces: "asyncio.Queue[StdinPiece]"
) -> None:
    while (received := await websocket.receive())["type"] != "websocket.disconnect":
        try:
            message = _MESSAGES.validate_json(received.get("text") or "")
        except ValidationError:
            # Without its reason, which would show what was sent.
            raise InvalidInput("This is no message that a run takes.") from None
        if not isinstance(message, StdinPiece):
            await attachment.tell(message)
            continue
        try:
            pieces.put_nowait(message)
        except asyncio.QueueFull:
            raise InvalidInput(f"More than {WINDOW_PIECES} pieces are under way.") from None


async def _give(pieces: "asyncio.Queue[StdinPiece]", attachment: Attachment) -> None:
    while True:
        await attachment.give(await pieces.get())
