"""Calls that schemathesis makes of the description, against a whole application over HTTP.

The caller owns what the paths name, so that calls reach the inside. No answer may be a failure of
ours, or another than the description declares. ``make test`` makes a few calls of each operation;
``make e2e`` makes many, of each as long as its share of the time lasts.
"""

import asyncio
import socket
import time
import unittest
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.api.conftest import client_of
from tests.api.deployer import User
from tests.api.own_things import make_own_things

from autodeploy.api.application import describe
from autodeploy.kernel.resources import Resources

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What takes away the things that the other calls need comes last.
LAST = ("delete", "revoke", "leave", "logout")
SECONDS_OF_A_CALL = 20
# For all operations. On a machine without other work the many calls take three minutes.
SECONDS_OF_ALL_CALLS = 300


@schemathesis.serializer("application/gzip")
def _as_it_is(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.mark.parametrize(
    "examples",
    [pytest.param(2, id="few"), pytest.param(40, id="many", marks=pytest.mark.e2e)],
)
@pytest.mark.timeout(600)
# The server's thread draws random numbers while hypothesis watches the strategies for that.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_no_generated_call_fails_inside_or_is_answered_as_nothing_declares(
    app: FastAPI, resources: Resources, sign_up, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("autodeploy.services.analyzer.service.queue_and_wait", _no_analysis)
    async with client_of(app) as client:
        session = await sign_up()
        known, token = await make_own_things(User(client, session), resources)
    document = describe(app)
    async with _served(app) as url:
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=url)
        operations = sorted(_operations(schema), key=_destroys)
        assert len(operations) > 30
        failures: list[str] = []
        end = time.monotonic() + SECONDS_OF_ALL_CALLS
        for left, operation in zip(range(len(operations), 0, -1), operations, strict=True):
            until = time.monotonic() + (end - time.monotonic()) / left
            failures += await asyncio.to_thread(_call, operation, known, token, examples, until)
    assert not failures, "\n\n".join(failures)


def _operations(schema: Any) -> Iterator[APIOperation]:
    for result in schema.get_all_operations():
        yield result.ok()


def _destroys(operation: APIOperation) -> bool:
    name = operation.definition.raw["operationId"]
    return operation.method.lower() == "delete" or name.startswith(LAST)


def _call(
    operation: APIOperation, known: dict[str, str], token: str, examples: int, until: float
) -> list[str]:
    """Call an operation about our own things, then about whatever is generated, rightly and
    wrongly, each at least once, and no more when it is ``until``; what went wrong."""
    names = [each.name for each in operation.path_parameters]
    ours = {name: known[name] for name in names if name in known}
    failures = []
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for path_parameters in [ours, None] if ours else [None]:
            cases = operation.as_strategy(mode, path_parameters=path_parameters)
            if wrong := _call_each(cases, token, examples, until):
                failures.append(f"{operation.label} ({mode.value}): {wrong}")
    return failures


def _call_each(cases: SearchStrategy[Case], token: str, examples: int, until: float) -> str | None:
    failed = False

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def once(case: Case) -> None:
        nonlocal failed
        try:
            case.call_and_validate(
                checks=CHECKS,
                headers={"Authorization": f"Bearer {token}"},
                timeout=SECONDS_OF_A_CALL,
            )
        except (Exception, BaseExceptionGroup):
            failed = True
            raise
        if time.monotonic() > until and not failed:
            raise unittest.SkipTest  # which hypothesis lets through at once

    try:
        once()
    except (Unsatisfiable, unittest.SkipTest):
        pass  # it takes nothing that could be wrong, or the time is over
    except (Exception, BaseExceptionGroup) as error:
        return _text(error)
    return None


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_text(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"


async def _no_analysis(*_: Any, **__: Any) -> None:
    """No worker runs, so there is nothing to wait for."""


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncIterator[str]:
    """The application behind a real server, on a port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()
