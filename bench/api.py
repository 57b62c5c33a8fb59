"""Calls a second of the API beside a bare endpoint of the same framework with one SELECT.

All calls run in this process, in turn, against the embedded parts, so that they meet the same
conditions: the bare endpoint, the same endpoint behind the check of an access token or a personal
token, one read (a project), and log-in, whose time is that of its password hash. What a token check
adds is the difference of the medians.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request
from sqlalchemy import text
from starlette.types import Message, Scope

from autodeploy.api.deps import get_resources, require_credential
from autodeploy.api.middleware import Authentication
from autodeploy.app import create_app
from autodeploy.kernel.resources import Resources
from autodeploy.roles import close_resources, open_resources
from bench.parts import running_parts
from bench.report import Record, show

BUDGET_ADDED_MS = 0.5
WARM_UP_CALLS = 50
LOGINS_EVERY = 50
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"

Call = Callable[[], Awaitable[int]]
Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--calls", type=int, default=2000, help="how many of each")
    options = parser.parse_args()
    times = asyncio.run(_measure(options.calls))
    bare = statistics.median(times["bare endpoint with one SELECT"])
    records: list[Record] = []
    for name, seconds in times.items():
        median = statistics.median(seconds)
        records.append(
            {
                "name": name,
                "median_ms": round(median * 1000, 3),
                "per_second": round(1 / median, 1),
                "added_ms": round((median - bare) * 1000, 3),
            }
        )
    show("Calls of the API, one at a time", "calls", records, as_json=options.json)


async def _measure(calls: int) -> dict[str, list[float]]:
    """Seconds of each call, by name."""
    async with _application() as (app, resources):
        bare, checked = _bare(resources), _bare(resources, checked=True)
        bound = _bare(resources, checked=True, bound=True)
        access = await _register(app)
        personal = await _personal_token(app, access)
        project = await _project(app, access)
        named: dict[str, Call] = {
            "bare endpoint with one SELECT": _get(bare, "/"),
            "with an access token": _get(checked, "/", access),
            "with a personal token": _get(checked, "/", personal),
            "and the SELECT bound to the caller's rows": _get(bound, "/", access),
            "GET /api/v1/projects/{id}": _get(app, f"/api/v1/projects/{project}", access),
        }
        times: dict[str, list[float]] = {name: [] for name in named}
        for call in named.values():
            for _ in range(WARM_UP_CALLS):
                await _timed(call)
        for _ in range(calls):
            for name, call in named.items():
                times[name].append(await _timed(call))
        log_in = _post(app, "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        times["POST /api/v1/auth/login"] = [
            await _timed(log_in) for _ in range(max(10, calls // LOGINS_EVERY))
        ]
        return times


def _bare(resources: Resources, *, checked: bool = False, bound: bool = False) -> FastAPI:
    """One route with one SELECT: alone, behind the check of a credential, and in a transaction
    that row-level security lets see the caller's rows."""
    app = FastAPI(dependencies=[Depends(require_credential)] if checked else [])

    @app.get("/")
    async def read(request: Request) -> dict[str, int]:
        found = get_resources(request) if bound else resources
        async with found.db.transaction() as session:
            return {"value": (await session.execute(text("SELECT 1"))).scalar_one()}

    app.state.resources = resources
    app.state.routes = {}
    if checked:
        app.add_middleware(Authentication)
    return app


@asynccontextmanager
async def _application() -> AsyncIterator[tuple[FastAPI, Resources]]:
    """The whole application without rate limits, on parts of its own."""
    async with running_parts() as settings:
        resources = await open_resources(settings, "app")
        app = create_app(settings, frozenset({"auth", "deployer"}), resources=resources)
        app.state.resources = resources
        yield app, resources
        await close_resources(resources)


async def _register(app: FastAPI) -> str:
    body = {"email": EMAIL, "password": PASSWORD, "name": "Ada"}
    return str((await _answer(_scope("POST", "/api/v1/auth/register"), body, app))["accessToken"])


async def _personal_token(app: FastAPI, access: str) -> str:
    scope = _scope("POST", "/api/v1/auth/tokens", access)
    return str((await _answer(scope, {"name": "bench"}, app))["token"])


async def _project(app: FastAPI, access: str) -> str:
    return str(
        (await _answer(_scope("POST", "/api/v1/projects", access), {"name": "x"}, app))["id"]
    )


def _get(app: FastAPI, path: str, token: str | None = None) -> Call:
    return lambda: _status(app, _scope("GET", path, token), b"")


def _post(app: FastAPI, path: str, body: Json) -> Call:
    return lambda: _status(app, _scope("POST", path), json.dumps(body).encode())


async def _timed(call: Call) -> float:
    begun = time.perf_counter()
    status = await call()
    elapsed = time.perf_counter() - begun
    assert status == HTTPStatus.OK, status
    return elapsed


async def _status(app: FastAPI, scope: Scope, body: bytes) -> int:
    messages = await _exchange(app, scope, body)
    return int(messages[0]["status"])


async def _answer(scope: Scope, body: Json, app: FastAPI) -> Json:
    messages = await _exchange(app, scope, json.dumps(body).encode())
    assert messages[0]["status"] == HTTPStatus.CREATED, messages
    answered: Json = json.loads(messages[1]["body"])
    return answered


async def _exchange(app: FastAPI, scope: Scope, body: bytes) -> list[Message]:
    """Call the application as a server would, without the cost of a client."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def _scope(method: str, path: str, token: str | None = None) -> Scope:
    headers = [(b"content-type", b"application/json")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8000),
    }


if __name__ == "__main__":
    main()
