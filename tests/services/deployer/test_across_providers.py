"""An app at Vercel with a database at Supabase, both emulated over HTTP, deployed by the engine."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select, update
from tests.fakes.contract import require_contract
from tests.fakes.supabase_api import TOKEN as SUPABASE_TOKEN
from tests.fakes.supabase_api import FakeSupabase
from tests.fakes.vercel_api import TEAM, FakeVercelApi
from tests.fakes.vercel_api import TOKEN as VERCEL_TOKEN
from tests.kernel.http.servers import MovedTime
from tests.services.deployer.platform import WITH_DATABASE, Platform

from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.base import Release
from autodeploy.providers.registry import Registry
from autodeploy.providers.supabase.databases import SupabaseDatabases
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.vercel.provider import VercelProvider
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer import deployments, variables
from autodeploy.services.deployer.cost_schemas import BudgetInput
from autodeploy.services.deployer.costs import BudgetExceeded, set_budget
from autodeploy.services.deployer.databases.jobs import handle_provisioning
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.reach import DatabaseOutOfReach
from autodeploy.services.deployer.databases.schemas import DatabaseInput
from autodeploy.services.deployer.databases.service import create_database
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.drift import find_drift
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.variable_schemas import VariablesInput
from autodeploy.services.deployer.variable_versions import compare_versions

SEED = {
    "provider": "vercel",
    "configuration": {
        "environmentVariables": {"DATABASE_URL": "provision_new", "GREETING": "hello"},
        "database": {"provider": "supabase", "plan": "free"},
    },
}


def wishing(**database: str) -> dict[str, object]:
    """The seed's request for another database."""
    variables = {"DATABASE_URL": "provision_new"}
    return {"configuration": {"environmentVariables": variables, "database": database}}


@dataclass
class Internet:
    """The engine with both providers, whose time passes only while they wait."""

    platform: Platform
    vercel: FakeVercelApi
    supabase: FakeSupabase
    time: MovedTime

    async def deployed(self, project: ProjectView, **more: object) -> DeploymentView:
        return await self.platform.deployed(project, **{**SEED, **more})

    async def databases(self) -> list[ProjectDatabase]:
        async with self.platform.resources.db.transaction() as session:
            rows = select(ProjectDatabase).order_by(ProjectDatabase.created_at)
            return list(await session.scalars(rows))

    def given(self) -> dict[str, str]:
        """The variables of the only app at Vercel."""
        [app] = self.vercel.projects
        return {each["key"]: each["value"] for each in app.variables.values()}


