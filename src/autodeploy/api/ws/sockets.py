"""What every WebSocket begins and ends with."""

from urllib.parse import urlsplit

from fastapi import WebSocket

from autodeploy.api.middleware import TICKET_PROTOCOL
from autodeploy.kernel.errors import AutoDeployError, Forbidden

NORMAL = 1000
TRY_AGAIN = 1013
# What fails after the handshake closes with the status of its problem above this.
_APPLICATION = 4000
# A reader that takes nothing for so long is let go; it resumes behind its last message.
SEND_TIMEOUT_SECONDS = 30.0


def check_origin(websocket: WebSocket) -> None:
    """Refuse pages of other sites; programs send no ``Origin``. Raises ``Forbidden``."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in websocket.app.state.allowed_origins:
        return
    if urlsplit(origin).netloc != websocket.headers.get("host"):
        raise Forbidden(
            "Pages of this origin may not open a stream.",
            remedy="Add the origin to ALLOWED_ORIGINS.",
        )


async def accept(websocket: WebSocket) -> None:
    """Accept, with the subprotocol that carried the ticket: browsers insist on an answer."""
    offered = websocket.scope.get("subprotocols", [])
    ticket = next((each for each in offered if each.startswith(TICKET_PROTOCOL)), None)
    await websocket.accept(subprotocol=ticket)


async def close_for(websocket: WebSocket, error: AutoDeployError) -> None:
    """Close with the code and the words of an error."""
    code = TRY_AGAIN if error.retryable else _APPLICATION + error.status
    await websocket.close(code, error.message[:100])
