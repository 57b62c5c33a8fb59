"""A platform without a worker, to which workers and what they find are added.

PostgreSQL, Valkey, the engine and the queue are the platform's own. Only the provider is one whose
machine is a folder: builds take no time, so that what is measured is the orchestration.
"""

import asyncio
import gc
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.services.auth.accounts import principal
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import FolderProvider

from autodeploy import roles
from autodeploy.kernel.db import Database
from autodeploy.kernel.log import configure_logging
from autodeploy.kernel.queue import QueueName
from autodeploy.kernel.resources import Resources
from autodeploy.providers.base import (
    Artifact,
    BuildRequest,
    KeptLog,
    LogSink,
    Release,
    ReleaseRequest,
)
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer.projects import create_project
from autodeploy.services.deployer.schemas import ProjectInput, ProjectView
from autodeploy.settings import Settings
from bench.parts import running_parts

WORKERS = 2


class CountingProvider(FolderProvider):
    """Notes each call that makes something, of whichever process."""

    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        self._note("build", request.deployment_id)
        return await super().build(request, log)

    async def deploy(self, request: ReleaseRequest, log: KeptLog) -> Release:
        self._note("deploy", request.deployment_id)
        return await super().deploy(request, log)

    def _note(self, call: str, deployment_id: UUID) -> None:
        with (self.machine / "calls").open("a") as calls:
            calls.write(f"{call} {deployment_id}\n")

    def noted(self) -> Counter[str]:
        """How often each call was made for each deployment."""
        return Counter((self.machine / "calls").read_text().splitlines())


@dataclass(frozen=True)
class Stage:
    """A platform without a worker: the API's side of it, the worker's, and its owner's."""

    settings: Settings
    platform: Platform
    worker: Resources
    owner: Database


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    async with running_parts() as settings:
        owner = Database(settings.effective_database_url)
        app = await roles.open_resources(settings, "app")
        worker = await roles.open_resources(settings, "worker")
        caller = await principal(app)
        platform = Platform(app.acting_for(caller.tenancy), caller)
        gc.collect()
        gc.freeze()  # as the API does, whose place this process has
        yield Stage(settings, platform, worker, owner)
        for resources in (app, worker):
            await roles.close_resources(resources)
        await owner.close()


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """Two workers as they are in production, but for their provider."""
    async with processes(_work, settings):
        yield


@asynccontextmanager
async def processes(
    target: Callable[[Settings], Any], settings: Settings
) -> AsyncIterator[list[BaseProcess]]:
    context = multiprocessing.get_context("spawn")
    running: list[BaseProcess] = [
        context.Process(target=target, args=(settings,), daemon=True) for _ in range(WORKERS)
    ]
    for process in running:
        process.start()
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            await asyncio.to_thread(process.join)


def _work(settings: Settings) -> None:
    async def providers(_settings: Settings, resources: Resources, _identities: object) -> Registry:
        return Registry([CountingProvider(machine_of(settings), resources.objects)])

    configure_logging("error", json=False)
    setattr(roles, "open_providers", providers)  # noqa: B010 - the one part that is another
    asyncio.run(roles.run_worker(settings, [QueueName.DEPLOYMENT]))


def machine_of(settings: Settings) -> Path:
    return settings.home / "machine"


async def make_projects(stage: Stage, count: int) -> list[ProjectView]:
    """Projects of one static site."""
    platform = stage.platform
    repository_id = await platform.upload({"index.html": "<h1>Hello</h1>"})
    return [
        await create_project(
            platform.resources,
            platform.principal,
            ProjectInput(name=f"app-{number:02}", repository_id=repository_id),
        )
        for number in range(count)
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
