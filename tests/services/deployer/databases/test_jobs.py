"""What is to be done with a database is done, once, whenever a worker dies on the way."""

import asyncio
from uuid import UUID

import pytest
from tests.services.deployer.databases.office import WITH_DATABASE, Office
from tests.services.deployer.platform import Platform, eventually
from tests.services.deployer.provider import crash_once, fail_with

from autodeploy.kernel.errors import Conflict, InvalidInput, Unavailable
from autodeploy.kernel.locks import held_alone
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.databases import backup_requests, dispatch
from autodeploy.services.deployer.databases.access import DatabaseInUse, DatabaseNotAvailable
from autodeploy.services.deployer.databases.dispatch import dispatch_databases
from autodeploy.services.deployer.databases.jobs import MOST_FAILURES
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.databases.schemas import DatabaseView
from autodeploy.services.deployer.databases.work import begin, working_on
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.transitions import LeaseLost


async def test_asked_for_twice_it_is_made_once(office: Office) -> None:
    first = await office.asked()
    assert first.status == "provisioning"
    second = await office.asked(project_id=first.project.id)
    assert second.id == first.id
    await office.work(first.id)
    await office.work(first.id)
    assert (await office.view(first.id)).status == "available"
    assert office.provider.calls["ensure_database"] == 1
    with pytest.raises(Conflict, match="plan"):
        await office.asked(project_id=first.project.id, plan="pro")


@pytest.mark.parametrize("moment", ["at", "after"])
async def test_worker_that_dies_while_it_provisions_is_followed_by_another(
    office: Office, moment: str
) -> None:
    asked = await office.asked()
    getattr(office.provider, moment)["ensure_database"] = crash_once()
    await office.work_killed(asked.id)
    assert (await office.view(asked.id)).status == "provisioning"
    await office.work(asked.id)
    assert (await office.view(asked.id)).status == "available"
    assert office.provider.databases() == {str(asked.id)}


async def test_provider_that_stays_away_ends_in_an_error_that_says_so(office: Office) -> None:
    asked = await office.asked()
    office.provider.at["ensure_database"] = fail_with(Unavailable("nobody answers"))
    for _ in range(MOST_FAILURES - 1):
        await office.work(asked.id)
        assert (await office.view(asked.id)).status == "provisioning"
    await office.work(asked.id)
    failed = await office.view(asked.id)
    assert failed.status == "error"
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == ("unavailable", "nobody answers")
    office.provider.at.clear()
    again = await office.asked(project_id=asked.project.id)
    assert (again.id, again.status, again.error) == (asked.id, "provisioning", None)
    await office.work(asked.id)
    assert (await office.view(asked.id)).status == "available"


async def test_refusal_of_the_provider_is_not_tried_again(office: Office) -> None:
    asked = await office.asked()
    office.provider.at["ensure_database"] = fail_with(InvalidInput("no such region"))
    await office.work(asked.id)
    assert (await office.view(asked.id)).status == "error"
    assert office.provider.calls["ensure_database"] == 1


async def test_worker_whose_lock_was_lost_writes_nothing_over_its_successor(
    office: Office,
) -> None:
    asked = await office.asked()
    stale = await begin(office.platform.engine, asked.id)
    await office.work(asked.id)
    assert stale is not None
    with pytest.raises(LeaseLost):
        async with office.resources.db.transaction() as session:
            await stale.set(session, status="error")
    assert (await office.view(asked.id)).status == "available"


async def test_two_workers_at_once_do_it_once(office: Office) -> None:
    asked = await office.asked()
    await asyncio.gather(*(office.work(asked.id) for _ in range(4)))
    assert office.provider.calls["ensure_database"] == 1


async def test_lock_goes_with_its_holder(office: Office) -> None:
    asked = await office.asked()
    async with (
        working_on(office.resources.db, asked.id) as mine,
        working_on(office.resources.db, asked.id) as second,
    ):
        assert (mine, second) == (True, False)
    async with working_on(office.resources.db, asked.id) as mine:
        assert mine
    async with held_alone(office.resources.db, 1, 2) as other:
        assert other


