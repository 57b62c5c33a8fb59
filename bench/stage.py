"""A platform without a worker, to which workers and what they find are added.

PostgreSQL, Valkey, the engine and the queue are the platform's own. Only the provider is one whose
machine is a folder: builds take no time, so that what is measured is the orchestration.
"""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from sqlalchemy import func, select
from tests.services.auth.accounts import principal
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import FolderProvider

from autodeploy import roles
from autodeploy.kernel.db import Database
from autodeploy.kernel.heap import keep_from_collections
from autodeploy.kernel.log import configure_logging
from autodeploy.kernel.queue import QueueName
from autodeploy.kernel.queue_jobs import JobState
from autodeploy.kernel.resources import Resources
from autodeploy.providers.base import (
    Artifact,
    BuildRequest,
    KeptLog,
    LogSink,
    Provider,
    Release,
    ReleaseRequest,
)
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.registry import Registry
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.providers.vercel.provider import VercelProvider
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.projects import create_project
from autodeploy.services.deployer.schemas import ProjectInput, ProjectView
from autodeploy.settings import Settings
from bench.parts import running_parts

WORKERS = 2
_PATIENCE_SECONDS = 900.0


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
    """A platform without a worker: the API's side of it, whoever calls (``app``) and as one user
    does (``platform``), the worker's, and its owner's."""

    settings: Settings
    app: Resources
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
        keep_from_collections()  # as the API does, whose place this process has
        yield Stage(settings, app, platform, worker, owner)
        for resources in (app, worker):
            await roles.close_resources(resources)
        await owner.close()


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """Two workers as they are in production, but for their provider."""
    async with processes(work, settings):
        yield


@asynccontextmanager
async def processes(
    target: Callable[..., Any], *arguments: object, count: int = WORKERS
) -> AsyncIterator[list[BaseProcess]]:
    context = multiprocessing.get_context("spawn")
    running: list[BaseProcess] = [
        context.Process(target=target, args=arguments, daemon=True) for _ in range(count)
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


def work(settings: Settings) -> None:
    """A worker as it is in production, but for the machine that it runs apps on."""

    async def providers(_settings: Settings, resources: Resources, _identities: object) -> Registry:
        apps = CountingProvider(machine_of(settings), resources.objects)
        return Registry([apps, *elsewhere(settings)])

    configure_logging("error", json=False)
    setattr(roles, "open_providers", providers)  # noqa: B010 - the one part that is another
    uvloop.run(roles.run_worker(settings, [QueueName.DEPLOYMENT]))


def elsewhere(settings: Settings) -> list[Provider]:
    """The providers whose addresses are set: those that are emulated."""
    makers: dict[str, Callable[[str], Provider]] = {
        "github": lambda url: GitHubProvider(api_url=url, allow_private_addresses=True),
        "render": lambda url: RenderProvider(api_url=url),
        "vercel": lambda url: VercelProvider(api_url=url),
    }
    return [makers[name](each.api_url) for name, each in settings.providers.items() if each.api_url]


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


async def until_done(stage: Stage, made: Sequence[UUID]) -> None:
    """Wait until these deployments have ended."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with stage.owner.transaction() as session:
                ended = await session.scalar(
                    select(func.count()).where(
                        Deployment.id.in_(made), Deployment.completed_at.is_not(None)
                    )
                )
            if ended == len(made):
                return
            await asyncio.sleep(0.5)


async def until_idle(stage: Stage) -> None:
    """A worker has things to tidy up after a deployment has ended, with its job still held."""
    jobs = stage.app.queues.jobs(QueueName.DEPLOYMENT)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (await jobs.count())[JobState.ACTIVE]:
            await asyncio.sleep(0.02)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
