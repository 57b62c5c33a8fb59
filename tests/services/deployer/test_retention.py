"""Which builds stay for a rollback, and which are removed."""

import os
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.services.deployer.platform import Platform

from autodeploy.kernel.clock import now
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.errors import NotRollbackable
from autodeploy.services.deployer.retention import LATEST_RELEASES, remove_old_builds
from autodeploy.services.deployer.schemas import ProjectView

LONG_AGO = timedelta(days=40)


async def _releases(
    platform: Platform, project: ProjectView, count: int, **body: object
) -> list[DeploymentView]:
    """Releases that went live long ago, each with a build of its own."""
    made = [await platform.deployed(project, build="always", **body) for _ in range(count)]
    for age, each in enumerate(reversed(made)):
        moment = now() - LONG_AGO - timedelta(hours=age)
        await platform.set(each.id, created_at=moment, promoted_at=moment)
    return made


async def _stored(platform: Platform) -> set[str]:
    return {each.key async for each in platform.resources.objects.list("artifacts")}


async def _key(platform: Platform, deployment: DeploymentView) -> str:
    key = (await platform.row(deployment.id)).artifact_key
    assert key is not None
    return key


async def _keys(platform: Platform, made: Sequence[DeploymentView]) -> set[str]:
    return {await _key(platform, each) for each in made}


async def _age(platform: Platform) -> None:
    """As if all that is stored had been written long ago."""
    then = (now() - LONG_AGO).timestamp()
    for path in (platform.resources.home / "objects").rglob("*"):
        os.utime(path, (then, then))


async def test_builds_of_the_latest_releases_of_each_environment_stay(platform: Platform) -> None:
    project = await platform.project()
    production = await _releases(platform, project, LATEST_RELEASES + 2)
    staging = await _releases(platform, project, 1, environment="staging")
    kept = await _keys(platform, [*production[2:], *staging])
    await _age(platform)
    assert await remove_old_builds(platform.resources) == 0  # deployments only let go of them
    assert await remove_old_builds(platform.resources) == 2
    assert await _stored(platform) == kept
    with pytest.raises(NotRollbackable, match="no longer stored"):
        await deployments.roll_back(platform.resources, platform.principal, production[0].id)
    back = await deployments.roll_back(platform.resources, platform.principal, production[2].id)
    await platform.runner.run(back.id)
    assert (await platform.view(back.id)).status == "ready"


async def test_build_that_went_live_lately_is_live_or_is_used_elsewhere_stays(
    platform: Platform,
) -> None:
    project = await platform.project()
    made = await _releases(platform, project, LATEST_RELEASES + 4)
    live, lately, shared, old = made[0], made[1], made[2], made[3]
    environment = await platform.environment(project)
    async with platform.resources.db.transaction() as session:
        session.add(environment)
        environment.live_deployment_id = live.id
    await platform.set(lately.id, promoted_at=now() - timedelta(days=29))
    await platform.set(made[-1].id, artifact_key=await _key(platform, shared))
    # What went live again counts among the latest.
    kept = await _keys(platform, [live, lately, shared, *made[5:]])
    gone = await _keys(platform, [old, made[4]])
    await _age(platform)
    for _ in range(2):
        await remove_old_builds(platform.resources)
    assert await _stored(platform) & (kept | gone) == kept


async def test_build_that_no_row_names_is_removed_when_it_is_no_longer_young(
    platform: Platform,
) -> None:
    await platform.resources.objects.put_bytes("artifacts/half-made.tar.zst", b"x")
    assert await remove_old_builds(platform.resources) == 0
    await _age(platform)
    assert await remove_old_builds(platform.resources) == 1
    assert await _stored(platform) == set()
