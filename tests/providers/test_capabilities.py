"""Each provider is run through every capability that its manifest names, by the same checks."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from tests.fakes.contract import require_contract
from tests.providers.local.conftest import app, local_home, node
from tests.providers.places import ELSEWHERE, VARIABLE, Place, local
from tests.providers.vercel.conftest import COMMIT, KeptNotes, Lines

from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.base import (
    App,
    BuildRequest,
    DeployProvider,
    Endpoint,
    Release,
    ReleaseRequest,
    ReplicaCount,
    RuntimeLines,
    Traffic,
)
from autodeploy.providers.databases import DatabaseHandle, DatabaseRequest
from autodeploy.providers.drift import Comparison, DeclaredApp, DeclaredDatabase
from autodeploy.providers.manifests import Capability

__all__ = ["app", "local_home", "node"]

NOBODYS_TOKEN = "nobodys-token-0123456789abcdefghijklmn"
DOMAIN = "shop.example.com"


@pytest.fixture(params=["local", *ELSEWHERE])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    name = request.param
    if name == "local":
        node, app = (request.getfixturevalue(each) for each in ("node", "app"))
        open_ = local(node, app)
    else:
        require_contract(name)
        open_ = ELSEWHERE[name]
    async with open_() as place:
        yield place


def need(place: Place, capability: Capability) -> None:
    if capability not in place.capabilities:
        pytest.skip(f"{place.name} does not say that it can")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.02)


@dataclass
class Shipped:
    """A release that has the traffic."""

    request: ReleaseRequest
    release: Release
    endpoint: Endpoint
    declared: DeclaredApp


@dataclass
class Shop:
    """An app at a place; ``shipped`` are its releases, the last one live."""

    place: Place
    folder: Path
    log: Lines = field(default_factory=Lines)
    shipped: list[Shipped] = field(default_factory=list)

    @property
    def app(self) -> App:
        return self.place.app

    @property
    def deploys(self) -> DeployProvider:
        return self.place.registry.deploys(self.place.name, self.place.account)

    @property
    def live(self) -> Shipped:
        return self.shipped[-1]

    async def ship(self, answer: str, key: str | None = None) -> None:
        """Build, release and promote; with ``key`` bring that build back."""
        deployment_id, spec = uuid4(), self.place.spec
        running = {VARIABLE: answer, "AUTODEPLOY_DEPLOYMENT_ID": str(deployment_id)}

        async def fetch() -> Path:
            return self.place.write(self.folder)

        if key is None:
            build = BuildRequest(
                deployment_id, self.app, fetch, spec, {}, running, KeptNotes(), COMMIT
            )
            key = (await self.deploys.build(build, self.log)).key
        request = ReleaseRequest(deployment_id, self.app, key, spec, running)
        release = await self.deploys.deploy(request, self.log)
        await until(lambda: self.runs(release))
        endpoint = await self.deploys.promote(request, release)
        declared = DeclaredApp(self.app, release, spec, {}, running, commit=COMMIT)
        self.shipped.append(Shipped(request, release, endpoint, declared))

    async def runs(self, release: Release) -> bool:
        return (await self.deploys.status(release)).state == "running"


@pytest.fixture
def shop(place: Place, tmp_path: Path) -> Shop:
    need(place, Capability.DEPLOY)
    return Shop(place, tmp_path / "files")


async def _deploy(shop: Shop) -> None:
    live = shop.live
    assert await shop.deploys.has_build(live.request.artifact_key)
    again = await shop.deploys.deploy(live.request, shop.log)
    assert again.resources == live.release.resources, "it is the same release"
    assert (await shop.deploys.promote(live.request, again)).url == live.endpoint.url


async def _variables(shop: Shop) -> None:
    for value in ("one", "two"):
        await shop.ship(value)
        assert await shop.place.variable(shop.live.endpoint) == value


async def _logs(shop: Shop) -> None:
    read: list[RuntimeLines] = []

    async def has_all() -> bool:
        cursor = read[-1].cursor if read else None
        read.append(await shop.deploys.runtime_lines(shop.live.release, cursor, 0))
        printed = [text for each in read for _, _, text in each.lines]
        assert len(printed) == len(set(printed)), "no line comes twice"
        return "listening" in printed or shop.place.account is not None

    await until(has_all)
    assert read[-1].cursor
    assert shop.log.kept


async def _rollback(shop: Shop) -> None:
    first, present = shop.shipped[0], shop.live
    await shop.ship("back", first.request.artifact_key)
    assert shop.live.release.deployment_id != present.release.deployment_id
    assert shop.live.endpoint.url == present.endpoint.url
    assert await shop.runs(shop.live.release)


async def _domains(shop: Shop) -> None:
    domains = shop.place.registry.domains(shop.place.name, shop.place.account)
    assert not (await domains.ensure_domain(shop.app, DOMAIN)).verified
    shop.place.lead(DOMAIN)
    assert (await domains.ensure_domain(shop.app, DOMAIN)).verified
    for _ in range(2):
        await domains.remove_domain(shop.app, DOMAIN)


async def _drift(shop: Shop) -> None:
    compared = shop.place.registry.compared_apps(shop.place.name, shop.place.account)
    assert await compared.compare(shop.live.declared) == Comparison(())


async def _metrics(shop: Shop) -> None:
    measured = shop.place.registry.app_metrics(shop.place.name, shop.place.account)
    assert (await measured.measure_app(shop.app, shop.live.release)).measured_at > 0


async def _traffic(shop: Shop) -> None:
    counted = shop.place.registry.counted_apps(shop.place.name)

    async def answers() -> int:
        return (await counted.measure_traffic()).get(shop.app.number, Traffic(0, 0)).answers

    before = await answers()
    await shop.place.variable(shop.live.endpoint)

    async def is_counted() -> bool:
        return await answers() > before

    await until(is_counted)


async def _scale(shop: Shop) -> None:
    scaled, release = shop.place.registry.scaled_apps(shop.place.name), shop.live.release
    for number in (2, 2, 1):
        wanted = ReplicaCount(number, number)
        await scaled.scale(release, number)

        async def is_so(wanted: ReplicaCount = wanted) -> bool:
            return (await shop.deploys.status(release)).replicas == wanted

        await until(is_so)


async def _run(shop: Shop) -> None:
    lines: list[tuple[str, str]] = []

    async def keep(stream: str, text: str) -> None:
        lines.append((stream, text))

    commands = shop.place.registry.commands(shop.place.name)
    command = ["/bin/sh", "-c", f'echo "${VARIABLE}"; exit 3']
    end = await commands.run_command(shop.live.request, command, keep)
    assert end.exit_code == 3
    assert lines == [("stdout", shop.live.request.environment[VARIABLE])]


async def _usage(shop: Shop) -> None:
    metered = shop.place.registry.metered_apps(shop.place.name, shop.place.account)
    assert await metered.app_charges(shop.app)
    assert await metered.app_usage(shop.app)


async def _resources(shop: Shop) -> None:
    held = shop.place.registry.resources(shop.place.name, shop.place.account)
    made_for = {each.made_for async for each in held.list_resources()}
    assert made_for & {each.release.deployment_id for each in shop.shipped}


async def test_an_app_gets_all_that_is_declared_for_it(shop: Shop) -> None:
    await shop.ship("zero")
    for capability, check in OF_APPS.items():
        if capability in shop.place.capabilities:
            await check(shop)
    for _ in range(2):
        await shop.deploys.destroy(shop.app)
    assert (await shop.deploys.status(shop.live.release)).state == "absent"


@dataclass
class Store:
    """A database at a place, and how it was asked for."""

    place: Place
    request: DatabaseRequest
    handle: DatabaseHandle


async def _database(store: Store) -> None:
    again = replace(store.request, notes=KeptNotes())  # another process, which knows nothing of it
    databases = store.place.registry.databases(store.place.name, store.place.account)
    store.handle = await databases.ensure_database(again, Lines())
    assert urlsplit(store.handle.url).password


async def _database_metrics(store: Store) -> None:
    measured = store.place.registry.database_metrics(store.place.name, store.place.account)
    assert (await measured.measure_database(store.handle.external_id)).measured_at > 0


async def _database_backups(store: Store) -> None:
    backed_up = store.place.registry.database_backups(store.place.name)
    async with backed_up.dump_database(store.handle.external_id) as dump:
        tables, data = dump.tables, b"".join([each async for each in dump.chunks])

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    assert data
    assert await backed_up.restore_copy(store.handle.external_id, chunks()) == tables


async def _database_rotation(store: Store) -> None:
    logins = store.place.registry.database_logins(store.place.name)
    present = urlsplit(store.handle.url).username or ""
    opened = await logins.open_login(store.handle.external_id, present)
    assert urlsplit(opened.url).username != present
    for _ in range(2):
        await logins.close_login(store.handle.external_id, present)


async def _database_pauses(store: Store) -> None:
    pauses = store.place.registry.database_pauses(store.place.name, store.place.account)
    for _ in range(2):
        await pauses.pause_database(store.handle.external_id)
    before = store.handle.external_id
    await _database(store)
    assert store.handle.external_id == before


async def _database_drift(store: Store) -> None:
    compared = store.place.registry.compared_databases(store.place.name, store.place.account)
    declared = DeclaredDatabase(store.handle.external_id, store.request.plan)
    for _ in range(2):
        assert await compared.compare_database(declared) == ()
        await compared.mend_database(declared.external_id)


async def _database_usage(store: Store) -> None:
    metered = store.place.registry.metered_databases(store.place.name, store.place.account)
    assert await metered.database_charges(store.handle.external_id)
    await metered.database_usage(store.handle.external_id)


async def test_a_database_gets_all_that_is_declared_for_it(place: Place) -> None:
    need(place, Capability.DATABASE)

    async def choose() -> str:
        return "pass-w0rd"

    databases = place.registry.databases(place.name, place.account)
    request = DatabaseRequest(uuid4(), place.app, "one", "free", choose, KeptNotes())
    handle = await databases.ensure_database(request, Lines())
    store = Store(place, request, handle)
    for capability, check in OF_DATABASES.items():
        if capability in place.capabilities:
            await check(store)
    assert store.handle.external_id == handle.external_id
    for _ in range(2):
        await databases.destroy_database(handle.external_id)


async def test_a_token_is_told_and_one_of_nobody_is_refused(place: Place) -> None:
    need(place, Capability.CONNECT)
    assert place.account is not None
    connect = place.registry.takes_tokens(place.name)
    told = await connect.check_token(place.account.token)
    assert (bool(told.id), bool(told.name), told.missing) == (True, True, ())
    if place.account.owner_id is not None:
        assert place.account.owner_id in {each.id for each in told.owners}
    with pytest.raises(CredentialRefused):
        await connect.check_token(NOBODYS_TOKEN)


async def test_sources_are_found_listed_and_read(place: Place) -> None:
    need(place, Capability.SOURCE)
    assert place.account is not None
    hosting = place.registry.sources(place.name)
    acting = hosting.sources_as(place.account)
    [listed] = [each async for each in acting.repositories()]
    assert await acting.repository(listed.full_name) == listed
    assert await acting.known_repository(listed.id, "somebody/else") == listed
    sources = acting.sources(listed.full_name)
    sha = await sources.commit_of(listed.default_branch)
    assert [(each.name, each.commit.sha) async for each in sources.branches()] == [
        (listed.default_branch, sha)
    ]
    [entry] = (await sources.tree(sha)).tree
    assert await sources.blob(entry.sha, most_bytes=1000) == b"# Site\n"
    async with sources.archive(sha, most_bytes=10**6) as stream:
        packed = b"".join([each async for each in stream.chunks()])
    assert b"# Site\n" in gzip.decompress(packed)


OF_APPS: Mapping[Capability, Callable[[Shop], Awaitable[None]]] = {
    Capability.DEPLOY: _deploy,
    Capability.ENVIRONMENT_VARIABLES: _variables,
    Capability.LOGS: _logs,
    Capability.DOMAINS: _domains,
    Capability.DRIFT: _drift,
    Capability.METRICS: _metrics,
    Capability.TRAFFIC: _traffic,
    Capability.SCALE: _scale,
    Capability.RUN: _run,
    Capability.USAGE: _usage,
    Capability.RESOURCES: _resources,
    Capability.ROLLBACK: _rollback,
}
OF_DATABASES: Mapping[Capability, Callable[[Store], Awaitable[None]]] = {
    Capability.DATABASE: _database,
    Capability.DATABASE_METRICS: _database_metrics,
    Capability.DATABASE_BACKUPS: _database_backups,
    Capability.DATABASE_PAUSES: _database_pauses,
    Capability.DATABASE_ROTATION: _database_rotation,
    Capability.DATABASE_DRIFT: _database_drift,
    Capability.DATABASE_USAGE: _database_usage,
}
#: What a test of its own above is about.
OF_ACCOUNTS = {Capability.CONNECT, Capability.SOURCE}


def test_every_capability_has_a_check() -> None:
    assert OF_APPS.keys() | OF_DATABASES.keys() | OF_ACCOUNTS == set(Capability)
