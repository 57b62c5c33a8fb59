"""A provider that hosts apps and databases elsewhere, whose machine is a folder too."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import FolderProvider

from autodeploy.kernel.clock import now
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import (
    App,
    Artifact,
    BuildRequest,
    Endpoint,
    LogSink,
    Release,
    ReleaseRequest,
    RuntimeStatus,
)
from autodeploy.providers.databases import DatabaseHandle, DatabaseRequest, DatabaseState
from autodeploy.providers.domains import DnsRecord, DomainStatus
from autodeploy.providers.drift import Comparison, DeclaredApp, DeclaredDatabase, Drift
from autodeploy.providers.hosted import ConnectedAccount, Owner, Pace, TokenAccount
from autodeploy.providers.manifests import Capability, DatabaseEngine, Manifest, Price
from autodeploy.providers.registry import Registry
from autodeploy.providers.resources import FoundResource, ResourceKind
from autodeploy.providers.usage import Charge, Usage
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer.runner import Runner

DATABASE_URL = "postgresql://u:p@cloud.test/db"
REDIS_URL = "redis://cache.cloud.test:6379"
DATABASE_VARIABLES = {"CLOUD_KEY": "k3y-of-the-database", "CLOUD_URL": "https://db.cloud.test"}
#: The one token that is known there at first.
CLOUD_TOKEN = "t0ken-of-ada"


class HostedApps(FolderProvider):
    """What is there, whoever's it is."""

    def __init__(self, machine: Path, objects: ObjectStore):
        super().__init__(machine, objects)
        self.builds: list[BuildRequest] = []
        self.noted: list[dict[str, object]] = []
        self.passwords: list[str] = []
        #: In which regions databases were asked for.
        self.regions: list[str | None] = []
        self.destroyed: list[int] = []
        #: The domains that are served there, by their apps' numbers, and those that lead there.
        self.domains: dict[str, int] = {}
        self.leading: set[str] = set()
        #: What each app and database is charged for there, and has used.
        self.charges: tuple[Charge, ...] = ()
        self.used: tuple[Usage, ...] = ()
        #: How each database is there.
        self.database_is = DatabaseState.RUNNING
        #: Where each database is otherwise than it was asked for.
        self.database_drifts: list[Drift] = []
        #: How each release fares, whatever it does.
        self.told: str | None = None

    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        self.builds.append(request)
        self.noted.append(dict(request.notes.values))
        await request.notes.keep(intent=str(request.deployment_id))
        await self._call("build")
        return Artifact(f"dpl_{request.deployment_id}", 0)

    async def has_build(self, key: str) -> bool:
        return key.startswith("dpl_")

    async def live_status(self, app: App, release: Release) -> RuntimeStatus:
        await self._call("live_status")
        status = await self.status(release)
        return replace(status, state=self.told or status.state)

    async def promote(self, request: ReleaseRequest, release: Release) -> Endpoint:
        await super().promote(request, release)
        return Endpoint(f"https://{request.app.project_slug}.cloud.test", None, None)

    async def leave(self, app: App) -> None:
        await self._call("leave")

    async def destroy(self, app: App) -> None:
        self.destroyed.append(app.number)
        self.domains = {name: each for name, each in self.domains.items() if each != app.number}
        await super().destroy(app)

    async def compare(self, declared: DeclaredApp) -> Comparison:
        await self._call("compare")
        return Comparison(())

    async def ensure_domain(self, app: App, name: str) -> DomainStatus:
        self.domains[name] = app.number
        await self._call("ensure_domain")
        records = () if name in self.leading else (DnsRecord("CNAME", name, "cloud.test"),)
        return DomainStatus(name in self.leading, records)

    async def remove_domain(self, app: App, name: str) -> None:
        await self._call("remove_domain")
        self.domains.pop(name, None)

    async def ensure_database(self, request: DatabaseRequest, log: LogSink) -> DatabaseHandle:
        self.noted.append(dict(request.notes.values))
        self.passwords.append(await request.password())
        self.regions.append(request.region)
        await request.notes.keep(intent=str(request.database_id))
        await self._call("ensure_database")
        external_id = f"db-{request.database_id}"
        if request.engine is DatabaseEngine.REDIS:
            return DatabaseHandle(external_id, REDIS_URL)
        return DatabaseHandle(external_id, DATABASE_URL, DATABASE_VARIABLES)

    async def database_state(self, external_id: str) -> DatabaseState:
        await self._call("database_state")
        return self.database_is

    async def compare_database(self, declared: DeclaredDatabase) -> tuple[Drift, ...]:
        await self._call("compare_database")
        return tuple(self.database_drifts)

    async def mend_database(self, external_id: str) -> None:
        await self._call("mend_database")
        self.database_drifts = [each for each in self.database_drifts if each.stays]

    async def charged_plan(self, plan: str) -> str:
        return plan

    async def destroy_database(self, external_id: str) -> None:
        await self._call("destroy_database")

    async def app_charges(self, app: App) -> tuple[Charge, ...]:
        await self._call("app_charges")
        return self.charges

    async def app_usage(self, app: App) -> tuple[Usage, ...]:
        await self._call("app_usage")
        return self.used

    async def database_charges(self, external_id: str) -> tuple[Charge, ...]:
        return self.charges

    async def database_usage(self, external_id: str) -> tuple[Usage, ...]:
        return self.used


