"""Speaks to the runtime agent of this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from autodeploy.kernel.errors import AutoDeployError, Conflict, InvalidInput, NotFound, Unavailable
from autodeploy.kernel.http.sockets import socket_transport

_TIMEOUT_SECONDS = 60.0
_ERRORS: dict[int, type[AutoDeployError]] = {
    error.status: error for error in (NotFound, InvalidInput, Conflict, Unavailable)
}


class AgentClient:
    """One call, one connection: the socket is local and the agent may restart at any time."""

    def __init__(self, socket: Path):
        self._socket = socket

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | float] | None = None,
    ) -> dict[str, Any]:
        """The agent's answer. Raises ``NotFound``, or ``Unavailable`` when it is away."""
        transport = socket_transport(self._socket)
        try:
            async with httpx.AsyncClient(transport=transport, timeout=_TIMEOUT_SECONDS) as client:
                answer = await client.request(
                    method, f"http://runtime{path}", json=body, params=query
                )
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The runtime of this machine does not answer ({type(error).__name__}).",
                remedy="It is started again by `autodeploy up`; try again in a few seconds.",
            ) from error
        if answer.is_success:
            content: dict[str, Any] = answer.json() if answer.content else {}
            return content
        raise _error(answer)


def _error(answer: httpx.Response) -> AutoDeployError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    kind = _ERRORS.get(answer.status_code, Unavailable)
    message = problem.get("message") or f"The runtime answered {answer.status_code}."
    return kind(message, remedy=problem.get("remedy") or "See logs/runtime.log.")
