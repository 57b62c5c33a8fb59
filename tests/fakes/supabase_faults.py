"""The ways in which Supabase fails, beside those that any service has."""

from collections.abc import Callable

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.fakes.github_faults import FAULTS as ANY

LIMIT_SECONDS = 42


def error_answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Supabase's errors: a sentence and nothing else."""
    return JSONResponse({"message": message}, status, headers)


def limit_headers(remaining: int, seconds: int = LIMIT_SECONDS) -> dict[str, str]:
    """The reset is in seconds from now."""
    return {"x-ratelimit-limit": "120", "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(seconds)}  # fmt: skip


def _limit(seconds: int) -> Callable[[ASGIApp], ASGIApp]:
    text = "ThrottlerException: Too Many Requests"
    return lambda _app: error_answer(429, text, limit_headers(0, seconds))


def _null(_app: ASGIApp) -> ASGIApp:
    """Null where a list is promised."""
    return JSONResponse(None)


def _leaky(_app: ASGIApp) -> ASGIApp:
    """A refusal that quotes what was sent."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"].decode()
        await error_answer(400, f"this is not valid: {body}")(scope, receive, send)

    return run


def _garbled(app: ASGIApp) -> ASGIApp:
    """Done, and answered with a success that tells nothing."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        async def nowhere(_message: Message) -> None:
            pass

        await app(scope, receive, nowhere)
        await JSONResponse({}, 201)(scope, receive, send)

    return run


FAULTS: dict[str, Callable[[ASGIApp], ASGIApp]] = {
    **{name: ANY[name] for name in ("lost", "cut", "drip", "nulls", "novel")},
    "limit": _limit(LIMIT_SECONDS),
    "short_limit": _limit(2),
    "null": _null,
    "leaky": _leaky,
    "garbled": _garbled,
}