class HeldElsewhere:
    """What the cloud holds: apps, by the deployments that they run, since long ago."""

    def __init__(self) -> None:
        self.manifest = HostedProvider.manifest
        self.apps: dict[str, UUID] = {}

    async def list_resources(self) -> AsyncIterator[FoundResource]:
        for name, made_for in self.apps.items():
            long_ago = now() - timedelta(days=1)
            yield FoundResource(
                kind=ResourceKind.APP, external_id=name, made_at=long_ago, made_for=made_for
            )

    async def remove_resource(self, kind: ResourceKind, external_id: str) -> None:
        self.apps.pop(external_id, None)


class Cloud:
    """``name`` is ``cloud``. It knows whose its tokens are: those in ``accounts``."""

    manifest = Manifest(
        name="cloud",
        title="A cloud",
        capabilities=frozenset({Capability.CONNECT}),
        regions=(),
        pricing=(),
    )

    def __init__(self) -> None:
        self.accounts: dict[str, TokenAccount] = {
            CLOUD_TOKEN: TokenAccount("1", "ada", (Owner("team_1", "Ada's team"),))
        }

    async def check_token(self, token: str) -> TokenAccount:
        if token not in self.accounts:
            raise CredentialRefused("A cloud does not accept the token.")
        return self.accounts[token]


class HostedProvider(Cloud):
    """It hosts apps and databases, too, and remembers whom it has acted for."""

    pace = Pace(looks_per_minute=60, keeps_output=True)

    manifest = replace(
        Cloud.manifest,
        capabilities=frozenset(
            {
                Capability.DEPLOY,
                Capability.DATABASE,
                Capability.DATABASE_DRIFT,
                Capability.DOMAINS,
                Capability.DRIFT,
                Capability.METRICS,
                Capability.RESOURCES,
                Capability.CONNECT,
                Capability.USAGE,
                Capability.DATABASE_USAGE,
            }
        ),
        pricing=(
            Price("free", "database", 0, "USD", "https://example.com", "2026-11-01"),
            Price("free", "redis", 0, "USD", "https://example.com", "2026-11-01"),
        ),
        engines=(DatabaseEngine.POSTGRESQL, DatabaseEngine.REDIS),
    )

    def __init__(self, home: Path, objects: ObjectStore):
        super().__init__()
        self.apps = HostedApps(home / "cloud", objects)
        self.held = HeldElsewhere()
        self.acted_for: list[ConnectedAccount] = []

    def resources_as(self, account: ConnectedAccount) -> HeldElsewhere:
        self.acted_for.append(account)
        return self.held

    def deploys_as(self, account: ConnectedAccount) -> HostedApps:
        self.acted_for.append(account)
        return self.apps

    def databases_as(self, account: ConnectedAccount) -> HostedApps:
        return self.deploys_as(account)


async def connected_cloud(platform: Platform) -> HostedProvider:
    """A provider elsewhere, which serves everybody."""
    cloud = HostedProvider(platform.resources.home, platform.resources.objects)
    cloud.apps.check_urls = platform.provider.check_urls
    providers = Registry([platform.provider, cloud])
    platform.engine = replace(platform.engine, providers=providers)
    platform.runner = Runner(platform.engine)
    await connect_by_token(
        platform.resources,
        platform.principal,
        platform.principal.user_id,
        "cloud",
        ProviderTokenInput(token=CLOUD_TOKEN),
        providers=providers,
    )
    return cloud
