"""What is held at a provider: for whom, what it is there for, and what is nobody's."""

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import Crash, crash_once, fail_with

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import DeploymentFailed, NotFound, Unavailable
from autodeploy.kernel.pagination import MAXIMUM_LIMIT
from autodeploy.services.deployer import deployments, projects
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.holdings import service
from autodeploy.services.deployer.holdings.models import Orphan
from autodeploy.services.deployer.holdings.orphans import find_orphans, remove_orphans
from autodeploy.services.deployer.holdings.schemas import HeldKind, HeldState
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectView

WITH_DATABASE = {"database": {"provider": "local"}}


async def _held(platform: Platform, **wanted: Any) -> list[tuple[str, str, str | None]]:
    """Kind, state and external id of what is held, sorted."""
    wanted = {"project_id": None, "kind": None, "state": None, **wanted}
    page = await service.list_held(
        platform.resources, platform.principal, limit=MAXIMUM_LIMIT, cursor=None, **wanted
    )
    return sorted((each.kind, each.state, each.external_id) for each in page.items)


async def _orphans(platform: Platform) -> list[Orphan]:
    async with platform.resources.db.transaction() as session:
        return list(await session.scalars(select(Orphan).order_by(Orphan.external_id)))


def _age(platform: Platform) -> None:
    """As if all that is there had been made two hours ago."""
    then = (now() - timedelta(hours=2)).timestamp()
    for place in ("objects", "machine"):
        for path in (platform.resources.home / place).rglob("*"):
            os.utime(path, (then, then))


async def _ask_for_removal(platform: Platform) -> None:
    async with platform.resources.db.transaction() as session:
        await session.execute(update(Orphan).values(removal_requested_at=now()))


async def _stored(platform: Platform) -> set[str]:
    return {each.key async for each in platform.resources.objects.list("artifacts")}


async def _killed(
    platform: Platform, project: ProjectView, after: str, **body: Any
) -> DeploymentView:
    """A deployment whose worker died after this effect, before it was journaled."""
    created = await platform.deploy(project, build="always", **body)
    platform.provider.after[after] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(created.id)
    return created


async def _resumed(platform: Platform, deployment: DeploymentView) -> None:
    await platform.expire_lease(deployment.id)
    await Runner(platform.make_engine("second")).run(deployment.id)


async def _lost_build(platform: Platform, project: ProjectView) -> str:
    """The key of a build that was stored, never journaled, and whose deployment is over."""
    created = await _killed(platform, project, "build")
    await deployments.cancel_deployment(platform.resources, platform.principal, created.id)
    await _resumed(platform, created)
    assert (await platform.view(created.id)).status == "cancelled"
    environment = await platform.environment(project)
    return f"artifacts/{environment.number}/{created.id}"


async def test_what_is_live_and_what_is_kept_are_told_apart(platform: Platform) -> None:
    project = await platform.project()
    before = await platform.deployed(project)
    live = await platform.deployed(project, build="always")
    keys = [(await platform.row(each.id)).artifact_key for each in (before, live)]
    assert await _held(platform) == [
        ("build", "kept", keys[0]),
        ("build", "live", keys[1]),
        ("release", "live", str(live.id)),
    ]
    [build] = (
        await service.list_held(
            platform.resources, platform.principal, project_id=project.id, kind=HeldKind.BUILD,
            state=HeldState.LIVE, limit=1, cursor=None,
        )
    ).items  # fmt: skip
    assert (build.size_bytes, build.deployment_id) == (5, live.id)
    assert (build.project.name, build.environment, build.provider) == (
        "shop", "production", "local",
    )  # fmt: skip


async def test_build_that_several_deployments_use_is_listed_once(platform: Platform) -> None:
    project = await platform.project()
    for _ in range(3):
        await platform.deployed(project)
    assert [kind for kind, _, _ in await _held(platform)] == ["build", "release"]


async def test_member_limited_to_a_project_sees_what_it_holds_alone(platform: Platform) -> None:
    mine, other = [await platform.project(name=name) for name in ("mine", "other")]
    live = await platform.deployed(mine)
    await platform.deployed(other)
    limits = {mine.organization_id: frozenset({mine.id})}
    platform.principal = replace(platform.principal, limits=limits)
    held = await _held(platform, kind=HeldKind.RELEASE)
    assert held == [("release", "live", str(live.id))]
    with pytest.raises(NotFound):
        await _held(platform, project_id=other.id)


async def test_pages_hold_everything_once(platform: Platform) -> None:
    project = await platform.project()
    for _ in range(3):
        await platform.deployed(project, configuration=WITH_DATABASE, build="always")
    seen: list[Any] = []
    cursor: str | None = None
    while True:
        page = await service.list_held(
            platform.resources, platform.principal, project_id=None, kind=None, state=None,
            limit=1, cursor=cursor,
        )  # fmt: skip
        seen += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert len({each.id for each in seen}) == len(seen) == 5
    assert [each.created_at for each in seen] == sorted(
        (each.created_at for each in seen), reverse=True
    )


async def test_release_of_a_killed_worker_is_half_made_until_it_is_adopted(
    platform: Platform,
) -> None:
    project = await platform.project()
    created = await _killed(platform, project, "deploy")
    assert ("release", "half_made", str(created.id)) in await _held(platform)
    _age(platform)
    await find_orphans(platform.engine)
    assert await _orphans(platform) == []
    await _resumed(platform, created)
    assert await _held(platform, kind=HeldKind.RELEASE) == [("release", "live", str(created.id))]
    assert platform.provider.releases() == {str(created.id)}


