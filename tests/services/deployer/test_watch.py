"""New releases are watched, and bad ones are taken back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unavailable
from autodeploy.providers.base import Traffic
from autodeploy.services.auth.models import AuditEntry
from autodeploy.services.deployer import history
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.upkeep import Upkeep
from autodeploy.services.deployer.watch import Watch

from .platform import STATIC, Platform
from .provider import fail_with

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def project(platform: Platform) -> ProjectView:
    return await platform.project()


@pytest.fixture
async def good(platform: Platform, project: ProjectView) -> DeploymentView:
    return await platform.deployed(project)


@pytest.fixture
async def new(platform: Platform, project: ProjectView, good: DeploymentView) -> DeploymentView:
    """The release that is watched: its build is another than that of the one before."""
    return await platform.deployed(project, build="always")


@pytest.fixture
def watch(platform: Platform) -> Watch:
    return Watch(platform.engine)


async def _see(platform: Platform, watch: Watch, *counts: Traffic) -> None:
    for platform.provider.counted in counts:
        await watch.take_back()


async def _deployments(platform: Platform, project: ProjectView) -> list[DeploymentView]:
    page = await history.list_deployments(
        platform.resources, platform.principal, project.id, limit=100
    )
    return page.items


async def _log_of(platform: Platform, deployment: DeploymentView) -> str:
    page = await history.list_logs(
        platform.resources, platform.principal, deployment.id, after=0, limit=1000
    )
    return "\n".join(f"{line.level}: {line.message}" for line in page.items)


async def test_release_whose_answers_are_errors_is_taken_back(
    platform: Platform, project: ProjectView, good: DeploymentView, new: DeploymentView,
    watch: Watch,
) -> None:  # fmt: skip
    await _see(platform, watch, Traffic(1000, 0), Traffic(1019, 10), Traffic(1022, 11))
    back = (await _deployments(platform, project))[0]
    assert (back.kind, back.source_deployment_id) == ("rollback", good.id)
    assert back.reason == "release_failing"
    assert "error: 11 of its 22 answers are server errors" in await _log_of(platform, new)
    await platform.runner.run(back.id)
    assert (await platform.environment(project)).live_deployment_id == back.id
    assert (await platform.view(new.id)).rolled_back_at is not None
    async with platform.resources.db.transaction() as session:
        by = await session.scalars(
            select(AuditEntry.actor).where(AuditEntry.object_id == str(back.id))
        )
        assert list(by) == ["system"]

    # What was brought back is not watched: two bad releases would take turns.
    await _see(platform, watch, Traffic(0, 0), Traffic(100, 100))
    assert (await _deployments(platform, project))[0].id == back.id


async def test_release_that_does_not_stay_up_is_taken_back(
    platform: Platform, project: ProjectView, good: DeploymentView, new: DeploymentView,
    watch: Watch,
) -> None:  # fmt: skip
    platform.provider.state = "crashed"
    await Upkeep(platform.engine).keep_live()
    await watch.take_back()
    back = (await _deployments(platform, project))[0]
    assert (back.kind, back.reason) == ("rollback", "release_crashed")
    assert "It does not stay up" in await _log_of(platform, new)


@pytest.mark.parametrize(
    "counts",
    [
        (Traffic(0, 0), Traffic(19, 19)),
        (Traffic(0, 0), Traffic(100, 49)),
        (Traffic(500, 400), Traffic(530, 410)),
        (Traffic(500, 0), Traffic(19, 19)),
        (Traffic(5, 5), Traffic(10, 5), Traffic(24, 0), Traffic(30, 0)),
    ],
    ids=[
        "too few answers",
        "most are well",
        "errors of before",
        "counts that began anew",
        "counts that began anew and are more",
    ],
)
async def test_release_that_is_well_or_hardly_asked_stays(
    platform: Platform, project: ProjectView, new: DeploymentView, watch: Watch,
    counts: tuple[Traffic, ...],
) -> None:  # fmt: skip
    await _see(platform, watch, *counts)
    assert (await _deployments(platform, project))[0].id == new.id


async def test_watch_ends_with_its_window_and_begins_only_where_it_is_wanted(
    platform: Platform, project: ProjectView, good: DeploymentView, new: DeploymentView
) -> None:
    await platform.set(good.id, promoted_at=now() - 9 * MINUTE)
    failing = (Traffic(0, 0), Traffic(100, 100))
    await _see(platform, Watch(replace(platform.engine, watch_seconds=0)), *failing)
    await platform.set(new.id, promoted_at=now() - 6 * MINUTE)
    await _see(platform, Watch(platform.engine), *failing)
    assert (await _deployments(platform, project))[0].id == new.id

    await platform.set(new.id, promoted_at=now() - MINUTE / 2)
    await _see(platform, Watch(platform.engine), *failing)
    assert (await _deployments(platform, project))[0].kind == "rollback"


async def test_owner_says_how_long_a_release_is_watched(platform: Platform) -> None:
    failing = (Traffic(0, 0), Traffic(100, 100))
    project = await platform.project({**STATIC, "autodeploy.toml": "[health_check]\nwatch = 0"})
    good = await platform.deployed(project)
    never = await platform.deployed(project, build="always")
    await _see(platform, Watch(platform.engine), *failing)
    assert (await _deployments(platform, project))[0].id == never.id

    said = {**STATIC, "autodeploy.toml": "[health_check]\nwatch = 600"}
    assert project.repository is not None
    await platform.upload(said, project.repository.id)
    long = await platform.deployed(project, build="always")
    for each, age in ((good, 12), (never, 11), (long, 9)):
        await platform.set(each.id, promoted_at=now() - age * MINUTE)
    await _see(platform, Watch(platform.engine), *failing)
    assert (await _deployments(platform, project))[0].kind == "rollback"


async def test_first_release_stays_and_that_is_said_once(
    platform: Platform, project: ProjectView, good: DeploymentView, watch: Watch
) -> None:
    await _see(platform, watch, Traffic(0, 0), Traffic(50, 50), Traffic(90, 90))
    assert [each.id for each in await _deployments(platform, project)] == [good.id]
    log = await _log_of(platform, good)
    assert log.count("it stays live: there is no release before it") == 1


async def test_release_after_a_one_way_migration_stays(
    platform: Platform, project: ProjectView, good: DeploymentView, watch: Watch
) -> None:
    new = await platform.deployed(project, configuration={"oneWayMigration": "drops a column"})
    await _see(platform, watch, Traffic(0, 0), Traffic(50, 50))
    assert (await _deployments(platform, project))[0].id == new.id
    assert "for good (drops a column)" in await _log_of(platform, new)


async def test_release_that_is_about_to_be_replaced_is_left_alone(
    platform: Platform, project: ProjectView, new: DeploymentView, watch: Watch
) -> None:
    waiting = await platform.deploy(project)
    await _see(platform, watch, Traffic(0, 0), Traffic(50, 50))
    assert (await _deployments(platform, project))[0].id == waiting.id


async def test_two_watches_at_once_bring_one_release_back(
    platform: Platform, project: ProjectView, good: DeploymentView, new: DeploymentView
) -> None:
    watches = [Watch(platform.engine) for _ in range(4)]
    await asyncio.gather(*(each.take_back() for each in watches))
    platform.provider.counted = Traffic(50, 50)
    await asyncio.gather(*(each.take_back() for each in watches))
    async with platform.resources.db.transaction() as session:
        kinds = list(await session.scalars(select(Deployment.kind)))
    assert sorted(kinds) == ["deploy", "deploy", "rollback"]


async def test_release_whose_provider_is_away_is_watched_on(
    platform: Platform, project: ProjectView, new: DeploymentView, watch: Watch
) -> None:
    platform.provider.at["measure_traffic"] = fail_with(Unavailable("away"))
    await watch.take_back()
    del platform.provider.at["measure_traffic"]
    await _see(platform, watch, Traffic(0, 0), Traffic(50, 50))
    assert (await _deployments(platform, project))[0].kind == "rollback"
