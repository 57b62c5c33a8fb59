"""The ways in which Vercel fails, each as an application in the place of the one that is right."""

from collections.abc import Callable
from typing import Any

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.fakes.github_faults import FAULTS as COMMON
from tests.fakes.github_faults import _changed


def error_answer(status: int, code: str, **more: Any) -> JSONResponse:
    """Vercel's errors: a code, and a sentence that may quote what was sent."""
    error = {"code": code, "message": f"injected sentence of {code}", **more}
    return JSONResponse({"error": error}, status)


def _rate_limited(_app: ASGIApp) -> ASGIApp:
    limit = {"total": 100, "remaining": 0, "reset": 1_793_000_100}
    answer = error_answer(429, "rate_limited", limit=limit)
    answer.headers["Retry-After"] = "7"
    return answer


def _builds_limited(_app: ASGIApp) -> ASGIApp:
    """The builds of a day are used up: nothing that a call could wait for."""
    answer = error_answer(429, "builds_rate_limited")
    answer.headers["Retry-After"] = "40000"
    return answer


def _with_news(value: Any) -> Any:
    """States that no description lists, and fields."""
    if isinstance(value, dict):
        made = {key: _with_news(each) for key, each in value.items()}
        states = ("readyState", "status", "state", "readySubstate", "jobStatus")
        news = {key: "BRAND_NEW" for key in states if key in value}
        return {**made, **news, "newField": {"a": 1}}
    return [_with_news(each) for each in value] if isinstance(value, list) else value


def _success(status: int) -> Callable[[ASGIApp], ASGIApp]:
    """What is right, as a success of another kind."""

    def make(app: ASGIApp) -> ASGIApp:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> None:
                is_success = message.get("status", 500) < 300
                await send({**message, "status": status} if is_success else message)

            await app(scope, receive, changed)

        return run

    return make


def _bare_list(value: Any) -> Any:
    return value["projects"]


def _refusal(status: int, code: str, **more: Any) -> Callable[[ASGIApp], ASGIApp]:
    return lambda _app: error_answer(status, code, **more)


FAULTS: dict[str, Callable[[ASGIApp], ASGIApp]] = {
    **{name: COMMON[name] for name in ("lost", "cut", "nulls", "drip")},
    "rate_limited": _rate_limited,
    "builds_limited": _builds_limited,
    "novel": _changed(_with_news),
    "bare_list": _changed(_bare_list),
    "as_200": _success(200),
    "as_202": _success(202),
    "bad_request": _refusal(400, "bad_request"),
    "payment": _refusal(402, "payment_required"),
    "revoked": _refusal(403, "forbidden", invalidToken=True),
    "forbidden": _refusal(403, "forbidden"),
    "not_found": _refusal(404, "not_found"),
    "conflict": _refusal(409, "conflict"),
    "invalid": _refusal(422, "unprocessable"),
}
