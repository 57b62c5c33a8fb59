"""An app at Vercel with a database at Supabase, both emulated over HTTP, deployed by the engine."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

import pytest
from tests.fakes.contract import require_contract
from tests.fakes.supabase_api import TOKEN as SUPABASE_TOKEN
from tests.fakes.supabase_api import FakeSupabase
from tests.fakes.vercel_api import TEAM, FakeVercelApi
from tests.fakes.vercel_api import TOKEN as VERCEL_TOKEN
from tests.kernel.http.servers import MovedTime
from tests.services.deployer.platform import WITH_DATABASE, Platform

from autodeploy.providers.base import Release
from autodeploy.providers.registry import Registry
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.vercel.provider import VercelProvider
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer import deployments, variables
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.drift import find_drift
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.variable_schemas import VariablesInput

SEED = {
    "provider": "vercel",
    "configuration": {
        "environmentVariables": {"DATABASE_URL": "provision_new", "GREETING": "hello"},
        "database": {"provider": "supabase", "plan": "free"},
    },
}


@dataclass
class Internet:
    """The engine with both providers, whose time passes only while they wait."""

    platform: Platform
    vercel: FakeVercelApi
    supabase: FakeSupabase
    time: MovedTime

    async def deployed(self, project: ProjectView, **more: object) -> DeploymentView:
        return await self.platform.deployed(project, **SEED, **more)


@pytest.fixture
async def internet(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    for name in ("vercel", "supabase"):
        require_contract(name)

    async def answers(_provider: object, release: Release, _health: object) -> None:
        # Its address is one of vercel.app, which tests do not call.
        assert [url.split(":")[0] for url in release.check_urls] == ["https"]

    monkeypatch.setattr("autodeploy.services.deployer.steps.wait_until_healthy", answers)
    time = MovedTime()
    async with FakeVercelApi(time).run() as vercel, FakeSupabase(time.monotonic).run() as supabase:
        there = (
            VercelProvider(api_url=vercel.url, timing=time),
            SupabaseProvider(api_url=supabase.url, timing=time),
        )
        providers = Registry([platform.provider, *there])
        platform.engine = replace(platform.engine, providers=providers)
        platform.runner = Runner(platform.engine)
        for name, token in (("vercel", VERCEL_TOKEN), ("supabase", SUPABASE_TOKEN)):
            await connect_by_token(
                platform.resources,
                platform.principal,
                platform.principal.user_id,
                name,
                ProviderTokenInput(token=token, owner_id=TEAM if name == "vercel" else None),
                providers=providers,
            )
        yield Internet(platform, vercel, supabase, time)
        await providers.close()


async def test_app_and_database_are_made_and_the_app_is_given_its_variables(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    view = await internet.deployed(project)
    assert view.status == "ready", view.error
    assert view.url is not None
    assert view.url.startswith("https://")
    [database] = internet.supabase.projects.values()
    [app] = internet.vercel.projects
    given = {each["key"]: each["value"] for each in app.variables.values()}
    assert given["GREETING"] == "hello"
    assert "pooler.supabase.com:5432" in given["DATABASE_URL"]
    assert given["SUPABASE_URL"] == f"https://{database.ref}.supabase.co"
    [deployment] = internet.vercel.deployments
    assert deployment.target == "production"
    messages = "\n".join(await internet.platform.messages(view.id))
    assert database.password not in messages


async def test_database_of_a_deployment_that_failed_is_kept_for_the_next(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    internet.vercel.outcome = "error"
    failed = await internet.deployed(project)
    assert failed.status == "error"
    assert failed.error is not None
    internet.vercel.outcome = "ready"
    again = await internet.deployed(project, build="always")
    assert again.status == "ready", again.error
    assert len(internet.supabase.projects) == 1
    assert len(internet.vercel.projects) == 1
    assert len(internet.vercel.deployments) == 2


async def _set(internet: Internet, project: ProjectView, **values: str) -> None:
    platform = internet.platform
    body = VariablesInput(values=values)
    await variables.set_variables(platform.resources, platform.principal, project.id, body)


async def _deploy(internet: Internet, project: ProjectView, **more: object) -> DeploymentView:
    view = await internet.platform.deployed(project, provider="vercel", **more)
    assert view.status == "ready", view.error
    return view


def _given(internet: Internet) -> Mapping[str, str]:
    """What the app that has the traffic runs with."""
    [app] = internet.vercel.projects
    assert app.production is not None
    return app.production.variables


async def test_changed_variable_reaches_the_app_by_another_build(internet: Internet) -> None:
    project = await internet.platform.project()
    await _set(internet, project, GREETING="one")
    first = await _deploy(internet, project)
    assert _given(internet)["GREETING"] == "one"
    again = await _deploy(internet, project)
    assert len(internet.vercel.deployments) == 1, "nothing has changed"
    await _set(internet, project, GREETING="two")
    changed = await _deploy(internet, project)
    assert _given(internet)["GREETING"] == "two"
    await internet.platform.unset(project, "GREETING")
    without = await _deploy(internet, project)
    assert "GREETING" not in _given(internet)
    views = (first, again, changed, without)
    assert [each.variables_version for each in views] == [1, 1, 2, 3]


async def test_database_that_is_made_later_reaches_the_app(internet: Internet) -> None:
    project = await internet.platform.project()
    await _deploy(internet, project)
    await _deploy(internet, project, configuration=SEED["configuration"])
    assert "pooler.supabase.com" in _given(internet)["DATABASE_URL"]


async def test_build_that_is_brought_back_says_with_which_variables_it_runs(
    internet: Internet,
) -> None:
    platform = internet.platform
    project = await platform.project()
    await _set(internet, project, GREETING="one")
    first = await _deploy(internet, project)
    await platform.upload({"index.html": "later"}, project.repository.id)
    await _set(internet, project, GREETING="two")
    await _deploy(internet, project)
    back = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(back.id)
    done = await platform.view(back.id)
    assert (done.status, done.variables_version) == ("ready", 1)
    assert _given(internet)["GREETING"] == "one"
    assert any("version 1, where 2" in each for each in await platform.messages(back.id))
    drift = await find_drift(
        platform.resources, platform.principal, project.id, "production",
        providers=platform.engine.providers,
    )  # fmt: skip
    assert (drift.items, drift.pending) == ([], ["GREETING"])


async def test_last_build_that_was_asked_for_runs_with_its_own_variables(
    internet: Internet,
) -> None:
    project = await internet.platform.project()
    await _set(internet, project, GREETING="one")
    await _deploy(internet, project)
    await _set(internet, project, GREETING="two")
    reused = await _deploy(internet, project, build="never")
    assert (reused.variables_version, _given(internet)["GREETING"]) == (1, "one")
    assert (await _deploy(internet, project)).variables_version == 2
    assert _given(internet)["GREETING"] == "two", "it is not taken for a build with these"


async def test_build_of_a_dead_worker_is_not_gone_on_with_where_variables_changed(
    internet: Internet,
) -> None:
    """It has those of before for ever, and was not cancelled in time."""
    platform = internet.platform
    project = await platform.project()
    await _set(internet, project, GREETING="one")
    created = await platform.deploy(project, provider="vercel")
    internet.vercel.outcome = "never"
    running = asyncio.create_task(platform.runner.run(created.id))
    while not internet.vercel.deployments:
        await asyncio.sleep(0.001)
    dead = internet.vercel.deployments[0]
    internet.vercel.faults.fail(f"/v12/deployments/{dead.id}/cancel", "500")
    running.cancel()
    await asyncio.wait({running})
    internet.vercel.outcome = dead.outcome = "ready"
    internet.time.seconds += 60
    await _set(internet, project, GREETING="two")
    await platform.runner.run(created.id)
    view = await platform.view(created.id)
    assert (view.status, view.variables_version) == ("ready", 2), view.error
    assert (dead.state, _given(internet)["GREETING"]) == ("READY", "two")
