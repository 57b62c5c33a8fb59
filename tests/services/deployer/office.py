"""The engine with two clouds, and what a test asks of the service for one project of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sqlalchemy import update
from tests.services.deployer.hosted import CLOUD_TOKEN, HostedApps, HostedProvider
from tests.services.deployer.platform import Platform

from autodeploy.kernel.clock import now
from autodeploy.kernel.questions import ASKED_AT, Question
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer import drift
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.domains import service, work
from autodeploy.services.deployer.domains.models import Domain
from autodeploy.services.deployer.domains.schemas import DomainInput, DomainView
from autodeploy.services.deployer.drift_schemas import DriftView
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectView

NAME = "shop.example.com"
_DUE = Question(work.has_due_domains(ASKED_AT))


class Elsewhere(HostedProvider):
    """Another cloud, to move to."""

    manifest = replace(HostedProvider.manifest, name="elsewhere", title="Elsewhere")


@dataclass
class Office:
    """The engine with two clouds, and calls of the service for one project."""

    platform: Platform
    cloud: HostedApps
    elsewhere: HostedApps
    project: ProjectView

    async def add(self, name: str = NAME, environment: str = "production") -> DomainView:
        return await service.add_domain(
            self.platform.resources, self.platform.principal, self.project.id,
            DomainInput(name=name, environment=environment),
            providers=self.platform.engine.providers,
        )  # fmt: skip

    async def keep(self) -> DomainView | None:
        """One pass of a worker, with every domain due that is due at any time."""
        async with self.platform.resources.db.transaction() as session:
            await session.execute(
                update(Domain).where(Domain.next_check_at.is_not(None)).values(next_check_at=now())
            )
        if await _DUE.holds(self.platform.resources.db):
            await work.keep_domains(self.platform.engine)
        return await self.find()

    async def find(self) -> DomainView | None:
        found = await service.list_domains(
            self.platform.resources, self.platform.principal, self.project.id
        )
        return found.items[0] if found.items else None

    async def ask(self, what: str) -> DomainView:
        """``verify`` or ``remove``."""
        return await getattr(service, f"{what}_domain")(
            self.platform.resources, self.platform.principal, self.project.id, NAME
        )

    async def find_drift(self) -> DriftView:
        return await drift.find_drift(
            self.platform.resources, self.platform.principal, self.project.id, "production",
            providers=self.platform.engine.providers,
        )  # fmt: skip

    async def reconcile_drift(self) -> DeploymentView:
        return await drift.reconcile_drift(
            self.platform.resources, self.platform.principal, self.project.id, "production",
            providers=self.platform.engine.providers,
        )  # fmt: skip

    async def deploy(self, provider: str) -> None:
        view = await self.platform.deployed(self.project, provider=provider, build="always")
        assert view.status == "ready", view.error


@asynccontextmanager
async def open_office(platform: Platform) -> AsyncIterator[Office]:
    resources = platform.resources
    clouds = [
        kind(resources.home / name, resources.objects)
        for name, kind in (("cloud", HostedProvider), ("elsewhere", Elsewhere))
    ]
    providers = Registry([platform.provider, *clouds])
    platform.engine = replace(platform.engine, providers=providers)
    platform.runner = Runner(platform.engine)
    for cloud in clouds:
        await connect_by_token(
            resources, platform.principal, platform.principal.user_id, cloud.manifest.name,
            ProviderTokenInput(token=CLOUD_TOKEN), providers=providers,
        )  # fmt: skip
    yield Office(platform, clouds[0].apps, clouds[1].apps, await platform.project())
    await providers.close()
