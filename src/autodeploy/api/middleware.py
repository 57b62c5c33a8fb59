"""What surrounds every request: its id, log line, metrics, caller, body limit and headers.

Plain ASGI, so that streams and WebSockets pass through untouched.
"""

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from autodeploy.api import problems
from autodeploy.api.deps import get_resources
from autodeploy.api.routes import template_of
from autodeploy.kernel.errors import AutoDeployError, InvalidInput, TooLarge, Unauthenticated
from autodeploy.kernel.log import request_context
from autodeploy.kernel.telemetry import WEBSOCKETS, observe_request
from autodeploy.services.auth.service import authenticate, redeem_ticket

UPLOAD_PATH = "/api/v1/repositories/upload"
BODY_LIMIT_BYTES = 2 * 1024 * 1024
TICKET_PROTOCOL = "autodeploy.ticket."

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A NUL in JSON: its escape, unless the backslash is itself escaped. PostgreSQL stores no NUL.
_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}

_log = structlog.get_logger("autodeploy.access")


class RequestContext:
    """Gives each request an id, logs and counts it, and answers for what nothing else caught."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        with request_context(request_id):
            if scope["type"] == "http":
                await self._http(scope, receive, send, request_id)
            else:
                await self._websocket(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with WEBSOCKETS.track_inprogress():
                await self.app(scope, receive, send)
        except AutoDeployError as error:  # of a middleware: those of routes are answered inside
            await problems.refuse_websocket(WebSocket(scope, receive, send), error)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                _add_headers(MutableHeaders(scope=message), scope, request_id)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            if status:  # the answer is on its way: nothing can be said any more
                raise
            connection = HTTPConnection(scope)
            known = problems.translate(error)
            if known is None:
                problems.log_defect(connection)
                response = problems.unexpected_response(connection)
            else:
                response = problems.problem_response(connection, known)
            await response(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            route = template_of(scope) or "unmatched"
            observe_request(scope["method"], route, status, seconds)
            _log.info(
                "request",
                method=scope["method"],
                route=route,
                path=scope["path"],
                status=status,
                seconds=round(seconds, 4),
            )


class Authentication:
    """Identifies the caller. Routes decide whether they need one (``deps.require_credential``)."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            connection = HTTPConnection(scope)
            try:
                connection.state.principal = await _identify(connection)
            except Unauthenticated as refusal:
                connection.state.refusal = refusal
        await self.app(scope, receive, send)


class BodyGuard:
    """Refuses bodies that are too large or hold a NUL, before anything parses them.

    The body is kept whole (``state.body``) for the routes that are idempotent by key. Uploads
    are streams with a limit of their own and pass through.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            _refuse_nul_in_url(scope)
        if scope["type"] != "http" or scope["path"] == UPLOAD_PATH:
            await self.app(scope, receive, send)
            return
        body = await _read_body(scope, receive)
        scope["state"]["body"] = body
        pending: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal pending
            if pending is None:
                return await receive()
            message, pending = pending, None
            return message

        await self.app(scope, replay, send)


def _request_id(offered: str | None) -> str:
    return offered if offered and _REQUEST_ID.fullmatch(offered) else uuid4().hex


def _add_headers(headers: MutableHeaders, scope: Scope, request_id: str) -> None:
    headers["X-Request-Id"] = request_id
    for name, value in _SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope["path"].startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")
    for name, value in scope["state"].get("rate_headers", {}).items():
        headers[name] = value


async def _identify(connection: HTTPConnection) -> object | None:
    """The caller by ``Authorization``, or by a WebSocket's ticket; None without either."""
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, credential = header.partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise Unauthenticated(
                "The Authorization header is not of the form 'Bearer …'.",
                remedy="Send an access token or a personal token as 'Authorization: Bearer …'.",
            )
        return await authenticate(get_resources(connection), credential.strip())
    if connection.scope["type"] == "websocket":
        for protocol in connection.scope.get("subprotocols", []):
            if protocol.startswith(TICKET_PROTOCOL):
                ticket = protocol.removeprefix(TICKET_PROTOCOL)
                return await redeem_ticket(get_resources(connection), ticket)
    return None


def _refuse_nul_in_url(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise InvalidInput(
            "The address holds a NUL character.", field="url", remedy="Send it without."
        )


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    announced = Headers(scope=scope).get("content-length", "")
    if announced.isdecimal() and int(announced) > BODY_LIMIT_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > BODY_LIMIT_BYTES:
            raise _too_large()
    body = b"".join(parts)
    if b"\x00" in body or _NUL_ESCAPE.search(body):
        raise InvalidInput(
            "The body holds a NUL character.", field="body", remedy="Send it without."
        )
    return body


def _too_large() -> TooLarge:
    return TooLarge(
        f"The body is larger than {BODY_LIMIT_BYTES // 1024 // 1024} MB.",
        field="body",
        remedy="Send less; sources go to POST /api/v1/repositories/upload.",
    )
