"""The one list of public routes, held against every route that exists."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI, WebSocket
from tests.api.conftest import new_app

from autodeploy.api.public import PUBLIC_ROUTES
from autodeploy.api.routes import list_routes
from autodeploy.kernel.db import Database
from autodeploy.kernel.resources import Resources

#: Files that exist, for the templates that name any.
FILES = {"/docs/{name}": "/docs/docs.js", "/login/{name}": "/login/login.js"}


@pytest.fixture
def app(home: Path, resources: Resources) -> FastAPI:
    """One that a test may give further routes."""
    return new_app(home, resources)


def _path(template: str) -> str:
    return re.sub(r"\{[^}]+\}", str(uuid4()), template)


def _operations(app):
    return [(method, entry) for entry in list_routes(app) for method in sorted(entry.methods)]


async def test_every_route_but_the_public_ones_refuses_callers_without_a_credential(app, client):
    refused = 0
    for method, entry in _operations(app):
        if entry.public or method == "WEBSOCKET":
            continue
        answer = await client.request(method, _path(entry.template))
        assert answer.status_code == 401, f"{method} {entry.template}"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        refused += 1
    assert refused > 8


@pytest.mark.parametrize(
    "credential", ["Bearer x", "Bearer adp_x", "Basic eDp5", "Bearer ", "x", "Bearer a.b.c"]
)
async def test_every_private_route_refuses_a_credential_that_is_not_ours(app, client, credential):
    for method, entry in _operations(app):
        if entry.public or method == "WEBSOCKET":
            continue
        answer = await client.request(
            method, _path(entry.template), headers={"Authorization": credential}
        )
        assert answer.status_code == 401, f"{method} {entry.template}"


async def _handshake(
    app, path: str, headers: list[tuple[bytes, bytes]], *protocols: str
) -> list[dict[str, Any]]:
    """What the application sends to a client that opens a WebSocket and leaves."""
    incoming = iter([{"type": "websocket.connect"}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(incoming, {"type": "websocket.disconnect", "code": 1001})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "subprotocols": list(protocols),
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer adp_x")]])
async def test_every_websocket_refuses_callers_without_a_credential_of_ours(app, headers):
    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    app.state.routes = {entry.endpoint: entry for entry in list_routes(app)}
    for method, entry in _operations(app):
        if method == "WEBSOCKET":
            sent = await _handshake(app, _path(entry.template), headers)
            assert sent[0]["type"] == "websocket.http.response.start", entry.template
            assert sent[0]["status"] == 401


async def test_a_websocket_opens_with_a_credential(app, sign_up):
    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    app.state.routes = {entry.endpoint: entry for entry in list_routes(app)}
    credential = (await sign_up())["Authorization"].encode()
    sent = await _handshake(app, "/socket", [(b"authorization", credential)])
    assert sent[0]["type"] == "websocket.accept"


async def test_a_websocket_opens_once_with_a_ticket(app, client, sign_up):
    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    app.state.routes = {entry.endpoint: entry for entry in list_routes(app)}
    answer = await client.post("/api/v1/auth/ticket", headers=await sign_up())
    protocol = f"autodeploy.ticket.{answer.json()['ticket']}"
    first = await _handshake(app, "/socket", [], protocol)
    second = await _handshake(app, "/socket", [], protocol)
    assert first[0]["type"] == "websocket.accept"
    assert second[0]["status"] == 401


async def test_a_websocket_is_told_that_the_database_is_away(home, resources):
    lost = Database(f"postgresql://u:p@/x?host={home}")
    app = new_app(home, replace(resources, db=lost))
    sent = await _handshake(app, "/socket", [(b"authorization", b"Bearer adp_x")])
    await lost.close()
    assert sent[0]["status"] == 503


def test_the_public_list_names_only_routes_that_exist(app):
    existing = {(method, entry.template) for method, entry in _operations(app)}
    assert existing >= PUBLIC_ROUTES


async def test_public_routes_answer_without_a_credential(client):
    for method, template in PUBLIC_ROUTES:
        path = FILES.get(template, template)
        assert (await client.request(method, path)).status_code in {200, 409, 422}, template


def test_nothing_is_mounted_beside_the_routes_that_are_walked(app):
    walked = {entry.template for entry in list_routes(app)}
    mounted = {getattr(route, "path", None) for route in app.routes}
    assert mounted - {None} <= walked


async def test_the_documentation_page_is_public_and_the_description_is_not(client):
    assert (await client.get("/docs")).status_code == 200
    assert (await client.get("/redoc")).status_code == 404
    assert (await client.get("/openapi.json")).status_code == 401
