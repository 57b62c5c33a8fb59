"""Every operation × every kind of caller × objects of its own, of others and of nobody.

The operations come from the OpenAPI description, the expected outcomes from
``permission_table.py``. ``make mutate-authz`` proves that this fails when a check is removed.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import client_of
from tests.api.tenancy.permission_table import OPERATIONS, RANKS, RIGHTS, SCOPES, Operation
from tests.api.tenancy.world import TARGETS, THEIRS, Caller, World

from autodeploy.api.application import describe
from autodeploy.api.routes import list_routes
from autodeploy.app import ROLE_ROUTERS, create_app
from autodeploy.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="package")

_METHODS = {"get", "post", "put", "patch", "delete"}
_CHILD_KINDS = {
    "member", "colleague", "invitation", "service_token", "backup", "webhook", "channel",
}  # fmt: skip
_UNDER_OWN = ("crossed", "absent")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNASKED = {"anonymous", "expired token", "owner", "stranger"}
# A kind of caller each, as the database tells them apart.
_KINDS = {"owner", "limited member", "service token with write"}
_CLOSED = {1000: 200, 4403: 403, 4404: 404, 4409: 409}


@dataclass(frozen=True)
class Route:
    method: str
    template: str


def _routes() -> dict[str, Route]:
    """Every operation of the description by its id, and every WebSocket by its path."""
    app = create_app(Settings(), frozenset(ROLE_ROUTERS))
    operations = {
        operation["operationId"]: Route(method.upper(), template)
        for template, methods in describe(app)["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    }
    sockets = {
        f"WEBSOCKET {entry.template}": Route("WEBSOCKET", entry.template)
        for entry in list_routes(app)
        if "WEBSOCKET" in entry.methods
    }
    return operations | sockets


ROUTES = _routes()


async def test_the_table_lists_every_operation_and_no_other() -> None:
    assert OPERATIONS.keys() == ROUTES.keys()


_EACH = pytest.mark.parametrize(
    ("name", "operation"),
    [
        pytest.param(name, each, id=f"{name}-{number}")
        for name, variants in OPERATIONS.items()
        if name in ROUTES
        for number, each in enumerate(variants)
    ],
)


@_EACH
async def test_nothing_of_another_tenant_is_shown(
    name: str, operation: Operation, world: World, tenant_app: FastAPI
) -> None:
    """What row-level security alone must hold, where every condition of a query was forgotten."""
    async with client_of(tenant_app) as client:
        for caller in (each for each in world.callers if each.name in _KINDS):
            for target in ("foreign", "missing", "own"):
                is_possible = operation.access == "action" or not caller.service
                answer = await _call(
                    client, tenant_app, world, ROUTES[name], operation, caller, target,
                    spend=target == "own" and is_possible,
                )  # fmt: skip
                where = f"{caller.name} on {target}: {answer.text[:300]}"
                assert THEIRS not in answer.text, where
                if target == "foreign" and operation.kind is not None:
                    assert answer.is_error, where  # be it in a query that finds too much


@_EACH
async def test_each_caller_gets_what_the_table_says(
    name: str, operation: Operation, world: World, tenant_app: FastAPI
) -> None:
    async with client_of(tenant_app) as client:
        for caller in _callers(operation, world):
            hidden = defaultdict(set)
            for target in _targets(operation, caller):
                status = _expected(operation, caller, target)
                answer = await _call(client, tenant_app, world, ROUTES[name], operation, caller,
                                     target, spend=status == operation.done)  # fmt: skip
                where = f"{caller.name} on {target}: {answer.text[:300]}"
                assert answer.status_code == status, where
                leaked = {word for word in caller.forbidden_words() if word in answer.text}
                assert not leaked, f"{where} holds {leaked}"
                if status == operation.hidden:
                    hidden[target in _UNDER_OWN].add(_without_ids(answer))
            for answers in hidden.values():
                assert len(answers) == 1, f"{caller.name} can tell them apart: {answers}"


def _callers(operation: Operation, world: World) -> list[Caller]:
    """All; of those whom a public operation does not ask who they are, some: tries are counted."""
    if operation.access != "public":
        return world.callers
    return [each for each in world.callers if each.name in _UNASKED]


def _targets(operation: Operation, caller: Caller) -> list[str]:
    if operation.kind is None:
        return ["own"]
    left_out = set() if operation.kind in _CHILD_KINDS else set(_UNDER_OWN)
    if not caller.limited or operation.kind == "account":
        left_out.add("sibling")
    if caller.name == "stranger":
        left_out.add("foreign")  # which is its own
    return [target for target in TARGETS if target not in left_out]


def _expected(operation: Operation, caller: Caller, target: str) -> int:
    """The status that the table gives a call, from what is said of caller and object."""
    if operation.access == "public":
        return operation.done
    if operation.access == "either" and caller.header is None:
        return operation.done
    if not caller.valid:
        return 401
    if operation.access == "anyone":
        return operation.done
    if operation.access == "operator":
        return operation.done if caller.operator and _has_scope(operation, caller) else 403
    if operation.access in ("account", "either"):
        return _expected_of_account(operation, caller, target)
    return _expected_of_action(operation, caller, target)


def _expected_of_account(operation: Operation, caller: Caller, target: str) -> int:
    if caller.service or not _has_scope(operation, caller):
        return 403
    is_seen = operation.kind is None or target == "own"
    if operation.operators and caller.operator and target == "foreign":
        is_seen = True
    return operation.done if is_seen else operation.hidden


def _expected_of_action(operation: Operation, caller: Caller, target: str) -> int:
    assert operation.action is not None
    right = RIGHTS[operation.action]
    if operation.kind is None:  # a list: the callers' own is all that it can hold
        return operation.done if _has_scope(operation, caller) else 403
    if caller.role is None:
        return 404
    allowed = _may(right, caller) and _has_scope(operation, caller)
    # What is named beside an object that the caller sees: that one decides first.
    if not allowed and (operation.hidden != 404 or target in _UNDER_OWN):
        return 403
    if not _is_seen(operation, caller, target):
        return operation.hidden
    return operation.done if allowed else 403


def _is_seen(operation: Operation, caller: Caller, target: str) -> bool:
    if target == "sibling":
        kinds = ("organization", "member", "colleague", "invitation", "webhook", "channel")
        return operation.kind in kinds or not caller.limited
    return target == "own" or (operation.kind == "organization" and target in _UNDER_OWN)


def _has_scope(operation: Operation, caller: Caller) -> bool:
    needed = operation.needs_scope
    if needed is None:
        return True
    return caller.scope is not None and SCOPES.index(caller.scope) >= SCOPES.index(needed)


def _may(right: Any, caller: Caller) -> bool:
    assert caller.role is not None
    if caller.service and not right.of_project:
        return False
    if caller.limited and not right.limited:
        return False
    return RANKS.index(caller.role) >= RANKS.index(right.role)


async def _call(
    client: httpx.AsyncClient,
    app: FastAPI,
    world: World,
    route: Route,
    operation: Operation,
    caller: Caller,
    target: str,
    *,
    spend: bool,
) -> httpx.Response:
    ids = world.ids(target, operation.kind)
    if operation.kind == "account" and target == "own":
        ids = {**ids, "user_id": str(caller.user_id or uuid4())}
    if operation.spends and spend:
        ids = await world.spend(caller, route.template, ids)
    named = {**ids, **operation.path(ids)}
    path = re.sub(r"\{(\w+)\}", lambda match: named[match[1]], route.template)
    if route.method == "WEBSOCKET":
        return await open_socket(app, path, caller)
    return await client.request(
        route.method,
        path,
        params=operation.query(ids),
        json=operation.body(ids) if operation.body else None,
        headers=caller.headers,
    )


async def open_socket(app: FastAPI, path: str, caller: Caller, *protocols: str) -> httpx.Response:
    """A WebSocket until its end, in the words of HTTP."""
    incoming = iter([{"type": "websocket.connect"}])
    status, texts = 0, []

    async def receive() -> Mapping[str, Any]:
        for message in incoming:
            return message
        await closed.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "websocket.http.response.start":
            status = message["status"]
        elif message["type"] == "websocket.close":
            status = _CLOSED[message["code"]]
            texts.append(message.get("reason") or "")
            closed.set()
        texts.append(str(message.get("text") or message.get("body") or ""))

    closed = asyncio.Event()
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", caller.header.encode())] if caller.header else [],
        "subprotocols": list(protocols),
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return httpx.Response(status, text="".join(texts))


def _without_ids(answer: httpx.Response) -> str:
    """An answer without the id of its request and those that the request named."""
    return _UUID.sub("", re.sub(r'"traceId":"[^"]*"', "", answer.text))
