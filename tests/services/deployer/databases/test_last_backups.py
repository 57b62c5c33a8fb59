"""Environments that are deleted with their databases: after a last backup of each."""

import asyncio

import pytest
from tests.services.deployer.databases.office import WITH_DATABASE, Office
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import Crash, crash_once, fail_with

from autodeploy.kernel.errors import InvalidInput, Unavailable
from autodeploy.services.deployer import environments, projects
from autodeploy.services.deployer.databases import backup_requests
from autodeploy.services.deployer.databases.jobs import MOST_FAILURES
from autodeploy.services.deployer.databases.last_backups import LastBackupFailed
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.databases.schemas import BackupView, DatabaseView
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.schemas import ProjectView


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)


@pytest.fixture
async def shop(platform: Platform) -> ProjectView:
    return await platform.project()


@pytest.fixture
async def live(platform: Platform, shop: ProjectView) -> DeploymentView:
    """What is live in staging, where there is a database ``main``."""
    return await platform.deployed(shop, environment="staging", configuration=WITH_DATABASE)


@pytest.fixture
async def main(office: Office, shop: ProjectView, live: DeploymentView) -> DatabaseView:
    database = await office.asked(project_id=shop.id, environment="staging")
    office.write(database.id, things=[1, 2, 3])
    return database


async def delete(office: Office, project: ProjectView, *, backup: bool = True) -> None:
    await environments.delete_environment(
        office.resources, office.principal, project.id, "staging",
        confirm="staging", backup=backup, providers=office.providers,
    )  # fmt: skip


async def is_there(office: Office, project: ProjectView) -> bool:
    page = await environments.list_environments(office.resources, office.principal, project.id)
    return "staging" in [each.name for each in page.items]


async def kept(office: Office, project: ProjectView) -> list[BackupView]:
    page = await backup_requests.list_project_backups(
        office.resources, office.principal, project.id, limit=50, cursor=None
    )
    return page.items


async def test_last_backup_of_each_database_is_there_before_anything_goes(
    office: Office, platform: Platform, shop: ProjectView, live: DeploymentView, main: DatabaseView
) -> None:
    other = await office.made(project_id=shop.id, environment="staging", name="other")
    untouched = await office.made(project_id=shop.id, name="elsewhere")
    await office.set(ProjectDatabase, main.id, backup_schedule="off")
    await delete(office, shop)
    await office.work(main.id)
    await remove_deleted(platform.engine)
    assert platform.provider.releases() == {str(live.id)}
    assert office.read(main.id) == {"things": [1, 2, 3]}
    await office.work(other.id)
    await remove_deleted(platform.engine)
    assert platform.provider.releases() == set()
    assert platform.provider.databases() == {str(untouched.id)}
    found = {each.database_name: each for each in await kept(office, shop)}
    assert {(each.kind, each.status, each.database_id) for each in found.values()} == {
        ("final", "verified", None)
    }
    assert all(each.expires_at for each in found.values())
    again = await office.made(project_id=shop.id, name="again", backup_id=found["main"].id)
    assert office.read(again.id) == {"things": [1, 2, 3]}


async def test_worker_that_dies_behind_the_backup_makes_no_second_one(
    office: Office, platform: Platform, shop: ProjectView, main: DatabaseView
) -> None:
    await delete(office, shop)
    platform.provider.after["dump_database"] = crash_once()
    await office.work_killed(main.id)
    await office.work(main.id)
    platform.provider.after["destroy_database"] = crash_once()
    with pytest.raises(Crash):
        await remove_deleted(platform.engine)
    assert platform.provider.databases() == set()
    await remove_deleted(platform.engine)
    [last] = await kept(office, shop)
    assert (last.kind, last.status, last.tables) == ("final", "verified", 1)
    assert not await office.exists(main.id)


async def test_environment_whose_last_backup_fails_is_given_back_as_it_was(
    office: Office, platform: Platform, shop: ProjectView, live: DeploymentView, main: DatabaseView
) -> None:
    platform.provider.at["dump_database"] = fail_with(InvalidInput("cannot be read"))
    await delete(office, shop)
    assert not await is_there(office, shop)
    await office.work(main.id)
    await remove_deleted(platform.engine)
    assert await is_there(office, shop)
    assert platform.provider.releases() == {str(live.id)}
    stays = await office.view(main.id)
    assert (stays.status, office.read(main.id)) == ("available", {"things": [1, 2, 3]})
    assert stays.error is not None
    assert stays.error.code == "last_backup_failed"
    # The failure of this deletion is not that of the next.
    platform.provider.at.clear()
    await delete(office, shop)
    await office.work(main.id)
    await remove_deleted(platform.engine)
    assert not await office.exists(main.id)


async def test_caller_who_waits_is_told_that_it_stays(
    office: Office,
    platform: Platform,
    shop: ProjectView,
    main: DatabaseView,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 20.0)
    platform.provider.at["dump_database"] = fail_with(InvalidInput("cannot be read"))
    waiting = asyncio.create_task(delete(office, shop))
    async with asyncio.timeout(10):
        while await is_there(office, shop):
            await asyncio.sleep(0.02)
    await office.work(main.id)
    await remove_deleted(platform.engine)
    with pytest.raises(LastBackupFailed):
        await asyncio.wait_for(waiting, 10)


async def test_broken_database_is_not_tried_for_ever(
    office: Office, platform: Platform, shop: ProjectView, main: DatabaseView
) -> None:
    platform.provider.at["dump_database"] = fail_with(Unavailable("no answer"))
    await delete(office, shop)
    for _ in range(MOST_FAILURES):
        await remove_deleted(platform.engine)
        assert not await is_there(office, shop)
        await office.work(main.id)
    await remove_deleted(platform.engine)
    assert await is_there(office, shop)


async def test_without_a_backup_nothing_is_waited_for(
    office: Office, platform: Platform, shop: ProjectView, main: DatabaseView
) -> None:
    platform.provider.at["dump_database"] = fail_with(InvalidInput("cannot be read"))
    await delete(office, shop)
    await office.work(main.id)
    await remove_deleted(platform.engine)
    await delete(office, shop, backup=False)
    await remove_deleted(platform.engine)
    assert not await office.exists(main.id)
    assert platform.provider.databases() == set()


async def test_database_that_was_never_made_needs_no_backup(
    office: Office, platform: Platform, shop: ProjectView, live: DeploymentView
) -> None:
    await office.asked(project_id=shop.id, environment="staging", name="not-yet")
    main = await office.asked(project_id=shop.id, environment="staging")
    await delete(office, shop)
    await office.work(main.id)
    await remove_deleted(platform.engine)
    assert not await is_there(office, shop)
    assert [each.database_name for each in await kept(office, shop)] == ["main"]


async def test_scheduled_backups_of_a_deleted_environment_expire(
    office: Office, platform: Platform, shop: ProjectView, main: DatabaseView
) -> None:
    made = await office.backed_up(main.id)
    await office.set(DatabaseBackup, made.id, kind="scheduled", expires_at=None)
    await delete(office, shop, backup=False)
    await remove_deleted(platform.engine)
    [backup] = await kept(office, shop)
    assert backup.expires_at is not None
