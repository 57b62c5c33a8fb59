"""Every provider does what its manifest says, and each the same way: one story for all of them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.fakes.contract import require_contract
from tests.providers.places import ELSEWHERE, Place
from tests.providers.vercel.conftest import COMMIT, STATIC, KeptNotes, Lines, app_of

from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import (
    App,
    BuildRequest,
    CountedApps,
    DeployProvider,
    Release,
    ReleaseRequest,
)
from autodeploy.providers.commands import CommandProvider
from autodeploy.providers.databases import (
    BackedUpDatabases,
    DatabaseProvider,
    DatabaseRequest,
    MeasuredDatabases,
    PausedDatabases,
    RotatedDatabases,
)
from autodeploy.providers.domains import DomainProvider
from autodeploy.providers.drift import (
    ComparedApps,
    ComparedDatabases,
    Comparison,
    DeclaredApp,
    DriftKind,
)
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.hosted import ConnectedAccount, HostedDeploys, TokenConnect
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.providers.manifests import PRICE_KINDS, Capability, DatabaseEngine
from autodeploy.providers.metrics import AppMetrics, MeasuredApps
from autodeploy.providers.registry import Registry
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.providers.resources import ListedResources
from autodeploy.providers.scaling import ScaledApps
from autodeploy.providers.sources import SourceHosting
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.usage import MeteredApps, MeteredDatabases
from autodeploy.providers.vercel.provider import VercelProvider
from autodeploy.services.analyzer.plan import AppKind, Command, Image, Plan
from autodeploy.services.analyzer.prices import default_prices
from autodeploy.services.analyzer.recommendation import recommend

ACCOUNT = ConnectedAccount(UUID(int=1), "token", "owner")
NAME = "shop.example.com"
SCHEMES = {
    DatabaseEngine.POSTGRESQL: ("postgresql://", "postgres://"),
    DatabaseEngine.REDIS: ("redis://", "rediss://"),
}

Find = Callable[[Registry, str], object]

#: How a registry comes to what has a capability, and what that is to be able to do.
PROTOCOLS: dict[Capability, tuple[Find, type]] = {
    Capability.DEPLOY: (lambda all_, name: all_.deploys(name, ACCOUNT), DeployProvider),
    Capability.DATABASE: (lambda all_, name: all_.databases(name, ACCOUNT), DatabaseProvider),
    Capability.DATABASE_METRICS: (
        lambda all_, name: all_.database_metrics(name, ACCOUNT), MeasuredDatabases,
    ),
    Capability.DATABASE_BACKUPS: (
        lambda all_, name: all_.database_backups(name), BackedUpDatabases,
    ),
    Capability.DATABASE_PAUSES: (
        lambda all_, name: all_.database_pauses(name, ACCOUNT), PausedDatabases,
    ),
    Capability.DATABASE_DRIFT: (
        lambda all_, name: all_.compared_databases(name, ACCOUNT), ComparedDatabases,
    ),
    Capability.DATABASE_ROTATION: (lambda all_, name: all_.database_logins(name), RotatedDatabases),
    Capability.RUN: (lambda all_, name: all_.commands(name), CommandProvider),
    Capability.METRICS: (lambda all_, name: all_.app_metrics(name, ACCOUNT), MeasuredApps),
    Capability.TRAFFIC: (lambda all_, name: all_.counted_apps(name), CountedApps),
    Capability.SCALE: (lambda all_, name: all_.scaled_apps(name), ScaledApps),
    Capability.DOMAINS: (lambda all_, name: all_.domains(name, ACCOUNT), DomainProvider),
    Capability.DRIFT: (lambda all_, name: all_.compared_apps(name, ACCOUNT), ComparedApps),
    Capability.USAGE: (lambda all_, name: all_.metered_apps(name, ACCOUNT), MeteredApps),
    Capability.DATABASE_USAGE: (
        lambda all_, name: all_.metered_databases(name, ACCOUNT), MeteredDatabases,
    ),
    Capability.RESOURCES: (lambda all_, name: all_.resources(name, ACCOUNT), ListedResources),
    Capability.CONNECT: (lambda all_, name: all_.takes_tokens(name), TokenConnect),
    Capability.SOURCE: (lambda all_, name: all_.sources(name), SourceHosting),
}  # fmt: skip
#: What deployments of every provider have.
OF_DEPLOYMENTS = {Capability.ENVIRONMENT_VARIABLES, Capability.LOGS, Capability.ROLLBACK}


@pytest.fixture
async def registry(home: Path) -> AsyncIterator[Registry]:
    """The providers of an installation."""
    objects = ObjectStore.open(f"file://{home}/objects")
    local = LocalProvider(home=home, proxy_port=8080, objects=objects)
    elsewhere = (GitHubProvider(), RenderProvider(), SupabaseProvider(), VercelProvider())
    registry = Registry([local, *elsewhere])
    yield registry
    await registry.close()


async def test_each_provider_can_do_what_its_manifest_says(registry: Registry) -> None:
    assert len(registry.list()) == 5
    for manifest in registry.list():
        for capability in manifest.capabilities:
            if capability in OF_DEPLOYMENTS:
                assert Capability.DEPLOY in manifest.capabilities
                continue
            find, protocol = PROTOCOLS[capability]
            assert isinstance(find(registry, manifest.name), protocol), (manifest.name, capability)


async def test_what_a_provider_can_do_stands_in_its_manifest(registry: Registry) -> None:
    for manifest in registry.list():
        if Capability.DEPLOY not in manifest.capabilities:
            continue
        deploys = registry.deploys(manifest.name, ACCOUNT)
        for capability in (
            Capability.DOMAINS,
            Capability.DRIFT,
            Capability.METRICS,
            Capability.SCALE,
            Capability.TRAFFIC,
            Capability.USAGE,
        ):
            able = isinstance(deploys, PROTOCOLS[capability][1])
            assert able == (capability in manifest.capabilities), (manifest.name, capability)


async def test_private_apps_have_a_plan_and_are_recommended_only_where_there_are_such(
    registry: Registry,
) -> None:
    deploying = [each for each in registry.list() if Capability.DEPLOY in each.capabilities]
    having = {each.name for each in deploying if each.private_apps}
    assert having == {each.name for each in deploying if "private" in each.app_plans}
    private = Plan(kind=AppKind.SSR, private=True, language="node")
    found = recommend(private, [each.name for each in deploying], default_prices())
    assert found is not None
    assert {found.provider, *(each.provider for each in found.alternatives)} == having


async def test_what_is_built_from_source_or_as_an_image_is_recommended_as_the_manifests_say(
    registry: Registry,
) -> None:
    deploying = [each for each in registry.list() if Capability.DEPLOY in each.capabilities]
    names = [each.name for each in deploying]
    image = Image(dockerfile="Dockerfile", context=".", reason="")
    start = Command(command="serve", reason="")
    listed = {language for each in deploying for language in each.languages or ()}
    for language in (*listed, "php", None):
        able = {e.name for e in deploying if e.languages is None or language in e.languages}
        building = {each.name for each in deploying if each.image_builds}
        app = Plan(kind=AppKind.SSR, language=language, start_command=start)
        for found, wanted in (
            (app, able),
            (app.model_copy(update={"image": image}), able | building),
            (app.model_copy(update={"image": image, "start_command": None}), building),
            (Plan(kind=AppKind.LIBRARY, language=language, image=image), building),
        ):
            advice = recommend(found, names, default_prices())
            assert advice is not None
            assert {advice.provider, *(e.provider for e in advice.alternatives)} == wanted


async def test_who_has_databases_names_their_engines_and_a_free_plan_of_each(
    registry: Registry,
) -> None:
    for manifest in registry.list():
        has_databases = Capability.DATABASE in manifest.capabilities
        assert bool(manifest.engines) == has_databases, manifest.name
        free = {each.kind for each in manifest.pricing if each.monthly_cents == 0}
        assert {PRICE_KINDS[engine] for engine in manifest.engines} <= free, manifest.name


@pytest.fixture(params=["render", "vercel"])
async def cloud(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A provider that hosts apps, at its emulated service."""
    require_contract(request.param)
    async with ELSEWHERE[request.param]() as place:
        yield place