async def test_database_of_a_killed_worker_is_half_made_until_the_next_deployment_has_it(
    platform: Platform,
) -> None:
    project = await platform.project()
    created = await _killed(platform, project, "ensure_database", configuration=WITH_DATABASE)
    assert await _held(platform, kind=HeldKind.DATABASE) == [("database", "half_made", None)]
    _age(platform)
    await find_orphans(platform.engine)
    assert await _orphans(platform) == []
    await _resumed(platform, created)
    [(kind, state, external_id)] = await _held(platform, kind=HeldKind.DATABASE)
    assert (kind, state) == ("database", "live")
    assert platform.provider.databases() == {external_id}


async def test_database_of_a_failed_deployment_is_kept_and_used_by_the_next(
    platform: Platform,
) -> None:
    project = await platform.project()
    platform.provider.at["build"] = fail_with(DeploymentFailed("no"), times=10)
    assert (await platform.deployed(project, configuration=WITH_DATABASE)).status == "error"
    [kept] = await _held(platform)
    assert kept[:2] == ("database", "kept")
    platform.provider.at.clear()
    assert (await platform.deployed(project, configuration=WITH_DATABASE)).status == "ready"
    assert await _held(platform, kind=HeldKind.DATABASE) == [("database", "live", kept[2])]


async def test_things_of_a_deleted_project_leave_and_are_gone(platform: Platform) -> None:
    project = await platform.project()
    await platform.deployed(project, configuration=WITH_DATABASE)
    async with platform.resources.db.transaction() as session:
        await session.execute(update(projects.Project).values(deletion_requested_at=now()))
    assert {state for _, state, _ in await _held(platform)} == {"leaving"}


async def test_unjournaled_build_is_an_orphan_and_its_removal_takes_nothing_else(
    platform: Platform,
) -> None:
    project = await platform.project()
    await platform.deployed(project)
    key = await _lost_build(platform, project)
    stored = await _stored(platform)
    await find_orphans(platform.engine)
    assert await _orphans(platform) == [], "it is not an hour old"
    _age(platform)
    for _ in range(2):
        await find_orphans(platform.engine)
        [orphan] = await _orphans(platform)
        assert (orphan.kind, orphan.external_id, orphan.size_bytes) == ("build", key, 5)
    await remove_orphans(platform.engine)
    assert await _stored(platform) == stored, "nobody has asked for it"
    await _ask_for_removal(platform)
    await remove_orphans(platform.engine)
    assert await _stored(platform) == stored - {key}
    assert await _orphans(platform) == []
    assert (await platform.deployed(project)).status == "ready"


async def test_release_and_database_of_no_row_are_orphans(platform: Platform) -> None:
    project = await platform.project()
    live = await platform.deployed(project, configuration=WITH_DATABASE)
    strays = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
    (platform.provider.machine / "releases" / strays[0]).write_text('{"number": 9}')
    (platform.provider.machine / "databases" / strays[1]).write_text("{}")
    _age(platform)
    await find_orphans(platform.engine)
    assert [(each.kind, each.external_id) for each in await _orphans(platform)] == [
        ("release", strays[0]),
        ("database", strays[1]),
    ]
    await _ask_for_removal(platform)
    await remove_orphans(platform.engine)
    assert platform.provider.releases() == {str(live.id)}
    assert len(platform.provider.databases()) == 1


async def test_orphan_that_a_row_accounts_for_by_now_is_not_removed(platform: Platform) -> None:
    project = await platform.project()
    live = await platform.deployed(project)
    key = await _lost_build(platform, project)
    _age(platform)
    await find_orphans(platform.engine)
    await _ask_for_removal(platform)
    await platform.set(live.id, artifact_key=key)
    await remove_orphans(platform.engine)
    assert key in await _stored(platform)
    assert await _orphans(platform) == []


async def test_build_stays_while_a_deployment_of_its_project_may_take_it_up(
    platform: Platform,
) -> None:
    project = await platform.project()
    key = await _lost_build(platform, project)
    _age(platform)
    await find_orphans(platform.engine)
    await _ask_for_removal(platform)
    await platform.deploy(project)
    await remove_orphans(platform.engine)
    assert key in await _stored(platform)
    await find_orphans(platform.engine)
    assert await _orphans(platform) == []


async def test_removal_that_fails_or_whose_worker_dies_is_done_again(platform: Platform) -> None:
    key = await _lost_build(platform, await platform.project())
    _age(platform)
    await find_orphans(platform.engine)
    await _ask_for_removal(platform)
    platform.provider.at["remove_resource"] = fail_with(Unavailable("away"), times=1)
    await remove_orphans(platform.engine)
    assert len(await _orphans(platform)) == 1
    assert key in await _stored(platform)
    platform.provider.after["remove_resource"] = crash_once()
    with pytest.raises(Crash):
        await remove_orphans(platform.engine)
    assert key not in await _stored(platform)
    assert len(await _orphans(platform)) == 1
    await remove_orphans(platform.engine)
    assert await _orphans(platform) == []


async def test_provider_that_is_away_makes_no_orphans_and_forgets_none(platform: Platform) -> None:
    await _lost_build(platform, await platform.project())
    _age(platform)
    await find_orphans(platform.engine)
    platform.provider.at["list_resources"] = fail_with(Unavailable("away"))
    await find_orphans(platform.engine)
    assert len(await _orphans(platform)) == 1
