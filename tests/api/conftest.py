"""The application with real parts, called in process."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from tests.conftest import open_database
from tests.services.auth.accounts import signed_up
from tests.services.deployer.hosted import Cloud

from autodeploy.app import ROLE_ROUTERS, create_app
from autodeploy.kernel.db import Database
from autodeploy.kernel.resources import Resources
from autodeploy.providers.manifests import Capability, DatabaseEngine, Manifest, Price, Region
from autodeploy.providers.registry import Registry
from autodeploy.settings import Settings

LOCAL = Manifest(
    name="local",
    title="This machine",
    capabilities=frozenset(
        {
            Capability.DEPLOY,
            Capability.DATABASE,
            Capability.DATABASE_BACKUPS,
            Capability.DATABASE_PAUSES,
            Capability.DATABASE_ROTATION,
            Capability.RUN,
            Capability.SCALE,
            Capability.DRIFT,
        }
    ),
    regions=(Region("here", "This machine"),),
    pricing=(Price("free", "app", 0, "USD", "https://example.com/pricing", "2026-11-01"),),
    engines=(DatabaseEngine.POSTGRESQL,),
)


class Described:
    """A provider that is only described."""

    manifest = LOCAL


SignUp = Callable[[], Awaitable[dict[str, str]]]

_opened: list[Database] = []


@pytest.fixture(autouse=True)
async def _close_databases() -> AsyncIterator[None]:
    yield
    while _opened:
        await _opened.pop().close()


def as_app(database: Database) -> Database:
    """The same database with the role of the API, closed after the test."""
    _opened.append(
        open_database(database.engine.url.render_as_string(hide_password=False), "autodeploy_app")
    )
    return _opened[-1]


def new_app(home: Path, resources: Resources, **settings: object) -> FastAPI:
    """The application over these parts, with the API's own role in the database."""
    return app_over(home, replace(resources, db=as_app(resources.db)), **settings)


def app_over(home: Path, resources: Resources, **settings: object) -> FastAPI:
    """The application over exactly these parts."""
    values = {"rate_limits": "off", **settings}
    app = create_app(Settings(home=home, **values), frozenset(ROLE_ROUTERS), resources=resources)
    return _filled(app, resources)


def _filled(app: FastAPI, resources: Resources) -> FastAPI:
    app.state.resources = resources
    app.state.providers = Registry([Described(), Cloud()])
    return app


@functools.cache
def _plain_app() -> FastAPI:
    """What most tests call: to make it takes longer than most of them."""
    return create_app(Settings(rate_limits="off"), frozenset(ROLE_ROUTERS))


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://autodeploy.test")


@contextmanager
def shared_app(resources: Resources) -> Iterator[FastAPI]:
    """The application of many tests, over exactly these parts: every role's routers, without rate
    limits. It must be left with the routes that it has."""
    app = _plain_app()
    state, routes = dict(app.state._state), len(app.routes)
    yield _filled(app, resources)
    app.state._state.clear()
    app.state._state.update(state)
    assert len(app.routes) == routes


@pytest.fixture
def plain_app(resources: Resources) -> Iterator[FastAPI]:
    """Every role's routers, with the API's own role in the database."""
    with shared_app(replace(resources, db=as_app(resources.db))) as app:
        yield app


@pytest.fixture
def app(plain_app: FastAPI) -> FastAPI:
    """The application that is called; some tests have one of their own."""
    return plain_app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a credential."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def sockets(app: FastAPI) -> AsyncIterator[str]:
    """The application behind a real port; the address of its WebSockets."""
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_config=None, ws="websockets-sansio", http="h11"
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"ws://127.0.0.1:{port}/api/v1"
    running.should_exit = True
    await task


@pytest.fixture
def sign_up(resources: Resources) -> SignUp:
    """Registers a new user; returns the headers that authenticate as that user."""

    async def sign_up() -> dict[str, str]:
        signed_in = await signed_up(resources)
        return {"Authorization": f"Bearer {signed_in.access_token}"}

    return sign_up