def _deploys(cloud: Place) -> HostedDeploys:
    return cloud.registry.hosted_deploys(cloud.name, cloud.account)


@dataclass
class Shipped:
    """A release that has the traffic, and with what it was made."""

    key: str
    release: Release
    declared: DeclaredApp


async def _ship(cloud: Place, app: App, folder: Path, key: str | None = None) -> Shipped:
    """Build, release and promote a deployment; with ``key`` bring that build back."""
    deployment_id, log = uuid4(), Lines()
    given = {"PUBLIC": "1"}
    running = {"KEY": "s3cret", "AUTODEPLOY_DEPLOYMENT_ID": str(deployment_id)}

    async def fetch() -> Path:
        return folder

    deploys = _deploys(cloud)
    if key is None:
        request = BuildRequest(
            deployment_id, app, fetch, STATIC, given, running, KeptNotes(), COMMIT
        )
        key = (await deploys.build(request, log)).key
    assert await deploys.has_build(key)
    wanted = ReleaseRequest(deployment_id, app, key, STATIC, running)
    release = await deploys.deploy(wanted, log)
    assert await deploys.deploy(wanted, log) == release
    assert (await deploys.promote(wanted, release)).url.startswith("https://")
    declared = DeclaredApp(app, release, STATIC, given, running, commit=COMMIT)
    return Shipped(key, release, declared)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    return tmp_path


