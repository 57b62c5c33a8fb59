"""The ways in which GitHub fails, each as an application in the place of the one that is right."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DOCS = "https://docs.github.com/rest"


def error_answer(status: int, message: str, **headers: str) -> JSONResponse:
    """GitHub's errors; of a 422 a list of details is promised, and not always there."""
    body = {"message": message, "documentation_url": _DOCS}
    if status != 422:
        body["status"] = str(status)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(body, status, named)


def invalid_answer(resource: str, message: str) -> JSONResponse:
    errors = [{"resource": resource, "code": "custom", "message": message}]
    body = {"message": "Validation Failed", "errors": errors, "documentation_url": _DOCS}
    return JSONResponse(body, 422)


def _primary_limit(_app: ASGIApp) -> ASGIApp:
    return error_answer(
        403, "API rate limit exceeded for user ID 583231.", x_ratelimit_remaining="0",
        x_ratelimit_reset=str(int(time.time()) + 1800),
    )  # fmt: skip


def _secondary_limit(_app: ASGIApp) -> ASGIApp:
    return error_answer(
        429, "You have exceeded a secondary rate limit.", x_ratelimit_remaining="4000"
    )


def _lost(app: ASGIApp) -> ASGIApp:
    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        async def nowhere(_message: Message) -> None:
            pass

        await app(scope, receive, nowhere)
        await asyncio.Event().wait()

    return run


def _cut(app: ASGIApp) -> ASGIApp:
    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        async def half(message: Message) -> None:
            body = message.get("body", b"")
            if message["type"] == "http.response.start":
                await send(message)
            elif body:
                await send({**message, "body": body[: len(body) // 2], "more_body": True})

        await app(scope, receive, half)

    return run


def _changed(change: Callable[[Any], Any]) -> Callable[[ASGIApp], ASGIApp]:
    """A fault that answers with something else in the place of what is right."""

    def make(app: ASGIApp) -> ASGIApp:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            start: Message = {}
            body = b""

            async def keep(message: Message) -> None:
                nonlocal body
                start.update(message if message["type"] == "http.response.start" else {})
                body += message.get("body", b"")

            await app(scope, receive, keep)
            answer = JSONResponse(change(json.loads(body)), start["status"])
            await answer(scope, receive, send)

        return run

    return make


def _without_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: None if isinstance(v, list) else _without_lists(v) for k, v in value.items()}
    return [_without_lists(each) for each in value] if isinstance(value, list) else value


def _with_news(value: Any) -> Any:
    """Values that no description lists, and fields."""
    if isinstance(value, dict):
        made = {key: _with_news(each) for key, each in value.items()}
        news = {key: "brand_new" for key in ("state", "visibility", "status") if key in value}
        return {**made, **news, "new_field": {"a": 1}}
    return [_with_news(each) for each in value] if isinstance(value, list) else value


def _drip(app: ASGIApp) -> ASGIApp:
    """A body that comes byte by byte, and never ends."""

    async def run(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.02)

    return run


FAULTS: dict[str, Callable[[ASGIApp], ASGIApp]] = {
    "primary_limit": _primary_limit,
    "secondary_limit": _secondary_limit,
    "lost": _lost,
    "cut": _cut,
    "nulls": _changed(_without_lists),
    "novel": _changed(_with_news),
    "drip": _drip,
}
