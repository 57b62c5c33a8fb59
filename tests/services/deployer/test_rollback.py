"""Which releases can be brought back, and how that is refused."""

import pytest

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.errors import NotRollbackable

from .platform import Platform
from .provider import fail_with

REASON = "drops orders.total"


async def test_rollback_over_a_one_way_migration_is_refused_unless_forced(
    platform: Platform,
) -> None:
    project = await platform.project()
    before = await platform.deployed(project)
    one_way = await platform.deployed(project, configuration={"oneWayMigration": REASON})
    after = await platform.deployed(project, build="always")

    for later in (one_way, after):
        await deployments.roll_back(platform.resources, platform.principal, later.id)
    with pytest.raises(NotRollbackable, match=REASON) as refused:
        await deployments.roll_back(platform.resources, platform.principal, before.id)
    assert "--force" in str(refused.value.remedy)
    forced = await deployments.roll_back(
        platform.resources, platform.principal, before.id, force=True
    )
    await platform.runner.run(forced.id)
    assert (await platform.view(forced.id)).status == "ready"


async def test_one_way_migration_of_a_release_that_never_went_live_counts(
    platform: Platform,
) -> None:
    project = await platform.project()
    before = await platform.deployed(project)
    platform.provider.at["promote"] = fail_with(DeploymentFailed("no"))
    failed = await platform.deployed(project, configuration={"oneWayMigration": REASON})
    assert failed.status == "error"
    with pytest.raises(NotRollbackable, match=REASON):
        await deployments.roll_back(platform.resources, platform.principal, before.id)


async def test_one_way_migration_that_never_ran_stops_no_rollback(platform: Platform) -> None:
    project = await platform.project()
    before = await platform.deployed(project)
    platform.provider.at["build"] = fail_with(DeploymentFailed("no"))
    one_way = {"oneWayMigration": REASON}
    await platform.deployed(project, build="always", configuration=one_way)
    del platform.provider.at["build"]
    await platform.deployed(project, environment="staging", configuration=one_way)
    await deployments.roll_back(platform.resources, platform.principal, before.id)
