"""A project whose sources are at an emulated GitHub, and time that a test moves."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from tests.fakes.github_hooks import signed
from tests.fakes.github_state import Outgoing, Repo
from tests.services.analyzer.github import Sources, sources_of
from tests.services.deployer.platform import Platform

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.git.refs import ResolvedRef
from autodeploy.kernel.http.retries import Patience
from autodeploy.kernel.http.timing import SystemTiming
from autodeploy.kernel.questions import ASKED_AT, Question
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.deployment_schemas import DeploymentInput
from autodeploy.services.deployer.deployments import roll_back, write_deployment
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.pushes import service
from autodeploy.services.deployer.pushes.deliveries import receive_delivery
from autodeploy.services.deployer.pushes.duties import (
    follow_github,
    has_something_to_follow,
    has_something_to_tell,
    tell_github,
)
from autodeploy.services.deployer.pushes.models import GitHubWebhook, Preview, WatchedBranch
from autodeploy.services.deployer.pushes.schemas import PushToDeployUpdate, PushToDeployView
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectInput, ProjectView

_TO_FOLLOW = Question(has_something_to_follow(ASKED_AT))
_TO_TELL = Question(has_something_to_tell(ASKED_AT))
# Of an answer that never comes, so that a test does not wait for it as long as users do.
_PATIENCE = Patience(read_seconds=3.0)
FILES = {"index.html": b"<h1>Hello</h1>"}


class AheadTime(SystemTiming):
    """That of this machine, and so much later. A wait for it is over at once, and has taken as long
    as it was to take."""

    offset = timedelta(0)

    def monotonic(self) -> float:
        return super().monotonic() + self.offset.total_seconds()

    def now(self) -> datetime:
        return super().now() + self.offset

    async def sleep(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Hub:
    """``repo`` is at GitHub, ``project`` here; ``offset`` is how far its time is ahead, that of
    calls to GitHub too."""

    platform: Platform
    sources: Sources
    repo: Repo
    project: ProjectView
    time: AheadTime
    answers: list[int] = field(default_factory=list)

    @property
    def offset(self) -> timedelta:
        return self.time.offset

    @offset.setter
    def offset(self, offset: timedelta) -> None:
        self.time.offset = offset

    def clock(self) -> datetime:
        return now() + self.offset

    async def switch_on(self, **body: Any) -> PushToDeployView:
        return await service.update_settings(
            self.platform.resources,
            self.platform.principal,
            self.project.id,
            PushToDeployUpdate.model_validate(body),
        )

    async def follow(self, seconds: float = 0) -> None:
        """One pass of the workers, so many seconds later, if they find anything to do."""
        self.offset += timedelta(seconds=seconds)
        if await _TO_FOLLOW.holds(self.platform.resources.db, self.clock()):
            await follow_github(self.platform.engine, clock=self.clock)

    async def tell(self, seconds: float = 0) -> None:
        self.offset += timedelta(seconds=seconds)
        if await _TO_TELL.holds(self.platform.resources.db, self.clock()):
            await tell_github(self.platform.engine, clock=self.clock)

    def push(self, text: str, *, message: str | None = None, branch: str = "main") -> str:
        """A push to GitHub, which announces it."""
        sha = self.repo.push({"index.html": text.encode()}, branch, message or text)
        self.repo.announce("push", {"ref": f"refs/heads/{branch}", "after": sha})
        return sha

    async def deliver(self, outgoing: Sequence[Outgoing] | None = None) -> None:
        """Bring deliveries to the platform: all that are on their way, unless some are named."""
        for each in list(self.repo.outgoing) if outgoing is None else outgoing:
            each.delivery["delivered_at"] = self.clock().isoformat(timespec="seconds")
            each.delivery["status_code"] = await self._bring(each)
            self.answers.append(each.delivery["status_code"])
            if each in self.repo.outgoing:
                self.repo.outgoing.remove(each)

    async def _bring(self, each: Outgoing) -> int:
        address = self.repo.hooks[each.hook_id]["config"]["url"]
        body = self.repo.payloads[each.delivery["guid"]]
        try:
            await receive_delivery(
                self.platform.resources,
                UUID(address.rpartition("/")[2]),
                signed(self.repo.secrets[each.hook_id], each.delivery, body),
                stream(body),
            )
        except AutoDeployError as error:
            return int(error.status)
        return 204

    async def lossy(self, chance: random.Random) -> None:
        """Bring what is on its way as a network on a bad day does: 30 % is lost, and of the rest
        some comes twice, all of it in any order."""
        waiting = list(self.repo.outgoing)
        self.repo.outgoing.clear()
        kept = [each for each in waiting if chance.random() >= 0.3]
        twice = [each for each in kept if chance.random() < 0.3]
        for each in waiting:
            if each not in kept:
                each.delivery["status_code"] = 502
        arriving = kept + twice
        chance.shuffle(arriving)
        await self.deliver(arriving)

    async def run(self) -> None:
        """Run what is queued, as workers would."""
        for deployment in await self.deployments():
            if deployment.status == "queued":
                await self.platform.runner.run(deployment.id)

    async def deploy(self, sha: str, environment: str = "production") -> UUID:
        """A deployment of a commit that somebody asks for."""
        platform = self.platform
        async with announcing(platform.resources) as transaction:
            project = await transaction.session.get_one(Project, self.project.id)
            deployment = await write_deployment(
                platform.resources,
                transaction,
                platform.principal,
                project,
                ResolvedRef("main", sha, "main"),
                DeploymentInput(environment=environment),
                providers=platform.engine.providers,
            )
        return deployment.id

    async def roll_back(self, deployment_id: UUID) -> None:
        """Somebody wants what an earlier deployment has built."""
        await roll_back(self.platform.resources, self.platform.principal, deployment_id)

    async def deployments(self, environment: str | None = None) -> list[Deployment]:
        """All of the project, the oldest first."""
        statement = select(Deployment).where(Deployment.project_id == self.project.id)
        if environment is not None:
            statement = statement.where(Deployment.environment == environment)
        async with self.platform.resources.db.transaction() as session:
            return list(await session.scalars(statement.order_by(Deployment.created_at)))

    async def commits(self, environment: str | None = None) -> list[str]:
        return [each.commit_sha for each in await self.deployments(environment)]

    async def branch(self) -> WatchedBranch:
        async with self.platform.resources.db.transaction() as session:
            return (await session.scalars(select(WatchedBranch))).one()

    async def previews(self) -> list[Preview]:
        async with self.platform.resources.db.transaction() as session:
            return list(await session.scalars(select(Preview).order_by(Preview.number)))

    async def webhooks(self) -> list[GitHubWebhook]:
        async with self.platform.resources.db.transaction() as session:
            return list(await session.scalars(select(GitHubWebhook)))

    async def fail(self, code: str = "provider_rate_limited") -> None:
        """As if a worker had run the newest deployment, at the time of the test."""
        newest = (await self.deployments())[-1]
        await self.end(newest.id, "error", error_code=code, completed_at=self.clock())

    async def end(self, deployment_id: UUID, status: str, **values: Any) -> None:
        """As if a worker had brought the deployment there."""
        async with self.platform.resources.db.transaction() as session:
            await session.execute(
                update(Deployment)
                .where(Deployment.id == deployment_id)
                .values(status=status, **values)
            )


async def stream(body: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(body), 1000):
        yield body[begin : begin + 1000]


@asynccontextmanager
async def hub_of(
    platform: Platform, *, root_directory: str = "", with_app: bool = False
) -> AsyncIterator[Hub]:
    """A project of ``octo/site``, that nobody deploys yet. ``with_app`` as ``sources_of``."""
    time = AheadTime()
    async with sources_of(
        platform.resources,
        platform.provider,
        timing=time,
        patience=_PATIENCE,
        with_app=with_app,
    ) as sources:
        platform.engine = replace(platform.engine, providers=sources.providers)
        platform.runner = Runner(platform.engine)
        repo = sources.fake.add("octo/site")
        repo.push(FILES, message="first")
        await sources.connect(platform.principal)
        repository_id = await _store(platform, repo)
        project = await projects.create_project(
            platform.resources,
            platform.principal,
            ProjectInput(name="site", repository_id=repository_id, root_directory=root_directory),
        )
        yield Hub(platform, sources, repo, project, time)


async def _store(platform: Platform, repo: Repo) -> UUID:
    [organization_id] = platform.principal.roles
    async with platform.resources.db.transaction() as session:
        connection = (await session.scalars(select(ProviderIntegration))).one()
        row = Repository(
            organization_id=organization_id,
            kind="github",
            github_id=repo.id,
            full_name=repo.full_name,
            url=f"https://github.com/{repo.full_name}",
            default_branch=repo.default_branch,
            connection_id=connection.id,
        )
        session.add(row)
        await session.flush()
        return row.id
