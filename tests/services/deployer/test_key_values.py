"""A Redis at the emulated Render: made beside an app there, which gets it by a reference."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import delete, select, update
from tests.fakes.contract import require_contract
from tests.fakes.github_api import FakeGitHubApi
from tests.fakes.render_api import OWNER, TOKEN, FakeRenderApi
from tests.kernel.http.servers import MovedTime
from tests.services.analyzer.github import sources_of
from tests.services.deployer.databases.office import Office
from tests.services.deployer.platform import Platform

from autodeploy.kernel.clock import now
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.services.analyzer import service as analyzer
from autodeploy.services.analyzer.schemas import RepositoryInput
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.schemas import DatabaseView
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.drift import find_drift, reconcile_drift
from autodeploy.services.deployer.holdings.models import Orphan
from autodeploy.services.deployer.holdings.orphans import find_hosted_orphans, remove_orphans
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectInput, ProjectView

APP = {
    "package.json": b'{"name": "shop", "scripts": {"start": "node server.js"},'
    b' "dependencies": {"express": "5.1.0", "redis": "5.8.0"}}',
    "server.js": b'const client = require("redis").createClient({ url: process.env.REDIS_URL });\n'
    b'require("express")().listen(process.env.PORT);\n',
}
REFERENCE = "${{ databases.cache.url }}"


@dataclass
class Internet:
    """A project whose sources are at GitHub, and Render; time passes only while it is waited."""

    office: Office
    render: FakeRenderApi
    project: ProjectView

    @property
    def platform(self) -> Platform:
        return self.office.platform

    async def cache(self, **body: object) -> DatabaseView:
        given = {"name": "cache", "engine": "redis", "provider": "render", **body}
        return await self.office.asked(project_id=self.project.id, **given)

    async def deployed(self) -> DeploymentView:
        variables = {"REDIS_URL": REFERENCE}
        return await self.platform.deployed(
            self.project, provider="render", build="always",
            configuration={"environmentVariables": variables},
        )  # fmt: skip


@pytest.fixture
async def internet(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    for name in ("github", "render"):
        require_contract(name)

    async def answers(*_: object) -> None:
        """Its address is one of onrender.com, which tests do not call."""

    monkeypatch.setattr("autodeploy.services.deployer.steps.wait_until_healthy", answers)
    time = MovedTime()
    async with FakeRenderApi(time).run() as render:
        provider = RenderProvider(api_url=render.url, timing=time)
        async with sources_of(platform.resources, platform.provider, provider) as sources:
            platform.engine = replace(
                platform.engine, providers=sources.providers, lease_seconds=60.0
            )
            platform.runner = Runner(platform.engine)
            await sources.connect(platform.principal)
            await connect_by_token(
                platform.resources,
                platform.principal,
                platform.principal.user_id,
                "render",
                ProviderTokenInput(token=TOKEN, owner_id=OWNER["id"]),
                providers=sources.providers,
            )
            render.heads["main"] = _push(sources.fake)
            added = await analyzer.create_repository(
                platform.resources,
                platform.principal,
                RepositoryInput(url="acme/shop"),
                providers=sources.providers,
            )
            project = await projects.create_project(
                platform.resources,
                platform.principal,
                ProjectInput(name="shop", repository_id=added.id),
            )
            yield Internet(Office(platform), render, project)
        await provider.close()


def _push(github: FakeGitHubApi) -> str:
    return github.add("acme/shop").push(APP)


async def test_app_gets_the_url_of_its_redis_by_a_reference(internet: Internet) -> None:
    asked = await internet.cache()
    await internet.office.work(asked.id)
    made = await internet.office.view(asked.id)
    assert (made.status, made.engine, made.error) == ("available", "redis", None)
    [cache] = internet.render.key_values.held.values()

    view = await internet.deployed()
    assert view.status == "ready", view.error
    variables = internet.render.service.variables
    assert variables["REDIS_URL"] == f"redis://{cache.id}:6379"
    assert "DATABASE_URL" not in variables
    assert internet.render.databases.held == {}
    assert f"redis://{cache.id}" not in "\n".join(await internet.platform.messages(view.id))


async def test_whoever_asked_for_it_is_told_what_it_waits_for(internet: Internet) -> None:
    render, seen = internet.render, list[str | None]()
    render.creations = [render.time.monotonic() - 3000] * 20
    asked = await internet.cache()
    sleep = render.time.sleep

    async def look(seconds: float) -> None:
        seen.append((await internet.office.view(asked.id)).notice)
        await sleep(seconds)

    render.time.sleep = look  # type: ignore[method-assign]
    await internet.office.work(asked.id)
    assert "makes more databases only from" in (seen[0] or "")
    made = await internet.office.view(asked.id)
    assert made.status == "available"
    assert "in memory alone" in (made.notice or "")


async def test_app_waits_for_no_redis_that_is_not_there(internet: Internet) -> None:
    await internet.cache()  # and no worker has come to it
    view = await internet.deployed()
    assert view.error is not None
    assert (view.status, view.error.code) == ("error", "reference_unresolved")
    assert internet.render.services == {}


async def test_one_whose_making_was_interrupted_is_removed_with_its_row(
    internet: Internet,
) -> None:
    asked = await internet.cache()
    internet.render.key_values.statuses = ["creating", "suspended"]
    await internet.office.work(asked.id)
    failed = await internet.office.view(asked.id)
    assert failed.error is not None
    assert "suspended" in failed.error.message
    assert len(internet.render.key_values.held) == 1
    await internet.office.delete(failed)
    await internet.office.work(asked.id)
    assert internet.render.key_values.held == {}
    assert not await internet.office.exists(asked.id)


async def test_one_that_no_row_accounts_for_is_found_and_removed(internet: Internet) -> None:
    asked = await internet.cache()
    await internet.office.work(asked.id)
    engine, db = internet.platform.engine, internet.platform.resources.db

    async def orphans() -> list[tuple[str, str]]:
        await find_hosted_orphans(engine)
        async with db.transaction() as session:
            rows = await session.scalars(select(Orphan))
            return [(each.kind, each.external_id) for each in rows]

    [held] = internet.render.key_values.held
    assert await orphans() == []
    async with db.transaction() as session:
        await session.execute(delete(ProjectDatabase))
    assert await orphans() == [("database", held)]
    async with db.transaction() as session:
        await session.execute(update(Orphan).values(removal_requested_at=now()))
    await remove_orphans(engine)
    assert internet.render.key_values.held == {}
    assert await orphans() == []


async def test_what_is_set_at_render_is_as_declared_until_it_is_changed_there(
    internet: Internet,
) -> None:
    platform, render = internet.platform, internet.render
    await internet.office.work((await internet.cache()).id)
    assert (await internet.deployed()).status == "ready"
    where = (platform.resources, platform.principal, internet.project.id, "production")
    providers = platform.engine.providers
    first = await find_drift(*where, providers=providers)
    assert (first.items, first.unread, first.pending, first.unasked) == ([], [], [], [])

    [cache] = render.key_values.held.values()
    cache.sent["ipAllowList"] = [{"cidrBlock": "0.0.0.0/0", "description": "everybody"}]
    render.service.sent |= {"branch": "theirs", "autoDeploy": "yes"}
    render.service.sent["serviceDetails"]["envSpecificDetails"]["startCommand"] = "node theirs.js"
    changed = await find_drift(*where, providers=providers)
    assert [(each.kind, each.name, each.found, each.reconcilable) for each in changed.items] == [
        ("branch", None, "theirs", True),
        ("auto_deploy", None, "yes", True),
        ("start_command", None, "node theirs.js", True),
        ("database_allow_list", "cache", "0.0.0.0/0", True),
    ]
    again = await reconcile_drift(*where, providers=providers)
    await platform.runner.run(again.id)
    assert (await platform.view(again.id)).status == "ready"
    assert (await find_drift(*where, providers=providers)).items == []
