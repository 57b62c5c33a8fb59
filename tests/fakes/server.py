"""Emulated providers over real HTTP: each an application on a port of its own on loopback."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Exchange:
    """One request and its answer, as they went over the wire."""

    method: str
    path: str
    raw_path: str
    query: str
    request_headers: Headers
    request_body: bytes
    status: int = 0
    response_headers: Headers = field(default_factory=Headers)
    response_body: bytes = b""
    fault: str | None = None


@dataclass
class Faults:
    """What the next answers of a path are instead: ``fail("/user", "503")``, or of a method alone:
    ``fail("POST /user", "503")``; ``fail("POST", "503")`` is for the next one of any path."""

    queued: dict[str, list[str]] = field(default_factory=dict)

    def fail(self, path: str, *kinds: str) -> None:
        self.queued.setdefault(path, []).extend(kinds)

    def next(self, method: str, path: str) -> str | None:
        for key in (f"{method} {path}", path, method):
            if self.queued.get(key):
                return self.queued[key].pop(0)
        return None


class Recorded:
    """Puts injected faults before an application, and keeps what was exchanged.

    ``more`` are faults of a provider's own: by name, a function that makes an application of this
    one.
    """

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        exchanges: list[Exchange],
        more: Mapping[str, Callable[[ASGIApp], ASGIApp]] | None = None,
    ):
        self._app = app
        self._faults = faults
        self._exchanges = exchanges
        self._more = more or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        exchange = Exchange(
            scope["method"],
            scope["path"],
            scope["raw_path"].decode(),
            scope["query_string"].decode(),
            Headers(scope=scope),
            body,
        )
        self._exchanges.append(exchange)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.response_headers = Headers(raw=message["headers"])
            exchange.response_body += message.get("body", b"")
            await send(message)

        app: ASGIApp = self._app
        fault = exchange.fault = self._faults.next(scope["method"], scope["path"])
        if fault is not None:
            app = self._more[fault](app) if fault in self._more else _fault(fault)
        await app(scope, replay, keep)


def _fault(kind: str) -> ASGIApp:
    """An application that answers everything in one wrong way."""
    answers: dict[str, Any] = {
        "truncated": lambda: PlainTextResponse('{"access_tok', media_type="application/json"),
        "html": lambda: Response("<h1>Maintenance</h1>", media_type="text/html"),
        "list": lambda: JSONResponse([1, 2]),
        "empty": lambda: JSONResponse({}),
        "huge": lambda: PlainTextResponse("x" * 2_000_000),
        "redirect": lambda: Response(status_code=302, headers={"Location": "http://127.0.0.1:1/"}),
    }
    if kind in answers:
        return answers[kind]()  # type: ignore[no-any-return]
    if kind == "silence":
        return _silence
    if kind == "broken_off":
        return _broken_off
    return JSONResponse({"message": "injected", "error": "injected"}, status_code=int(kind))


async def _silence(_scope: Scope, _receive: Receive, _send: Send) -> None:
    await asyncio.Event().wait()


async def _broken_off(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The connection ends before the body that is announced, and nothing was done."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # those of the tests stay as they are


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve ``app`` in this event loop; yields its address."""
    # Named as TCP, so that asyncio sends what is written at once: else each answer waits 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = server.force_exit = True
            await running


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
