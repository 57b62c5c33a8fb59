"""The emulated Render, or another one that the environment names.

With ``AUTODEPLOY_PROVIDERS__RENDER__API_URL`` the tests that hold calls against Render's
description go there, with ``AUTODEPLOY_CONTRACT_TOKEN``, and make things in
``AUTODEPLOY_CONTRACT_OWNER`` from ``AUTODEPLOY_CONTRACT_REPOSITORY`` (owner and name at GitHub) at
``AUTODEPLOY_CONTRACT_COMMIT``; those that need faults or a state of their own skip.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.fakes.contract import require_contract
from tests.fakes.render_api import OWNER, TOKEN, FakeRenderApi
from tests.kernel.http.servers import MovedTime

from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.base import (
    App,
    BuildRequest,
    BuildSpec,
    CommitSource,
    DeployProvider,
    ReleaseRequest,
)
from autodeploy.providers.databases import DatabaseProvider, DatabaseRequest
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.render.provider import RenderProvider

ELSEWHERE = os.environ.get("AUTODEPLOY_PROVIDERS__RENDER__API_URL")
COMMIT = "a" * 40
OTHER = "b" * 40
ENVIRONMENT = UUID("11111111-2222-3333-4444-555555555555")
APP = App(ENVIRONMENT, 7, "shop", "production")
NAME = "shop-production-11111111"
SERVER = BuildSpec(
    kind="server", language="node", framework="express", package_manager="npm",
    runtime_version="22", install_command="npm ci", build_command="npm run build",
    start_command="node server.js", release_command=None, output_directory=None,
)  # fmt: skip
SITE = replace(SERVER, kind="static", start_command=None, output_directory="dist")

Open = Callable[..., RenderProvider]


class KeptNotes:
    """Notes that last. ``at`` maps a key to what is run when it is kept: before, and after."""

    def __init__(self) -> None:
        self.values: Mapping[str, Any] = {}
        self.at: dict[tuple[str, str], Callable[[], None]] = {}

    async def keep(self, **values: Any) -> None:
        for key in values:
            self.at.pop((key, "before"), lambda: None)()
        self.values = {**self.values, **values}
        for key in values:
            self.at.pop((key, "after"), lambda: None)()


class Log:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    async def __call__(self, level: str, source: str, message: str) -> None:
        self.lines.append((level, source, message))

    async def stored(self) -> None:
        pass

    def of(self, source: str) -> list[str]:
        return [message for _, said, message in self.lines if said == source]


async def _no_files() -> Path:
    raise AssertionError("Render fetches the source itself")


def build_request(**values: Any) -> BuildRequest:
    source = CommitSource("https://github.com/octo/shop.git", "main", COMMIT, "octo/shop", 5)
    given = {
        "deployment_id": uuid4(), "app": APP, "fetch": _no_files, "spec": SERVER,
        "environment": {"BUILD": "1"}, "run_environment": {"KEY": "value"}, "notes": KeptNotes(),
        "commit": source, **values,
    }  # fmt: skip
    return BuildRequest(**given)


def at_commit(sha: str, branch: str = "main") -> CommitSource:
    return CommitSource("https://github.com/octo/shop.git", branch, sha, "octo/shop", 5)


def release_request(key: str, **values: Any) -> ReleaseRequest:
    """The release of the deployment that the build was made for, unless another one is given."""
    given = {
        "deployment_id": UUID(key[-36:]) if key.startswith("srv-") else uuid4(), "app": APP,
        "artifact_key": key, "spec": SERVER, "environment": {"KEY": "value"}, **values,
    }  # fmt: skip
    return ReleaseRequest(**given)


def reusing(key: str, **values: Any) -> ReleaseRequest:
    """The release of another deployment, which uses the build again."""
    return release_request(key, **{"deployment_id": uuid4(), **values})


async def _no_password() -> str:
    raise AssertionError("Render chooses the password itself")


def database_request(**values: Any) -> DatabaseRequest:
    given = {
        "database_id": uuid4(), "app": APP, "name": "main", "plan": "free",
        "password": _no_password, "notes": KeptNotes(), **values,
    }  # fmt: skip
    return DatabaseRequest(**given)


def account(token: str = TOKEN, owner_id: str | None = OWNER["id"]) -> ConnectedAccount:
    return ConnectedAccount(uuid4(), token, owner_id)


@pytest.fixture
def described() -> None:
    """The description is there: without it, nothing that the test does is held against it."""
    if not ELSEWHERE:
        require_contract("render")


@pytest.fixture
def time() -> MovedTime:
    return MovedTime()


@pytest.fixture
async def render(time: MovedTime) -> AsyncIterator[FakeRenderApi]:
    """The emulated one, which the test may change and have fail."""
    if ELSEWHERE:
        pytest.skip("needs an emulated Render, and the environment names another")
    async with FakeRenderApi(time).run() as fake:
        yield fake


@pytest.fixture
async def open_provider(render: FakeRenderApi, time: MovedTime) -> AsyncIterator[Open]:
    """``open_provider(…)``: the provider at the emulated one, closed after the test."""
    async with AsyncExitStack() as stack:

        def open_(**values: Any) -> RenderProvider:
            provider = RenderProvider(api_url=render.url, timing=time, **values)
            stack.push_async_callback(provider.close)
            return provider

        yield open_


@pytest.fixture
def provider(open_provider: Open) -> RenderProvider:
    # A machine that is slow for a second loses no answer here.
    return open_provider()


@pytest.fixture
def hasty(open_provider: Open) -> RenderProvider:
    """One that soon takes silence for an answer that is lost."""
    return open_provider(patience=Patience(attempts=2, read_seconds=1.0))


@pytest.fixture
def apps(provider: RenderProvider) -> DeployProvider:
    return provider.deploys_as(account())


@pytest.fixture
def hasty_apps(hasty: RenderProvider) -> DeployProvider:
    return hasty.deploys_as(account())


@pytest.fixture
def databases(provider: RenderProvider) -> DatabaseProvider:
    return provider.databases_as(account())


@pytest.fixture
def log() -> Log:
    return Log()