async def test_deployment_and_job_make_the_same_database(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    deployment = await platform.deploy(project, configuration=WITH_DATABASE)
    asked = await office.asked(project_id=project.id)
    await asyncio.gather(platform.runner.run(deployment.id), office.work(asked.id))
    assert (await platform.view(deployment.id)).status == "ready"
    assert office.provider.calls["ensure_database"] == 1
    assert office.provider.environments["run"]["DATABASE_URL"] == await office.url(asked.id)


async def test_queue_that_was_flushed_is_filled_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await office.asked()
    assert await dispatch_databases(office.resources) == 0  # it was queued just now
    monkeypatch.setattr(dispatch, "_FIRST_PAUSE_SECONDS", 0)
    assert await dispatch_databases(office.resources) == 1
    await office.work(asked.id)
    assert await dispatch_databases(office.resources) == 0  # nothing is left to do


@pytest.mark.parametrize("moment", ["at", "after"])
async def test_deletion_makes_a_last_backup_and_survives_its_workers(
    office: Office, moment: str
) -> None:
    database = await office.made()
    office.write(database.id, things=[1, 2, 3])
    with pytest.raises(InvalidInput) as refused:
        await office.delete(database, confirm="other")
    assert refused.value.field == "confirm"
    assert (await office.delete(database)).status == "deleting"
    getattr(office.provider, moment)["destroy_database"] = crash_once()
    await office.work_killed(database.id)
    await office.work(database.id)
    assert not await office.exists(database.id)
    assert office.provider.databases() == set()

    # What it held can be had again.
    page = await backup_requests.list_project_backups(
        office.resources, office.principal, database.project.id, limit=10, cursor=None
    )
    [last] = page.items
    assert (last.kind, last.status, last.database_id, last.rows) == ("final", "verified", None, 3)
    assert last.expires_at is not None
    again = await office.made(project_id=database.project.id, backup_id=last.id)
    assert (again.status, office.read(again.id)) == ("available", {"things": [1, 2, 3]})


async def test_database_whose_last_backup_fails_stays(office: Office) -> None:
    database = await office.made()
    office.write(database.id, things=[1])
    office.provider.at["dump_database"] = fail_with(InvalidInput("cannot be read"))
    await office.delete(database)
    await office.work(database.id)
    kept = await office.view(database.id)
    assert kept.status == "available"
    assert kept.error is not None
    assert kept.error.code == "last_backup_failed"
    assert office.read(database.id) == {"things": [1]}
    await office.delete(database, backup=False)
    await office.work(database.id)
    assert not await office.exists(database.id)


async def test_database_of_a_live_release_is_deleted_by_force_alone(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    await platform.deployed(project, configuration=WITH_DATABASE)
    database = await office.asked(project_id=project.id)
    with pytest.raises(DatabaseInUse):
        await office.delete(database)
    await office.delete(database, force=True)
    await office.work(database.id)
    assert not await office.exists(database.id)


async def test_nothing_is_asked_of_a_database_that_is_not_there(office: Office) -> None:
    asked = await office.asked()
    with pytest.raises(DatabaseNotAvailable):
        await office.backup(asked.id)
    with pytest.raises(DatabaseNotAvailable):
        await office.rotate(asked.id)
    with pytest.raises(DatabaseNotAvailable):
        await office.url(asked.id)


async def test_deleted_project_takes_its_databases_and_backups_with_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await office.made()
    backup = await office.backed_up(database.id)
    [row] = await office.rows(DatabaseBackup)
    assert row.id == backup.id
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    await projects.delete_project(office.resources, office.principal, database.project.id)
    async with working_on(office.resources.db, database.id):
        await remove_deleted(office.platform.engine)
        assert await office.exists(database.id)  # somebody works on it
    await office.work(database.id)  # which finds nothing to do
    await remove_deleted(office.platform.engine)
    assert not await office.exists(database.id)
    assert not await office.resources.objects.exists(row.object_key)


async def _give_up_deletion(office: Office, database: DatabaseView) -> DatabaseView:
    await office.delete(database, backup=False)
    office.provider.at["destroy_database"] = fail_with(InvalidInput("it is protected"))
    await office.work(database.id)
    office.provider.at.clear()
    return await office.view(database.id)


async def test_deletion_that_is_given_up_makes_no_database_of_one_that_failed(
    office: Office,
) -> None:
    office.provider.at["ensure_database"] = fail_with(InvalidInput("no such region"))
    failed = await office.made()
    assert failed.status == "error"
    kept = await _give_up_deletion(office, failed)
    assert (kept.status, kept.error and kept.error.message) == ("error", "it is protected")


async def test_deletion_that_is_given_up_leaves_a_paused_database_paused(office: Office) -> None:
    database = await office.made()
    await office.pause(database.id)
    await office.work(database.id)
    assert (await _give_up_deletion(office, database)).status == "paused"
    await office.resume(database.id)
    await office.work(database.id)
    assert (await _give_up_deletion(office, database)).status == "available"


async def test_another_database_that_was_made_meanwhile_is_not_taken_for_the_wanted_one(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    asked = await office.asked(project_id=project.id)
    deployment = await platform.deploy(
        project, configuration={"database": {"provider": "local", "region": None, "plan": "pro"}}
    )
    async with working_on(office.resources.db, asked.id):
        run = asyncio.create_task(platform.runner.run(deployment.id))
        await eventually(lambda: _says(platform, deployment.id, "Provisioning a database"))
        await office.set(ProjectDatabase, asked.id, status="available", external_id="made")
        await run
    view = await platform.view(deployment.id)
    assert view.error is not None
    assert view.error.code == "conflict"
    assert "the plan free" in view.error.message


async def _says(platform: Platform, deployment_id: UUID, text: str) -> bool:
    return any(text in line for line in await platform.messages(deployment_id))
