"""The ways in which Render fails, each as an application in the place of the one that is right."""

import itertools
from collections.abc import Callable

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.fakes.github_faults import FAULTS as COMMON

_numbers = itertools.count(1)


def error_answer(
    status: int, message: str, *, code: str | None = None, **headers: str
) -> JSONResponse:
    """Render's errors: ``{id, message, code?}``."""
    body = {"id": f"req-{next(_numbers)}", "message": message, **({"code": code} if code else {})}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(body, status, named)


def limit_answer(left_seconds: float) -> JSONResponse:
    """Its reset is the seconds that are left, whatever the page of its documentation says."""
    return error_answer(
        429, "rate limit exceeded", ratelimit_limit="20", ratelimit_remaining="0",
        ratelimit_reset=str(round(left_seconds)),
    )  # fmt: skip


def _retry_after(_app: ASGIApp) -> ASGIApp:
    return error_answer(429, "rate limit exceeded", retry_after="7")


def _long_limit(_app: ASGIApp) -> ASGIApp:
    return limit_answer(3700)


def _as_200(app: ASGIApp) -> ASGIApp:
    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: Message) -> None:
            begins = message["type"] == "http.response.start"
            await send({**message, "status": 200} if begins else message)

        await app(scope, receive, say)

    return answering


FAULTS: dict[str, Callable[[ASGIApp], ASGIApp]] = {
    **{name: COMMON[name] for name in ("lost", "cut", "nulls", "novel", "drip")},
    "ok": lambda app: app,
    "retry_after": _retry_after,
    "long_limit": _long_limit,
    "as_200": _as_200,
}
