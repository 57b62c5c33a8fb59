"""An app at Vercel with a database at Supabase, both emulated over HTTP, deployed by the engine."""

from collections.abc import AsyncIterator
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
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectView

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
        yield Internet(platform, vercel, supabase)
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
