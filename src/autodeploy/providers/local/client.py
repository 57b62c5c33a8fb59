"""Speaks to the runtime agent of this machine."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from autodeploy.kernel.errors import AutoDeployError, Conflict, InvalidInput, NotFound, Unavailable
from autodeploy.kernel.http.sockets import socket_transport

_TIMEOUT_SECONDS = 60.0
# A killed agent is started again within about two seconds, on a busy machine within ten.
_PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.1
_ERRORS: dict[int, type[AutoDeployError]] = {
    error.status: error for error in (NotFound, InvalidInput, Conflict, Unavailable)
}


class AgentClient:
    """One call, one connection: the socket is local and the agent may restart at any time."""

    def __init__(self, socket: Path, *, patience_seconds: float = _PATIENCE_SECONDS):
        self._socket = socket
        self._patience_seconds = patience_seconds

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | float] | None = None,
    ) -> dict[str, Any]:
        """The agent's answer. Waits for an agent that is just being started again.

        Raises ``NotFound``, or ``Unavailable`` when it stays away or dies during the call.
        """
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                answer = await self._send(method, path, body, query)
                break
            except httpx.HTTPError as error:
                unsent = isinstance(error, httpx.ConnectError)
                if not unsent or time.monotonic() > deadline:
                    raise _away(error) from error
            await asyncio.sleep(_PAUSE_SECONDS)
        if answer.is_success:
            content: dict[str, Any] = answer.json() if answer.content else {}
            return content
        raise _error(answer)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        content: AsyncIterator[bytes] | None = None,
        query: Mapping[str, str | float] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is read as it comes; there is no limit on how long that takes.

        Raises what ``call`` raises; an agent that is away is not waited for.
        """
        transport = socket_transport(self._socket)
        timeout = httpx.Timeout(_TIMEOUT_SECONDS, read=None, write=None)
        try:
            async with (
                httpx.AsyncClient(transport=transport, timeout=timeout) as client,
                client.stream(
                    method, f"http://runtime{path}", content=content, params=query
                ) as answer,
            ):
                if not answer.is_success:
                    await answer.aread()
                    raise _error(answer)
                yield answer
        except httpx.HTTPError as error:
            raise _away(error) from error

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | float] | None,
    ) -> httpx.Response:
        transport = socket_transport(self._socket)
        async with httpx.AsyncClient(transport=transport, timeout=_TIMEOUT_SECONDS) as client:
            return await client.request(method, f"http://runtime{path}", json=body, params=query)


def _away(error: httpx.HTTPError) -> Unavailable:
    return Unavailable(
        f"The runtime of this machine does not answer ({type(error).__name__}).",
        remedy="It is started again by `autodeploy up`; try again in a few seconds.",
    )


def _error(answer: httpx.Response) -> AutoDeployError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    kind = _ERRORS.get(answer.status_code, Unavailable)
    message = problem.get("message") or f"The runtime answered {answer.status_code}."
    return kind(message, remedy=problem.get("remedy") or "See logs/runtime.log.")