async def test_an_app_is_made_served_looked_after_brought_back_and_removed(
    cloud: Place, folder: Path
) -> None:
    app, deploys = app_of(), _deploys(cloud)
    first = await _ship(cloud, app, folder)
    assert (await deploys.status(first.release)).state == "running"
    assert (await deploys.live_status(app, first.release)).state == "running"
    assert (await deploys.runtime_lines(first.release, None, 0)).cursor

    domains = cloud.registry.domains(cloud.name, cloud.account)
    asked = await domains.ensure_domain(app, NAME)
    assert (asked.verified, len(asked.records)) == (False, 1)
    cloud.lead(NAME)
    assert (await domains.ensure_domain(app, NAME)).verified
    for _ in range(2):
        await domains.remove_domain(app, NAME)

    compared = cloud.registry.compared_apps(cloud.name, cloud.account)
    assert await compared.compare(first.declared) == Comparison(())
    [gone] = (await compared.compare(replace(first.declared, domains=(NAME,)))).drifts
    assert (gone.kind, gone.name, gone.stays) == (DriftKind.DOMAIN, NAME, False)

    if cloud.registry.can(cloud.name, Capability.METRICS):
        measured = cloud.registry.app_metrics(cloud.name, cloud.account)
        assert cloud.time is not None
        now = cloud.time.now().timestamp()
        assert await measured.measure_app(app, first.release) == AppMetrics(now)  # it is young

    if cloud.registry.can(cloud.name, Capability.USAGE):
        metered = cloud.registry.metered_apps(cloud.name, cloud.account)
        [charge] = await metered.app_charges(app)
        assert not charge.by_use
        assert await metered.app_usage(app)

    held = cloud.registry.resources(cloud.name, cloud.account)
    [found] = [each async for each in held.list_resources()]
    assert found.made_for == first.release.deployment_id

    second = await _ship(cloud, app, folder)
    assert (await deploys.live_status(app, first.release)).state == "replaced"
    back = await _ship(cloud, app, folder, first.key)
    assert (await deploys.live_status(app, back.release)).state == "running"
    assert (await deploys.live_status(app, second.release)).state == "replaced"

    for _ in range(2):
        await deploys.leave(app)
    assert (await deploys.live_status(app, back.release)).state == "running", "visitors may come"
    assert await deploys.has_build(second.key)

    for _ in range(2):
        await deploys.destroy(app)
    assert (await deploys.status(back.release)).state == "absent"
    assert not await deploys.has_build(first.key)
    assert [each async for each in held.list_resources()] == []


@pytest.fixture(params=["render", "supabase"])
async def database_cloud(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    require_contract(request.param)
    async with ELSEWHERE[request.param]() as place:
        yield place


async def test_a_database_of_each_engine_is_made_once_listed_and_removed(
    database_cloud: Place,
) -> None:
    registry, name, account = database_cloud.registry, database_cloud.name, database_cloud.account
    [manifest] = registry.list()
    databases, made = registry.databases(name, account), {}
    for engine in manifest.engines:
        request = _database_request(engine)
        handle = await databases.ensure_database(request, Lines())
        assert handle.url.startswith(SCHEMES[engine])
        again = replace(request, notes=KeptNotes())  # another process, which knows nothing of it
        assert (await databases.ensure_database(again, Lines())).external_id == handle.external_id
        made[request.database_id] = handle.external_id
        metered = registry.metered_databases(name, account)
        assert len(await metered.database_charges(handle.external_id)) == 1

    if Capability.RESOURCES in manifest.capabilities:
        held = registry.resources(name, account).list_resources()
        assert {each.made_for: each.external_id async for each in held} == made

    for external_id in made.values():
        for _ in range(2):
            await databases.destroy_database(external_id)
    if Capability.RESOURCES in manifest.capabilities:
        held = registry.resources(name, account).list_resources()
        assert [each async for each in held] == []


def _database_request(engine: DatabaseEngine) -> DatabaseRequest:
    async def choose() -> str:
        return "pass-w0rd"

    return DatabaseRequest(uuid4(), app_of(), "one", "free", choose, KeptNotes(), engine=engine)
