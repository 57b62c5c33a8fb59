"""The WebSockets of a deployment: its log and its status, resumable by ``?after=``."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from autodeploy.api.deps import LogFilterDep, PrincipalDep, ResourcesDep
from autodeploy.api.ws.sockets import (
    NORMAL,
    SEND_TIMEOUT_SECONDS,
    TRY_AGAIN,
    accept,
    check_origin,
    close_for,
)
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.services.deployer.history import require_readable
from autodeploy.services.deployer.streams import follow_logs, follow_status

router = APIRouter(prefix="/api/v1/deployments", tags=["deployments"])

After = Annotated[int, Query(ge=0, le=2**63 - 1)]


@router.websocket("/{deployment_id}/logs/stream")
async def stream_logs(
    websocket: WebSocket,
    resources: ResourcesDep,
    principal: PrincipalDep,
    deployment_id: UUID,
    wanted: LogFilterDep,
    after: After = 0,
    follow: Literal["runtime"] | None = None,
) -> None:
    """``deployment.log`` messages; the socket closes when the deployment has ended, or with
    ``follow=runtime`` stays open for the output of the app. It takes the same ``level``,
    ``source`` and ``since`` as the list."""
    check_origin(websocket)
    await accept(websocket)
    try:
        await require_readable(resources, principal, deployment_id)
    except AutoDeployError as error:
        await close_for(websocket, error)
        return
    messages = follow_logs(
        resources, deployment_id, after=after, runtime=follow == "runtime", wanted=wanted
    )
    await _send_all(websocket, messages)


@router.websocket("/{deployment_id}/status/stream")
async def stream_status(
    websocket: WebSocket,
    resources: ResourcesDep,
    principal: PrincipalDep,
    deployment_id: UUID,
    after: After = 0,
) -> None:
    """``deployment.status`` and ``deployment.build`` messages, until the deployment has ended."""
    check_origin(websocket)
    await accept(websocket)
    try:
        await require_readable(resources, principal, deployment_id)
    except AutoDeployError as error:
        await close_for(websocket, error)
        return
    await _send_all(websocket, follow_status(resources, deployment_id, after=after))


async def _send_all(websocket: WebSocket, messages: AsyncIterator[dict[str, Any]]) -> None:
    """Send until the messages end, the reader leaves, or the reader is too slow."""
    sending = asyncio.create_task(_send(websocket, messages))
    leaving = asyncio.create_task(_until_left(websocket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await _close(websocket, sending)
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _send(websocket: WebSocket, messages: AsyncIterator[dict[str, Any]]) -> None:
    async with contextlib.aclosing(messages) as following:  # type: ignore[type-var]
        async for message in following:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await websocket.send_json(message)


async def _close(websocket: WebSocket, sending: "asyncio.Task[None]") -> None:
    try:
        await sending
    except TimeoutError:
        await websocket.close(TRY_AGAIN, "You read too slowly; resume with ?after=.")
    except AutoDeployError as error:
        await close_for(websocket, error)
    else:
        await websocket.close(NORMAL)


async def _until_left(websocket: WebSocket) -> None:
    """Read what the client sends, which means nothing here, until it goes away."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
