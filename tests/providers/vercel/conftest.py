"""The emulated Vercel, or another one that the environment names.

With ``AUTODEPLOY_PROVIDERS__VERCEL__API_URL`` the tests of the contract go there, with
``AUTODEPLOY_CONTRACT_TOKEN`` and, for a team, ``AUTODEPLOY_CONTRACT_TEAM``; they make projects and
remove them. Those that need faults or a state of their own skip.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.fakes.contract import require_contract
from tests.fakes.vercel_api import TEAM, TOKEN, FakeVercelApi
from tests.kernel.http.servers import MovedTime

from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.base import (
    App,
    Artifact,
    BuildRequest,
    BuildSpec,
    CommitSource,
    Release,
    ReleaseRequest,
)
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.vercel.deployer import VercelDeployer
from autodeploy.providers.vercel.provider import VercelProvider

ELSEWHERE = os.environ.get("AUTODEPLOY_PROVIDERS__VERCEL__API_URL")
SECRET = "s3cret-value-of-the-database"
COMMIT = CommitSource("https://github.com/octo/site", "main", "a" * 40, "octo/site", 77)
STATIC = BuildSpec(
    kind="static", language="node", framework="vite", package_manager="npm", runtime_version="22",
    install_command="npm ci", build_command="npm run build", start_command=None,
    release_command=None, output_directory="dist",
)  # fmt: skip
# What a silence is known by, here. The machine may be slow, so a second is little enough.
HASTY = Patience(attempts=2, read_seconds=1.0)

Open = Callable[..., VercelProvider]


class Killed(Exception):
    """The process ends here."""


@dataclass
class KeptNotes:
    """Notes that outlive a call. ``dies_at`` is the name of a note that is not stored any more, or
    with ``after`` is, and then the process ends."""

    values: dict[str, Any] = field(default_factory=dict)
    dies_at: str | None = None
    after: bool = False

    async def keep(self, **values: Any) -> None:
        await asyncio.sleep(0)
        dies = self.dies_at in values
        if dies and not self.after:
            self.dies_at = None
            raise Killed
        self.values |= values
        if dies:
            self.dies_at = None
            raise Killed


@dataclass
class Lines:
    """A sink that keeps what it is given."""

    kept: list[tuple[str, str, str]] = field(default_factory=list)

    async def __call__(self, level: str, source: str, message: str) -> None:
        self.kept.append((level, source, message))

    async def stored(self) -> None:
        pass

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.kept]


@dataclass
class Story:
    """An app with its files, and calls of the provider for it."""

    deployer: VercelDeployer
    app: App
    folder: Path
    log: Lines = field(default_factory=Lines)
    fetched: int = 0

    def request(self, **values: Any) -> BuildRequest:
        async def fetch() -> Path:
            self.fetched += 1
            return self.folder

        settings: dict[str, Any] = {
            "deployment_id": uuid4(),
            "app": self.app,
            "fetch": fetch,
            "spec": STATIC,
            "environment": {"PUBLIC_URL": "https://x.example.com"},
            "run_environment": {"DATABASE_URL": SECRET},
            "notes": KeptNotes(),
        }
        return BuildRequest(**(settings | values))

    async def build(self, **values: Any) -> tuple[UUID, Artifact]:
        request = self.request(**values)
        return request.deployment_id, await self.deployer.build(request, self.log)

    def release_request(self, deployment_id: UUID, key: str) -> ReleaseRequest:
        return ReleaseRequest(deployment_id, self.app, key, STATIC, {"DATABASE_URL": SECRET})

    async def release(self, deployment_id: UUID, key: str) -> Release:
        request = self.release_request(deployment_id, key)
        return await self.deployer.deploy(request, self.log)

    async def go_live(self, deployment_id: UUID, key: str) -> str:
        """Release and promote; the address."""
        release = await self.release(deployment_id, key)
        request = self.release_request(deployment_id, key)
        return (await self.deployer.promote(request, release)).url

    async def ship(self) -> tuple[UUID, str, str]:
        """From a commit to the traffic: our id, the key of the build, the address."""
        deployment_id, artifact = await self.build()
        return deployment_id, artifact.key, await self.go_live(deployment_id, artifact.key)


def app_of(environment: str = "production", **values: Any) -> App:
    return App(environment_id=uuid4(), number=7, project_slug="shop", environment=environment,
               **values)  # fmt: skip


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


@pytest.fixture
def described() -> None:
    """The description is there: without it, nothing that the test does is held against it."""
    if not ELSEWHERE:
        require_contract("vercel")


@pytest.fixture
def time() -> MovedTime:
    return MovedTime()


@pytest.fixture
async def vercel(time: MovedTime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeVercelApi]:
    """The emulated one, which the test may change and have fail."""
    if ELSEWHERE:
        pytest.skip("needs an emulated Vercel, and the environment names another")
    for module in ("deployments", "files"):
        name = f"autodeploy.providers.vercel.{module}._SILENT_SECONDS"
        monkeypatch.setattr(name, HASTY.read_seconds)
    async with FakeVercelApi(time).run() as fake:
        yield fake


@pytest.fixture
async def open_provider(time: MovedTime) -> AsyncIterator[Open]:
    """``open_provider(url)``: the provider there, closed after the test."""
    async with AsyncExitStack() as stack:

        def open_(url: str, *, patience: Patience | None = None) -> VercelProvider:
            provider = VercelProvider(api_url=url, patience=patience, timing=time)
            stack.push_async_callback(provider.close)
            return provider

        yield open_


@pytest.fixture
def provider(vercel: FakeVercelApi, open_provider: Open) -> VercelProvider:
    return open_provider(vercel.url, patience=HASTY)


def account(token: str = TOKEN, owner_id: str | None = TEAM) -> ConnectedAccount:
    return ConnectedAccount(UUID(int=1), token, owner_id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    write(folder, {"package.json": b"{}", "src/main.js": b"console.log(1)\n", "empty": b""})
    return folder


@pytest.fixture
def story(provider: VercelProvider, folder: Path) -> Story:
    """An app for production of the team."""
    return Story(provider.deploys_as(account()), app_of(), folder)


@pytest.fixture
def preview(provider: VercelProvider, folder: Path) -> Story:
    return Story(provider.deploys_as(account()), app_of("preview"), folder)
