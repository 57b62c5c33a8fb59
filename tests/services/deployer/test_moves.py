"""An app that has moved to another provider works there alone, and its project takes all along."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, text, update
from tests.services.deployer.internet import Internet, open_internet
from tests.services.deployer.office import Office, open_office
from tests.services.deployer.platform import WITH_DATABASE, Platform, answering, eventually
from tests.services.deployer.provider import Crash, crash_once, fail_with

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.http.errors import CredentialRefused, ProviderUnavailable
from autodeploy.kernel.questions import Question
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.identity import IdentityProviders
from autodeploy.providers.local.errors import BuildFailed
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.oauth_schemas import Disconnected
from autodeploy.services.deployer import connection_use, deployments, environments, projects
from autodeploy.services.deployer.costs import get_costs
from autodeploy.services.deployer.kept import remove_kept
from autodeploy.services.deployer.leftovers import has_leftovers, retire_leftovers
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.usage import get_usage


@pytest.fixture
async def office(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.1)
    async with open_office(platform) as office:
        yield office


async def test_an_app_that_moves_away_stops_there_and_is_kept(office: Office) -> None:
    await office.deploy("cloud")
    assert office.cloud.calls["leave"] == 0
    await office.deploy("elsewhere")
    assert (office.cloud.calls["leave"], office.cloud.destroyed) == (1, [])
    await office.deploy("elsewhere")
    await retire_leftovers(office.platform.engine)
    assert (office.cloud.calls["leave"], office.elsewhere.calls["leave"]) == (1, 0)
    await office.deploy("cloud")
    assert (office.cloud.calls["leave"], office.elsewhere.calls["leave"]) == (1, 1)


@pytest.mark.parametrize("trouble", ["away", "slow"])
async def test_what_a_provider_does_not_stop_now_is_stopped_later(
    office: Office, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    if trouble == "slow":
        monkeypatch.setattr("autodeploy.services.deployer.leftovers.LEAVE_TIMEOUT_SECONDS", 0.05)
        office.cloud.at["leave"] = asyncio.Event().wait
    else:
        office.cloud.at["leave"] = fail_with(ProviderUnavailable("It is away."))
    await office.deploy("cloud")
    await office.deploy("local")
    office.cloud.at.clear()
    for _ in range(2):
        await retire_leftovers(office.platform.engine)
    assert office.cloud.calls["leave"] == 2


async def test_an_app_whose_account_is_gone_is_left_to_its_owner(office: Office) -> None:
    platform = office.platform
    office.cloud.at["leave"] = fail_with(ProviderUnavailable("It is away."))
    await office.deploy("cloud")
    await office.deploy("local")
    async with platform.resources.db.transaction() as session:
        await session.execute(
            delete(ProviderIntegration).where(ProviderIntegration.provider == "cloud")
        )
    left = Question(has_leftovers())
    assert await left.holds(platform.resources.db)
    await retire_leftovers(platform.engine)
    assert not await left.holds(platform.resources.db)


async def test_an_account_at_which_an_app_is_to_stop_yet_is_in_use(office: Office) -> None:
    platform = office.platform
    office.cloud.at["leave"] = fail_with(ProviderUnavailable("It is away."))
    await office.deploy("cloud")
    await office.deploy("local")

    async def disconnect() -> Disconnected:
        nobody = IdentityProviders([], public_url="https://autodeploy.test")
        return await connection_use.disconnect(
            platform.resources, nobody, platform.principal, platform.principal.user_id, "cloud",
            force=False,
        )  # fmt: skip

    with pytest.raises(connection_use.ConnectionInUse, match="production of shop"):
        await disconnect()
    office.cloud.at.clear()
    await retire_leftovers(platform.engine)
    with pytest.raises(connection_use.ConnectionInUse, match="production of shop"):
        await disconnect()  # the app is kept there, and is charged
    await remove_kept(
        platform.resources, platform.principal, office.project.id, "production", "cloud",
        providers=platform.engine.providers,
    )  # fmt: skip
    await retire_leftovers(platform.engine)
    assert (await disconnect()).provider == "cloud"


async def test_an_app_that_cannot_be_stopped_keeps_no_other_from_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodeploy.services.deployer.leftovers._AT_ONCE", 1)
    platform = office.platform
    for cloud in (office.cloud, office.elsewhere):
        cloud.at["leave"] = fail_with(ProviderUnavailable("It is away."))
    await office.deploy("cloud")
    await office.deploy("local")
    await office.deploy("elsewhere")
    await office.deploy("local")
    for cloud in (office.cloud, office.elsewhere):
        cloud.calls.clear()

    async def are_both_asked() -> bool:
        await retire_leftovers(platform.engine)
        return office.cloud.calls["leave"] > 0 < office.elsewhere.calls["leave"]

    await eventually(are_both_asked)


async def _remove_kept(office: Office, provider: str = "cloud") -> None:
    platform = office.platform
    await remove_kept(
        platform.resources, platform.principal, office.project.id, "production", provider,
        providers=platform.engine.providers,
    )  # fmt: skip


async def _costs(office: Office) -> list[tuple[str, bool]]:
    platform = office.platform
    view = await get_costs(
        platform.resources, platform.principal, office.project.id,
        providers=platform.engine.providers,
    )  # fmt: skip
    return [(each.provider, each.kept) for each in view.items]


async def test_what_is_kept_is_said_charged_and_removed_when_asked(office: Office) -> None:
    platform, cloud = office.platform, office.cloud
    await office.deploy("cloud")
    with pytest.raises(Conflict):
        await _remove_kept(office)
    moved = await platform.deployed(office.project, provider="local", build="always")
    said = [each for each in await platform.messages(moved.id) if "remove-kept" in each]
    assert len(said) == 1 and "A cloud keeps the app" in said[0] and "charges" in said[0]
    assert await _costs(office) == [("local", False), ("cloud", True)]
    usage = await get_usage(
        platform.resources, platform.principal, office.project.id,
        providers=platform.engine.providers,
    )  # fmt: skip
    assert [(each.provider, each.kept) for each in usage.items] == [
        ("local", False), ("cloud", True),
    ]  # fmt: skip
    assert cloud.calls["app_charges"] == 1

    cloud.at["destroy"] = fail_with(ProviderUnavailable("It is away."))
    await _remove_kept(office)
    assert await _costs(office) == [("local", False)]
    await retire_leftovers(platform.engine)
    cloud.at.clear()
    for _ in range(2):
        await retire_leftovers(platform.engine)
    number = (await platform.environment(office.project)).number
    assert cloud.destroyed[-1] == number and cloud.calls["leave"] == 1
    assert not await Question(has_leftovers()).holds(platform.resources.db)
    with pytest.raises(Conflict):
        await _remove_kept(office)
    await office.deploy("cloud")
    await office.deploy("local")
    assert await _costs(office) == [("local", False), ("cloud", True)]


async def test_what_a_failed_move_made_is_removed_where_nothing_was_ever_live(
    office: Office,
) -> None:
    platform, cloud = office.platform, office.cloud
    await office.deploy("local")
    cloud.at["promote"] = fail_with(BuildFailed("no"))
    view = await platform.deployed(office.project, provider="cloud", build="always")
    assert view.status == "error"
    number = (await platform.environment(office.project)).number
    assert (cloud.destroyed, cloud.calls["leave"]) == ([number], 0)
    assert await _costs(office) == [("local", False)]


async def test_a_worker_that_dies_while_an_app_leaves_is_taken_over(office: Office) -> None:
    await office.deploy("cloud")
    office.cloud.at["leave"] = crash_once()
    with pytest.raises(Crash):
        await office.deploy("local")
    await retire_leftovers(office.platform.engine)
    await retire_leftovers(office.platform.engine)
    assert office.cloud.calls["leave"] == 2


@pytest.mark.parametrize("ends", ["cancelled", "failed", "ready"])
async def test_what_a_deployment_back_has_started_is_not_stopped_before_it_has_ended(
    office: Office, ends: str
) -> None:
    """Whatever it comes to: then it is the one that answers for what is there."""
    platform, cloud = office.platform, office.cloud
    await office.deploy("cloud")
    cloud.at["leave"] = fail_with(ProviderUnavailable("It is away."))
    await office.deploy("local")
    cloud.at.clear()
    cloud.calls.clear()
    back = await platform.deploy(office.project, provider="cloud")
    for _ in range(2):
        await retire_leftovers(platform.engine)
    assert (cloud.calls["leave"], cloud.calls["retire"]) == (0, 1)
    if ends == "cancelled":
        await deployments.cancel_deployment(platform.resources, platform.principal, back.id)
    elif ends == "failed":
        cloud.at["promote"] = fail_with(BuildFailed("no"))
    await platform.runner.run(back.id)
    assert (await platform.view(back.id)).status == {"failed": "error"}.get(ends, ends)
    for _ in range(2):
        await retire_leftovers(platform.engine)
    assert cloud.calls["leave"] == (0 if ends == "ready" else 1)


@pytest.mark.parametrize("step", ["build", "promote"])
async def test_an_app_that_failed_at_one_provider_and_is_live_at_another_is_removed_there(
    office: Office, step: str
) -> None:
    office.cloud.at[step] = fail_with(BuildFailed("no"))
    view = await office.platform.deployed(office.project, provider="cloud", build="always")
    assert (view.status, office.cloud.calls["leave"]) == ("error", 0)
    office.cloud.at.clear()
    for _ in range(2):
        await office.deploy("local")
    assert (office.cloud.calls["destroy"], office.elsewhere.calls["destroy"]) == (1, 0)


async def test_a_move_that_fails_leaves_alone_what_is_live_at_another_provider(
    office: Office,
) -> None:
    await office.deploy("cloud")
    promoted = office.cloud.calls["promote"]
    office.cloud.at["promote"] = fail_with(ProviderUnavailable("It is away."))
    office.elsewhere.at["promote"] = fail_with(BuildFailed("no"))
    view = await office.platform.deployed(office.project, provider="elsewhere", build="always")
    assert (view.status, office.cloud.calls["promote"]) == ("error", promoted)
    environment = await office.platform.environment(office.project)
    assert environment.provider == "cloud"
    assert not environment.runtime or environment.runtime["state"] != "replaced"


async def test_what_came_to_be_live_while_a_leftover_was_retired_is_seen(office: Office) -> None:
    platform = office.platform
    office.cloud.at["promote"] = fail_with(BuildFailed("no"))

    async def live_elsewhere() -> None:
        office.cloud.at["retire"] = fail_with(ProviderUnavailable("It is away."))
        await office.deploy("local")
        office.cloud.at.pop("retire")

    office.cloud.at["retire"] = live_elsewhere
    await platform.deployed(office.project, provider="cloud", build="always")
    for _ in range(2):
        await retire_leftovers(platform.engine)
    assert office.cloud.destroyed


async def test_what_is_kept_by_an_account_that_is_gone_is_said_to_be_out_of_reach(
    office: Office,
) -> None:
    platform = office.platform
    await office.deploy("cloud")
    await office.deploy("local")
    async with platform.resources.db.transaction() as session:
        await session.execute(update(Deployment).values(connection_id=None))
    with pytest.raises(AccountMissing, match="not connected any more"):
        await remove_kept(
            platform.resources, platform.principal, office.project.id, "production", "cloud",
            providers=platform.engine.providers,
        )  # fmt: skip


async def test_no_deployment_begins_while_the_app_is_stopped(office: Office) -> None:
    platform, told = office.platform, list[str]()
    begun: list[asyncio.Task[None]] = []

    async def begin() -> None:
        await platform.deploy(office.project, provider="cloud")
        told.append("begun")

    async def is_waiting() -> bool:
        async with platform.resources.db.transaction() as session:
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(await session.scalar(waits))

    async def leave() -> None:
        begun.append(asyncio.create_task(begin()))
        await eventually(is_waiting)
        told.append("left")

    await office.deploy("cloud")
    office.cloud.at["leave"] = leave
    await office.deploy("local")
    await begun[0]
    assert told == ["left", "begun"]


async def test_a_project_is_removed_wherever_it_was_deployed_to(office: Office) -> None:
    """Also where it never came to be live."""
    platform = office.platform
    await office.deploy("local")
    await office.deploy("cloud")
    office.elsewhere.at["promote"] = fail_with(BuildFailed("no"))
    await platform.deployed(office.project, provider="elsewhere", build="always")
    assert await _artifacts(platform) != []
    number = (await platform.environment(office.project)).number
    await _delete(office)
    assert set(office.cloud.destroyed) == set(office.elsewhere.destroyed) == {number}
    assert await _artifacts(platform) == []
    with pytest.raises(NotFound):
        await projects.get_project(platform.resources, platform.principal, office.project.id)


async def test_an_environment_is_removed_wherever_it_was_deployed_to(office: Office) -> None:
    platform, project = office.platform, office.project
    for provider in ("cloud", "elsewhere", "local"):
        view = await platform.deployed(project, provider=provider, environment="staging")
        assert view.status == "ready", view.error
    await office.deploy("cloud")
    rows = await platform.environments(project)
    [number] = [each.number for each in rows if each.name == "staging"]
    await _delete(office, "staging")
    assert office.cloud.destroyed == office.elsewhere.destroyed == [number]
    assert platform.provider.traffic(number) is None
    assert [each.name for each in await platform.environments(project)] == ["production"]


async def test_what_is_at_an_account_that_is_not_connected_any_more_is_its_owners(
    office: Office,
) -> None:
    platform = office.platform
    await office.deploy("cloud")
    await office.deploy("elsewhere")
    async with platform.resources.db.transaction() as session:
        await session.execute(
            delete(ProviderIntegration).where(ProviderIntegration.provider == "cloud")
        )
    await _delete(office)
    assert (office.cloud.destroyed, len(office.elsewhere.destroyed)) == ([], 1)
    with pytest.raises(NotFound):
        await projects.get_project(platform.resources, platform.principal, office.project.id)


async def test_what_is_live_goes_though_a_former_account_is_refused(office: Office) -> None:
    platform = office.platform
    await office.deploy("cloud")
    assert office.project.repository is not None
    await platform.upload(WITH_DATABASE, office.project.repository.id)
    async with answering(platform):
        await office.deploy("local")
    assert len(platform.provider.databases()) == 1
    office.cloud.at["destroy"] = fail_with(CredentialRefused("It is not accepted."))
    await _delete(office)
    assert platform.provider.releases() == platform.provider.databases() == set()
    assert len(await platform.environments(office.project)) == 1, "it is tried again"
    office.cloud.at.clear()
    await remove_deleted(platform.engine)
    assert await platform.environments(office.project) == []


async def _delete(office: Office, environment: str | None = None) -> None:
    platform = office.platform
    given = platform.resources, platform.principal, office.project.id
    if environment is None:
        await projects.delete_project(*given)
    else:
        await environments.delete_environment(
            *given, environment, confirm=environment, backup=True,
            providers=platform.engine.providers,
        )  # fmt: skip
    for _ in range(2):
        await remove_deleted(platform.engine)


async def _artifacts(platform: Platform) -> list[str]:
    return [each.key async for each in platform.resources.objects.list("artifacts")]


@pytest.fixture
async def internet(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    async with open_internet(platform, monkeypatch) as internet:
        yield internet


async def test_workers_and_crons_of_an_app_at_render_work_in_one_place_alone(
    internet: Internet,
) -> None:
    first, app = await internet.deployed("render"), internet.render.service
    commit = internet.render.heads["main"]
    await internet.deployed("local")
    assert [each.suspended for each in internet.beside] == [True, True]
    assert internet.runs(app) == [commit], "a rollback goes back to it"
    environment = await internet.platform.environment(internet.project)
    assert (environment.provider, (environment.runtime or {})["state"]) == ("local", "running")

    newer = internet.push("newer")
    await internet.deployed("render")
    assert [internet.runs(each) for each in (app, *internet.beside)] == [[newer]] * 3
    assert [each.suspended for each in internet.beside] == [False, False]
    assert internet.platform.provider.releases() == set()

    await internet.deployed("local")
    platform = internet.platform
    back = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(back.id)
    assert (await platform.view(back.id)).status == "ready"
    assert [internet.runs(each) for each in (app, *internet.beside)] == [[commit]] * 3


async def test_a_move_back_that_fails_leaves_nothing_at_work_at_render(internet: Internet) -> None:
    await internet.deployed("render")
    await internet.deployed("local")
    internet.push("newer")
    internet.render.outcomes = ["live", "live", "build_failed"]  # of the app, mail and tidy
    view = await internet.platform.deployed(internet.project, provider="render", build="always")
    assert view.status == "error"
    assert "cron tidy was not released" in ((view.error and view.error.message) or "")
    assert [each.suspended for each in internet.beside] == [True, True]
    assert (await internet.platform.environment(internet.project)).provider == "local"


async def test_what_works_at_render_though_its_app_never_came_to_be_live_is_removed_too(
    internet: Internet,
) -> None:
    internet.render.outcomes = ["live"] * 4 + ["build_failed"]  # the cron's own
    view = await internet.platform.deployed(internet.project, provider="render", build="always")
    assert view.status == "error"
    assert internet.runs(internet.beside[0]) == [internet.render.heads["main"]]
    await internet.deployed("local")
    await retire_leftovers(internet.platform.engine)
    assert internet.render.services == {}


async def test_a_first_move_that_fails_leaves_nothing_at_render(internet: Internet) -> None:
    await internet.deployed("local")
    internet.render.outcomes = ["build_failed"] * 8
    view = await internet.platform.deployed(internet.project, provider="render", build="always")
    assert view.status == "error"
    await retire_leftovers(internet.platform.engine)
    assert internet.render.services == {}


async def test_what_is_kept_at_render_is_removed_when_asked(internet: Internet) -> None:
    platform, project = internet.platform, internet.project
    await internet.deployed("render")
    await internet.deployed("local")
    await remove_kept(
        platform.resources, platform.principal, project.id, "production", "render",
        providers=platform.engine.providers,
    )  # fmt: skip
    await retire_leftovers(platform.engine)
    assert internet.render.services == {}
    await internet.deployed("render")


async def test_what_was_left_at_render_goes_with_the_project(internet: Internet) -> None:
    await internet.deployed("render")
    await internet.deployed("local")
    await projects.delete_project(
        internet.platform.resources, internet.platform.principal, internet.project.id
    )
    for _ in range(2):
        await remove_deleted(internet.platform.engine)
    assert internet.render.services == {}


async def test_an_app_that_becomes_an_image_at_render_and_is_brought_back_is_one_service(
    internet: Internet,
) -> None:
    platform, render = internet.platform, internet.render
    first = await internet.deployed("render")
    files = {"composer.json": b"{}", "index.php": b"<?php", "Dockerfile": b"FROM php\nEXPOSE 80"}
    render.heads["main"] = pushed = internet.repo.push(files, message="PHP")
    await internet.deployed("render")
    service = render.service
    assert service.sent["serviceDetails"]["runtime"] == "docker"
    assert service.variables["PORT"] == "80"
    assert internet.runs(service) == [pushed]
    assert [each for each in render.services.values() if render.is_beside(each)] == []
    back = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(back.id)
    view = await platform.view(back.id)
    assert view.status == "ready", view.error
    assert render.service is service
    assert service.sent["serviceDetails"]["runtime"] == "node"
    assert "PORT" not in service.variables
    assert internet.runs(service) == [first.commit]
