"""Databases that are paused, by their owners or by their providers, and brought back."""

import pytest
from tests.services.deployer.databases.office import WITH_DATABASE, Office
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import crash_once, fail_with

from autodeploy.kernel.errors import Conflict, DeploymentFailed
from autodeploy.services.deployer.databases.access import DatabaseInUse, DatabaseNotAvailable


async def test_a_pause_is_made_once_and_refuses_what_needs_the_database(office: Office) -> None:
    database = await office.made()
    for _ in range(2):
        assert (await office.pause(database.id)).status == "pausing"
    await office.work(database.id)
    assert (await office.view(database.id)).status == "paused"
    assert office.provider.paused == {str(database.id)}
    assert (await office.pause(database.id)).status == "paused"
    with pytest.raises(DatabaseNotAvailable) as refused:
        await office.backup(database.id)
    assert "db resume" in str(refused.value.remedy)


async def test_what_is_paused_comes_back_with_what_it_held(office: Office) -> None:
    database = await office.made()
    office.write(database.id, orders=[1, 2])
    url = await office.url(database.id)
    await office.pause(database.id)
    await office.work(database.id)
    assert (await office.resume(database.id)).status == "provisioning"
    assert (await office.resume(database.id)).status == "provisioning"
    await office.work(database.id)
    assert (await office.view(database.id)).status == "available"
    assert office.provider.paused == set()
    assert (await office.url(database.id), office.read(database.id)) == (url, {"orders": [1, 2]})


async def test_what_its_provider_paused_is_brought_back_too(office: Office) -> None:
    database = await office.made()
    office.provider.paused.add(str(database.id))
    await office.resume(database.id)
    await office.work(database.id)
    assert office.provider.paused == set()


async def test_a_database_in_use_is_paused_only_when_that_is_meant(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    await platform.deployed(project, configuration=WITH_DATABASE)
    database = await office.asked(project_id=project.id)
    with pytest.raises(DatabaseInUse) as refused:
        await office.pause(database.id)
    assert "resumed" in str(refused.value.remedy)
    await office.pause(database.id, force=True)
    await office.work(database.id)
    assert office.provider.paused


async def test_a_deployment_brings_back_the_database_that_it_needs(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    await platform.deployed(project, configuration=WITH_DATABASE)
    database = await office.asked(project_id=project.id)
    await office.pause(database.id, force=True)
    await office.work(database.id)
    await platform.deployed(project, build="always", configuration=WITH_DATABASE)
    assert (await office.view(database.id)).status == "available"
    assert office.provider.paused == set()


async def test_a_pause_that_is_interrupted_is_made_by_the_next_worker(office: Office) -> None:
    database = await office.made()
    await office.pause(database.id)
    office.provider.after["pause_database"] = crash_once()
    await office.work_killed(database.id)
    assert (await office.view(database.id)).status == "pausing"
    with pytest.raises(Conflict):
        await office.resume(database.id)
    await office.work(database.id)
    assert (await office.view(database.id)).status == "paused"


async def test_a_pause_that_cannot_be_leaves_the_database_and_says_why(office: Office) -> None:
    database = await office.made()
    await office.pause(database.id)
    office.provider.after["pause_database"] = fail_with(DeploymentFailed("It is a paid one."))
    await office.work(database.id)
    view = await office.view(database.id)
    assert view.status == "available"
    assert view.error is not None
    assert "paid" in view.error.message


@pytest.mark.parametrize("under_way", ["ensure_database", "pause_database"])
async def test_a_deletion_that_is_asked_for_meanwhile_is_not_forgotten(
    office: Office, under_way: str
) -> None:
    if under_way == "ensure_database":
        database = await office.asked()
    else:
        database = await office.made()
        await office.pause(database.id)
    office.provider.after[under_way] = lambda: office.delete(database, backup=False)
    await office.work(database.id)
    assert not await office.exists(database.id)
    assert office.provider.databases() == set()