@pytest.fixture
async def internet(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    for name in ("vercel", "supabase"):
        require_contract(name)

    async def answers(_provider: object, release: Release, _health: object) -> None:
        # Its address is one of vercel.app, which tests do not call; a folder has none.
        assert all(url.startswith("https:") for url in release.check_urls)

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
    given = internet.given()
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


async def test_another_database_than_the_one_that_is_there_is_refused_before_any_work(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    first = await internet.platform.deployed(project)
    assert first.status == "ready", first.error
    with pytest.raises(Conflict) as refused:
        await internet.deployed(project)
    assert refused.value.field == "configuration.database.provider"
    assert "autodeploy db delete main" in (refused.value.remedy or "")
    moved = await internet.platform.deployed(project, provider="vercel")
    assert moved.error is not None
    assert moved.error.code == "database_out_of_reach"
    assert internet.vercel.deployments == []
    assert internet.supabase.projects == {}


async def test_app_elsewhere_is_refused_a_database_of_this_machine_before_any_work(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    with pytest.raises(DatabaseOutOfReach) as refused:
        await internet.deployed(project, **wishing(provider="local"))
    assert refused.value.field == "configuration.database.provider"
    assert await internet.databases() == []


async def test_database_by_reference_is_in_reach_before_the_build(internet: Internet) -> None:
    platform = internet.platform
    project = await platform.project(WITH_DATABASE)
    await platform.deployed(project, configuration={"database": {"provider": "local"}})
    variables = {"DATABASE_URL": "postgresql://u:p@db.test/x", "STORE": "${{ databases.main.url }}"}
    configuration = {"environmentVariables": variables}
    view = await platform.deployed(project, provider="vercel", configuration=configuration)
    assert view.error is not None
    assert view.error.code == "database_out_of_reach"
    variables["STORE"] = "none"
    alone = await platform.deployed(project, provider="vercel", configuration=configuration)
    assert alone.status == "ready", alone.error


async def test_every_database_that_is_referred_to_is_in_reach(internet: Internet) -> None:
    platform = internet.platform
    project = await platform.project()
    made = await create_database(
        platform.resources,
        platform.principal,
        DatabaseInput(project_id=project.id, name="reports"),
        providers=platform.engine.providers,
    )
    await handle_provisioning(platform.engine, {"databaseId": str(made.id)})
    variables = {"REPORTS": "${{ databases.reports.url }}"}
    view = await platform.deployed(
        project, provider="vercel", configuration={"environmentVariables": variables}
    )
    assert view.error is not None
    assert view.error.code == "database_out_of_reach"
    assert "reports" in view.error.message
    assert internet.vercel.deployments == []


async def test_wish_that_was_refused_may_be_corrected(internet: Internet) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    refused = await internet.deployed(project, **wishing(provider="supabase", plan="micro"))
    assert refused.error is not None
    assert "micro" in refused.error.message
    await internet.deployed(project, **wishing(provider="supabase", plan="small"))
    [row] = await internet.databases()
    assert (row.status, row.plan) == ("error", "small")
    assert "small" in (row.error_message or ""), "as it was refused last"
    corrected = await internet.deployed(project)
    assert corrected.status == "ready", corrected.error
    [row] = await internet.databases()
    assert (row.plan, row.external_id) == ("free", next(iter(internet.supabase.projects)))


async def test_what_was_begun_elsewhere_is_removed_when_the_wish_changes(
    internet: Internet,
) -> None:
    internet.supabase.life = ((0.0, "INIT_FAILED"),)
    project = await internet.platform.project(WITH_DATABASE)
    failed = await internet.deployed(project)
    assert failed.error is not None
    assert "INIT_FAILED" in failed.error.message
    view = await internet.deployed(project, **{**wishing(provider="local"), "provider": "local"})
    assert view.status == "ready", view.error
    [row] = await internet.databases()
    assert (row.provider, row.notes) == ("local", {})
    [begun] = internet.supabase.projects.values()
    assert begun.status(begun.since) == "GOING_DOWN"


@pytest.mark.parametrize(
    "variables", [{}, {"STORE": "${{ databases.main.host }}"}, {"DATABASE_URL": "provision_new"}]
)
async def test_deployment_that_names_no_database_goes_on_with_the_one_that_is_there(
    internet: Internet, variables: dict[str, str]
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    await internet.deployed(project)
    again = await internet.platform.deployed(
        project, build="always", configuration={"environmentVariables": variables}
    )
    assert again.status == "ready", again.error
    assert len(internet.supabase.projects) == 1
    assert "pooler.supabase.com:5432" in internet.given()["DATABASE_URL"]


async def test_deployment_after_a_failed_provisioning_tries_the_same_again(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    full = [internet.supabase.add("one"), internet.supabase.add("two")]
    failed = await internet.deployed(project)
    assert failed.error is not None
    for each in full:
        del internet.supabase.projects[each.ref]
    again = await internet.platform.deployed(project, provider="vercel")
    assert again.status == "ready", again.error
    assert len(internet.supabase.projects) == 1


async def test_environment_that_is_new_has_its_database_where_production_has(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    await internet.deployed(project)
    view = await internet.platform.deployed(project, environment="pr-7", provider="vercel")
    assert view.status == "ready", view.error
    production, preview = await internet.databases()
    assert (preview.environment, preview.provider, preview.plan) == ("pr-7", "supabase", "free")
    assert preview.external_id != production.external_id
    assert len(internet.supabase.projects) == 2


async def test_database_that_was_deleted_at_its_provider_is_told_and_not_made_anew(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    await internet.deployed(project)
    internet.supabase.projects.clear()
    for body in (SEED, {}):
        view = await internet.platform.deployed(project, **{**body, "build": "always"})
        assert view.error is not None
        assert view.error.code == "database_gone"
        assert "autodeploy db delete main" in (view.error.remedy or "")
    assert internet.supabase.projects == {}
    [row] = await internet.databases()
    await handle_provisioning(internet.platform.engine, {"databaseId": str(row.id)})
    [row] = await internet.databases()
    assert (row.status, row.error_code) == ("error", "database_gone")


@pytest.mark.parametrize("status", ["available", "paused"])
async def test_database_that_is_paused_is_brought_back(internet: Internet, status: str) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    await internet.deployed(project)
    [there] = internet.supabase.projects.values()
    there.begin(((0.0, "INACTIVE"),), 0.0)
    [row] = await internet.databases()
    async with internet.platform.resources.db.transaction() as session:
        changed = update(ProjectDatabase).where(ProjectDatabase.id == row.id)
        await session.execute(changed.values(status=status))
    view = await internet.platform.deployed(project, build="always")
    assert view.status == "ready", view.error
    assert there.life[-1][1] == "ACTIVE_HEALTHY"
    assert list(internet.supabase.projects) == [there.ref]
    assert (await internet.databases())[0].status == "available"


async def test_provider_that_cannot_be_asked_of_its_database_holds_nothing_up(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    await internet.deployed(project)
    [ref] = internet.supabase.projects
    internet.supabase.faults.fail(f"/v1/projects/{ref}", *["500"] * Patience.attempts)
    view = await internet.platform.deployed(project, build="always")
    assert view.status == "ready", view.error
    assert any("is not known" in line for line in await internet.platform.messages(view.id))


async def test_stored_connection_string_gives_way_to_a_database_that_is_asked_for(
    internet: Internet,
) -> None:
    platform = internet.platform
    project = await platform.project(WITH_DATABASE)
    old = {"environmentVariables": {"DATABASE_URL": "postgresql://old:secret@db.test/old"}}
    await platform.deployed(project, provider="vercel", configuration=old)
    before = (await platform.environment(project)).variables_version
    view = await internet.deployed(project, build="always")
    assert view.status == "ready", view.error
    assert "pooler.supabase.com" in internet.given()["DATABASE_URL"]
    assert view.variables_version == before + 1
    difference = await compare_versions(
        platform.resources, platform.principal, project.id, "production",
        before=before, after=before + 1,
    )  # fmt: skip
    assert (difference.removed, difference.added) == (["DATABASE_URL"], ["GREETING"])


async def _cancelled_before_its_database(platform: Platform, waiting: DeploymentView) -> None:
    async def cancel(_databases: object, _request: object, _log: object) -> None:
        await deployments.cancel_deployment(platform.resources, platform.principal, waiting.id)
        platform.runner.cancel(waiting.id)
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SupabaseDatabases, "ensure_database", cancel)
        await platform.runner.run(waiting.id)


@pytest.mark.parametrize("end", ["cancelled", "error"])
async def test_database_that_was_not_begun_is_not_made_after_the_deployment(
    internet: Internet, end: str
) -> None:
    platform = internet.platform
    project = await platform.project(WITH_DATABASE)
    waiting = await platform.deploy(project, **SEED)
    if end == "cancelled":
        await _cancelled_before_its_database(platform, waiting)
    else:
        internet.supabase.faults.fail("/v1/organizations/octo-org/projects", "403")
        await platform.runner.run(waiting.id)
    view = await platform.view(waiting.id)
    assert view.status == end
    [row] = await internet.databases()
    assert (row.status, row.provider) == ("error", "supabase")
    assert row.error_message == (
        view.error.message if view.error else "The deployment that asked for it was cancelled."
    )
    await handle_provisioning(platform.engine, {"databaseId": str(row.id)})
    assert internet.supabase.projects == {}
    again = await platform.deployed(project, provider="vercel")
    assert again.status == "ready", again.error


async def test_database_that_somebody_else_asked_for_is_made_after_the_deployment_all_the_same(
    internet: Internet,
) -> None:
    platform = internet.platform
    project = await platform.project(WITH_DATABASE)
    wish = DatabaseInput(project_id=project.id, name="main", provider="supabase")
    made = await create_database(
        platform.resources, platform.principal, wish, providers=platform.engine.providers
    )
    waiting = await platform.deploy(project, **SEED)
    await _cancelled_before_its_database(platform, waiting)
    assert (await platform.view(waiting.id)).status == "cancelled"
    await handle_provisioning(platform.engine, {"databaseId": str(made.id)})
    assert [row.status for row in await internet.databases()] == ["available"]


async def test_deployment_that_fails_says_what_it_leaves_and_how_that_is_removed(
    internet: Internet,
) -> None:
    project = await internet.platform.project(WITH_DATABASE)
    internet.vercel.outcome = "error"
    failed = await internet.deployed(project)
    told = "\n".join(await internet.platform.messages(failed.id))
    [ref] = internet.supabase.projects
    assert f"The database main at Supabase ({ref}) is kept" in told
    assert "`autodeploy db delete main --environment production` removes it" in told
    assert "the app at Vercel is kept" in told
    assert "`autodeploy destroy shop` removes it" in told
    again = await internet.deployed(project, build="always")
    told = "\n".join(await internet.platform.messages(again.id))
    assert "The database main at Supabase" not in told, "this one did not make it"


async def test_budget_goes_by_what_a_database_is_charged_in_the_organization(
    internet: Internet,
) -> None:
    platform = internet.platform
    project = await platform.project(WITH_DATABASE)
    internet.supabase.organizations["octo-org"].plan = "pro"
    await set_budget(
        platform.resources, platform.principal, project.id, BudgetInput(monthly_limit_cents=500)
    )
    view = await internet.deployed(project)
    assert view.error is not None
    assert view.error.code == "budget_exceeded"
    assert "10.00 USD" in view.error.message
    wish = DatabaseInput(project_id=project.id, name="reports", provider="supabase")
    with pytest.raises(BudgetExceeded):
        await create_database(
            platform.resources, platform.principal, wish, providers=platform.engine.providers
        )
    assert internet.supabase.projects == {}
    ignoring = await internet.deployed(project, ignore_budget=True)
    assert ignoring.status == "ready", ignoring.error
    again = await internet.deployed(project)
    assert again.status == "ready", "it is there already"


async def test_budget_of_nothing_lets_a_free_database_through(internet: Internet) -> None:
    platform = internet.platform
    project = await platform.project(WITH_DATABASE)
    await set_budget(
        platform.resources, platform.principal, project.id, BudgetInput(monthly_limit_cents=0)
    )
    view = await internet.deployed(project)
    assert view.status == "ready", view.error


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
