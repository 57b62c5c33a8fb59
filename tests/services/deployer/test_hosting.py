"""Apps and databases at a provider that acts for an account, and moves from one to another."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import delete, select
from tests.services.auth.accounts import principal
from tests.services.deployer.hosted import (
    CLOUD_TOKEN,
    DATABASE_URL,
    DATABASE_VARIABLES,
    HostedProvider,
)
from tests.services.deployer.platform import WITH_DATABASE, Platform, answering
from tests.services.deployer.provider import Crash, crash_once, fail_with

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.base import BuildRequest
from autodeploy.providers.hosted import AccountMissing, Owner, TokenAccount
from autodeploy.providers.identity import IdentityProviders
from autodeploy.providers.local.errors import BuildFailed
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connection_checks import look_after_connections
from autodeploy.services.auth.connections import list_connections
from autodeploy.services.auth.grants import Guard
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.oauth_schemas import ConnectionView, Disconnected, ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer import closing, connection_use, deployments, projects
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.provisioning import open_url
from autodeploy.services.deployer.hosting import choose_connection
from autodeploy.services.deployer.leftovers import retire_leftovers
from autodeploy.services.deployer.models import Environment
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.runner import Runner


class Clouds:
    """The small installation, with a provider elsewhere beside its folder."""

    def __init__(self, platform: Platform):
        self.platform = platform
        resources = platform.resources
        self.cloud = HostedProvider(resources.home, resources.objects)
        providers = Registry([platform.provider, self.cloud])
        platform.engine = replace(platform.engine, providers=providers)
        platform.runner = Runner(platform.engine)

    async def connect(
        self, token: str = CLOUD_TOKEN, owner: str | None = None, guard: Guard | None = None
    ) -> ConnectionView:
        platform = self.platform
        return await connect_by_token(
            platform.resources,
            platform.principal,
            platform.principal.user_id,
            "cloud",
            ProviderTokenInput(token=token, owner_id=owner),
            providers=platform.engine.providers,
            guard=guard,
        )

    async def disconnect(self) -> None:
        async with self.platform.resources.db.transaction() as session:
            await session.execute(delete(ProviderIntegration))

    async def database(self) -> ProjectDatabase:
        async with self.platform.resources.db.transaction() as session:
            return (await session.scalars(select(ProjectDatabase))).one()


@pytest.fixture
async def clouds(platform: Platform) -> AsyncIterator[Clouds]:
    yield Clouds(platform)


async def test_provider_acts_for_the_account_of_who_deploys(clouds: Clouds) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    view = await platform.deployed(project, provider="cloud")
    assert view.status == "ready"
    assert view.url == "https://shop.cloud.test"
    assert {(each.token, each.owner_id) for each in clouds.cloud.acted_for} == {
        (CLOUD_TOKEN, "team_1")
    }
    [build] = clouds.cloud.apps.builds
    assert isinstance(build, BuildRequest)
    assert build.commit is None, "an upload is with us alone"
    assert platform.provider.calls["build"] == 0
    environment = await platform.environment(project)
    assert (environment.provider, environment.url) == ("cloud", "https://shop.cloud.test")


async def test_without_an_account_no_work_is_started(clouds: Clouds) -> None:
    project = await clouds.platform.project()
    with pytest.raises(AccountMissing) as refused:
        await clouds.platform.deploy(project, provider="cloud")
    assert "autodeploy connections add cloud" in (refused.value.remedy or "")


async def test_account_of_the_environment_is_used_by_whoever_deploys(clouds: Clouds) -> None:
    platform = clouds.platform
    mine = await clouds.connect()
    project = await platform.project()
    await platform.deployed(project, provider="cloud")
    clouds.cloud.acted_for.clear()
    await platform.deployed(project, build="always")
    assert {each.token for each in clouds.cloud.acted_for} == {CLOUD_TOKEN}
    assert mine.owner is not None
    assert mine.owner.name == "Ada's team"


async def test_service_token_has_the_account_of_the_environment_and_none_of_its_own(
    clouds: Clouds,
) -> None:
    mine = await clouds.connect()
    platform = clouds.platform
    elsewhere = Environment(provider="cloud", connection_id=uuid4())
    token = replace(platform.principal, account_id=None, service_token_id=uuid4())
    async with platform.resources.db.transaction() as session:
        chosen = partial(choose_connection, session, token, platform.engine.providers, "cloud")
        assert await chosen(elsewhere) == elsewhere.connection_id
        with pytest.raises(AccountMissing):
            await chosen()
    assert mine.has_access


async def test_account_that_was_disconnected_ends_the_deployment_with_the_remedy(
    clouds: Clouds,
) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    waiting = await platform.deploy(project, provider="cloud")
    await clouds.disconnect()
    await platform.runner.run(waiting.id)
    view = await platform.view(waiting.id)
    assert view.status == "error"
    assert view.error is not None
    assert view.error.code == "account_missing"


async def test_move_keeps_the_old_until_the_new_is_there(clouds: Clouds) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    first = await platform.deployed(project)
    clouds.cloud.apps.at["build"] = fail_with(BuildFailed("no"))
    failed = await platform.deployed(project, provider="cloud", build="always")
    assert failed.status == "error"
    environment = await platform.environment(project)
    assert (environment.provider, environment.live_deployment_id) == ("local", first.id)
    assert platform.provider.traffic(environment.number) == str(first.id)
    assert clouds.cloud.apps.destroyed == [environment.number], "nothing was ever live there"
    clouds.cloud.apps.destroyed.clear()
    clouds.cloud.apps.at.clear()
    moved = await platform.deployed(project, provider="cloud", build="always")
    environment = await platform.environment(project)
    assert (environment.provider, environment.live_deployment_id) == ("cloud", moved.id)
    assert platform.provider.releases() == set()
    assert platform.provider.traffic(environment.number) is None, "its route is gone, too"
    back = await platform.deployed(project, provider="local")
    assert (await platform.environment(project)).live_deployment_id == back.id
    assert clouds.cloud.apps.destroyed == [], "what is at a provider is kept"


async def test_rollback_asks_the_provider_for_what_it_has_built(clouds: Clouds) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    first = await platform.deployed(project, provider="cloud")
    await platform.deployed(project, build="always")
    back = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(back.id)
    assert (await platform.view(back.id)).status == "ready"
    assert len(clouds.cloud.apps.builds) == 2
    row = await platform.row(back.id)
    assert row.artifact_key == f"dpl_{first.id}"


async def test_what_a_build_has_noted_is_there_for_the_next_worker(clouds: Clouds) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    waiting = await platform.deploy(project, provider="cloud")
    clouds.cloud.apps.at["build"] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(waiting.id)
    await platform.expire_lease(waiting.id)
    await platform.runner.run(waiting.id)
    assert clouds.cloud.apps.noted == [{}, {"intent": str(waiting.id)}]


async def test_database_elsewhere_has_a_password_that_was_kept_first(clouds: Clouds) -> None:
    platform, apps = clouds.platform, clouds.cloud.apps
    await clouds.connect()
    project = await platform.project(WITH_DATABASE)
    wish = {"database": {"provider": "cloud", "plan": "free"}}
    waiting = await platform.deploy(project, provider="cloud", configuration=wish)
    apps.at["ensure_database"] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(waiting.id)
    await platform.expire_lease(waiting.id)
    async with answering(platform):
        apps.check_urls = platform.provider.check_urls
        await platform.runner.run(waiting.id)
    view = await platform.view(waiting.id)
    assert view.status == "ready", view.error
    assert len(apps.passwords) == 2
    assert len(set(apps.passwords)) == 1
    row = await clouds.database()
    assert apps.noted[:2] == [{}, {"intent": str(row.id)}]
    assert apps.passwords[0] not in (row.encrypted_password or "")
    assert await open_url(platform.resources, row) == DATABASE_URL
    given = apps.builds[-1].run_environment
    assert given.items() >= {"DATABASE_URL": DATABASE_URL, **DATABASE_VARIABLES}.items()
    assert DATABASE_VARIABLES["CLOUD_KEY"] not in (row.encrypted_variables or "")
    context = await platform.context(await platform.deploy(project, build="always"))
    assert DATABASE_VARIABLES["CLOUD_KEY"] in context.variables.secrets


async def test_app_elsewhere_gets_no_database_of_this_machine(clouds: Clouds) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project(WITH_DATABASE)
    view = await platform.deployed(project, provider="cloud")
    assert view.error is not None
    assert view.error.code == "database_out_of_reach"
    assert clouds.cloud.apps.builds == []


@pytest.mark.parametrize("connected", [True, False])
async def test_deleted_project_is_removed_there_while_its_account_is_connected(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch, *, connected: bool
) -> None:
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.1)
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    await platform.deployed(project, provider="cloud")
    number = (await platform.environment(project)).number
    if not connected:
        await clouds.disconnect()
    await projects.delete_project(platform.resources, platform.principal, project.id)
    await remove_deleted(platform.engine)
    await remove_deleted(platform.engine)
    assert clouds.cloud.apps.destroyed == ([number] if connected else [])
    with pytest.raises(NotFound):
        await projects.get_project(platform.resources, platform.principal, project.id)


async def test_leftover_of_a_failed_move_is_retired_there(clouds: Clouds) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    first = await platform.deployed(project)
    clouds.cloud.apps.at["promote"] = fail_with(BuildFailed("no"))
    await platform.deployed(project, provider="cloud", build="always")
    await retire_leftovers(platform.engine)
    assert clouds.cloud.apps.releases() == set()
    assert platform.provider.releases() == {str(first.id)}


async def test_build_of_a_dead_worker_is_cancelled_there_with_its_deployment(
    clouds: Clouds,
) -> None:
    platform = clouds.platform
    await clouds.connect()
    created = await platform.deploy(await platform.project(), provider="cloud")
    clouds.cloud.apps.at["build"] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(created.id)
    await deployments.cancel_deployment(platform.resources, platform.principal, created.id)
    await platform.expire_lease(created.id)
    await platform.runner.run(created.id)
    assert (await platform.view(created.id)).status == "cancelled"
    assert clouds.cloud.apps.calls["retire"] == 1


async def test_token_is_checked_before_it_is_kept(clouds: Clouds) -> None:
    with pytest.raises(InvalidInput) as refused:
        await clouds.connect("wrong")
    assert refused.value.field == "token"
    clouds.cloud.accounts["few"] = TokenAccount("2", "bob", (), ("deployments:write",))
    with pytest.raises(InvalidInput, match="deployments:write"):
        await clouds.connect("few")


async def test_of_several_teams_one_is_named(clouds: Clouds) -> None:
    owners = (Owner("team_1", "One"), Owner("team_2", "Two"))
    clouds.cloud.accounts["both"] = TokenAccount("3", "eve", owners)
    for owner in (None, "team_3"):
        with pytest.raises(InvalidInput) as refused:
            await clouds.connect("both", owner)
        assert refused.value.field == "ownerId"
        assert "team_2 (Two)" in (refused.value.remedy or "")
    view = await clouds.connect("both", "team_2")
    assert view.owner is not None
    assert (view.account_name, view.owner.id) == ("eve", "team_2")


async def test_nobody_connects_an_account_for_somebody_else(clouds: Clouds) -> None:
    platform = clouds.platform
    other = await principal(platform.resources)
    with pytest.raises(NotFound):
        await connect_by_token(
            platform.resources,
            platform.principal,
            other.user_id,
            "cloud",
            ProviderTokenInput(token=CLOUD_TOKEN),
            providers=platform.engine.providers,
        )


async def test_refused_credential_ends_the_deployment_and_marks_the_connection(
    clouds: Clouds,
) -> None:
    platform = clouds.platform
    await clouds.connect()
    await look_after_connections(platform.resources, platform.engine.providers)
    project = await platform.project()
    clouds.cloud.accounts.clear()
    clouds.cloud.apps.at["build"] = fail_with(CredentialRefused("A cloud does not accept it."))
    view = await platform.deployed(project, provider="cloud")
    assert view.error is not None
    assert view.error.code == "provider_credential_refused"
    await look_after_connections(platform.resources, platform.engine.providers)
    page = await list_connections(
        platform.resources, platform.principal, platform.principal.user_id
    )
    assert [each.status for each in page.items] == ["failed"]


async def test_account_that_is_connected_again_goes_on_with_what_was_its(clouds: Clouds) -> None:
    platform = clouds.platform
    await clouds.connect()
    project = await platform.project()
    await platform.deployed(project, provider="cloud")
    before = (await platform.environment(project)).connection_id
    clouds.cloud.accounts["t0ken-anew"] = clouds.cloud.accounts.pop(CLOUD_TOKEN)
    await clouds.connect("t0ken-anew")
    assert (await platform.environment(project)).connection_id == before is not None
    clouds.cloud.acted_for.clear()
    await platform.deployed(project, build="always")
    assert {each.token for each in clouds.cloud.acted_for} == {"t0ken-anew"}


async def test_account_that_something_acts_by_is_named_before_it_is_removed(
    clouds: Clouds,
) -> None:
    platform = clouds.platform
    await clouds.connect()

    async def disconnect(*, force: bool = False) -> Disconnected:
        return await connection_use.disconnect(
            platform.resources,
            IdentityProviders([], public_url="https://autodeploy.test"),
            platform.principal,
            platform.principal.user_id,
            "cloud",
            force=force,
        )

    project = await platform.project(WITH_DATABASE)
    wish = {"database": {"provider": "cloud", "plan": "free"}}
    async with answering(platform):
        clouds.cloud.apps.check_urls = platform.provider.check_urls
        await platform.deployed(project, provider="cloud", configuration=wish)
    with pytest.raises(connection_use.ConnectionInUse) as refused:
        await disconnect()
    assert refused.value.message == (
        "The connection to cloud is used by production of shop; "
        "the database main of shop, production."
    )
    assert (await platform.environment(project)).connection_id is not None
    gone = await disconnect(force=True)
    assert gone.revoked_at_provider is None, "the token is somebody's own"
    assert "settings at cloud" in (gone.remedy or "")
    assert (await platform.environment(project)).connection_id is None
    await clouds.connect()
    assert (await disconnect()).provider == "cloud", "nothing acts by this one"


async def test_account_that_something_acts_by_is_not_replaced_unasked(clouds: Clouds) -> None:
    platform, accounts = clouds.platform, clouds.cloud.accounts
    await clouds.connect()
    project = await platform.project()
    await platform.deployed(project, provider="cloud")
    before = (await platform.environment(project)).connection_id
    accounts["of-eve"] = TokenAccount("2", "eve", (Owner("team_1", "Ada's team"),))
    accounts["of-team-2"] = TokenAccount("1", "ada", (Owner("team_2", "Another team"),))
    for other in ("of-eve", "of-team-2"):
        with pytest.raises(connection_use.ConnectionInUse, match="used by production of shop"):
            await clouds.connect(other, guard=connection_use.guard_for(force=False))
    assert (await platform.environment(project)).connection_id == before is not None
    view = await platform.deployed(project, build="always")
    assert view.status == "ready"
    accounts["anew"] = accounts.pop(CLOUD_TOKEN)
    await clouds.connect("anew", guard=connection_use.guard_for(force=False))
    assert (await platform.environment(project)).connection_id == before
    await clouds.connect("of-eve", guard=connection_use.guard_for(force=True))
    assert (await platform.environment(project)).connection_id is None


async def test_account_whose_connections_something_acts_by_is_not_deleted(clouds: Clouds) -> None:
    platform, resources = clouds.platform, clouds.platform.resources
    await clouds.connect()
    ada = platform.principal
    await platform.deployed(await platform.project(), provider="cloud")
    preview = await closing.preview_deletion(resources, ada, ada.user_id)
    assert not preview.possible
    assert any("cloud is used by production of shop" in each for each in preview.obstacles)
