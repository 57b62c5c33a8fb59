"""What surrounds every request: its id, log line, metrics, caller and headers.

Plain ASGI, so that streams and WebSockets pass through untouched.
"""

import re
import time
from dataclasses import replace
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from autodeploy.api import problems
from autodeploy.api.deps import client_of, get_resources
from autodeploy.api.routes import shown_path, template_of
from autodeploy.kernel.errors import AutoDeployError, Unauthenticated
from autodeploy.kernel.log import request_context
from autodeploy.kernel.telemetry import WEBSOCKETS, observe_request
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.service import authenticate, redeem_ticket

TICKET_PROTOCOL = "autodeploy.ticket."

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    # Answers are data: a browser that shows one loads and runs nothing.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# Of this name alone: names below it are those of deployed apps.
_STRICT_TRANSPORT = "max-age=31536000"

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
                path=shown_path(scope),
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


def _request_id(offered: str | None) -> str:
    return offered if offered and _REQUEST_ID.fullmatch(offered) else uuid4().hex


def _add_headers(headers: MutableHeaders, scope: Scope, request_id: str) -> None:
    headers["X-Request-Id"] = request_id
    for name, value in _SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope["scheme"] == "https":
        headers.setdefault("Strict-Transport-Security", _STRICT_TRANSPORT)
    if scope["path"].startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")
    for name, value in scope["state"].get("rate_headers", {}).items():
        headers[name] = value


async def _identify(connection: HTTPConnection) -> Principal | None:
    """The caller and where it calls from; None without a credential."""
    principal = await _principal_of(connection)
    if principal is None:
        return None
    return replace(principal, **client_of(connection))


async def _principal_of(connection: HTTPConnection) -> Principal | None:
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
