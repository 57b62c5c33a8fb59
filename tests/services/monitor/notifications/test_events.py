"""What the engine writes down to be told, in the transaction in which it happens."""

import pytest
from tests.services.deployer.databases.office import Office
from tests.services.deployer.platform import STATIC
from tests.services.deployer.provider import fail_with
from tests.services.monitor.notifications.receivers import Stage

from autodeploy.kernel.errors import DeploymentFailed, InvalidInput
from autodeploy.services.deployer import deployments

DEPLOYED = ["deployment.queued", "deployment.building", "deployment.deploying", "deployment.ready"]


async def test_each_state_of_a_deployment_is_told_as_it_was_then(stage: Stage) -> None:
    project = await stage.platform.project()
    deployed = await stage.platform.deployed(project)

    events = await stage.events()

    assert [event.type for event in events] == DEPLOYED
    assert {event.organization_id for event in events} == {project.organization_id}
    assert {event.project_id for event in events} == {project.id}
    told = [event.data["deployment"] for event in events]
    assert [each["status"] for each in told] == ["queued", "building", "deploying", "ready"]
    view = deployed.model_dump(mode="json", by_alias=True)
    assert {name: view[name] for name in told[-1]} == told[-1], "the shape is that of the view"


async def test_failed_deployment_is_told_with_its_reason_and_without_its_log(stage: Stage) -> None:
    error = DeploymentFailed("The build broke.", remedy="Mend it.", log_tail=["a line of the app"])
    stage.platform.provider.at["build"] = fail_with(error)
    await stage.platform.deployed(await stage.platform.project())

    failed = (await stage.events())[-1]

    assert failed.type == "deployment.failed"
    assert failed.data["deployment"]["error"] == {
        "code": "deployment_failed", "message": "The build broke.", "remedy": "Mend it.",
    }  # fmt: skip


async def test_superseded_deployment_is_told_as_cancelled(stage: Stage) -> None:
    project = await stage.platform.project()
    older = await stage.platform.deploy(project)
    await stage.platform.deploy(project)

    cancelled = next(each for each in await stage.events() if each.type == "deployment.cancelled")

    assert cancelled.data["deployment"]["id"] == str(older.id)
    assert cancelled.data["deployment"]["reason"] == "superseded"


async def test_rollback_tells_of_the_release_that_was_taken_back(stage: Stage) -> None:
    platform = stage.platform
    project = await platform.project()
    first = await platform.deployed(project)
    await platform.upload({**STATIC, "index.html": "<h1>New</h1>"}, project.repository.id)
    bad = await platform.deployed(project)

    rollback = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(rollback.id)

    *_, told, ready = await stage.events()
    assert (told.type, ready.type) == ("deployment.rolled_back", "deployment.ready")
    assert told.data["deployment"]["id"] == str(bad.id)
    assert told.data["deployment"]["rolledBackAt"] is not None


async def test_change_that_is_not_committed_is_not_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("autodeploy.services.deployer.creation._list_queued_before", fail)
    with pytest.raises(RuntimeError):
        await stage.platform.deploy(await stage.platform.project())

    assert await stage.events() == []


async def test_database_that_is_ready_is_told_without_its_url(stage: Stage) -> None:
    office = Office(stage.platform)
    made = await office.made()

    [ready] = await stage.events()

    assert (ready.type, ready.project_id) == ("database.ready", made.project.id)
    view = made.model_dump(mode="json", by_alias=True)
    assert ready.data["database"] == {name: view[name] for name in ready.data["database"]}
    assert await office.url(made.id) not in str(ready.data)


async def test_database_that_cannot_be_made_is_told(stage: Stage) -> None:
    office = Office(stage.platform)
    office.provider.at["ensure_database"] = fail_with(InvalidInput("no such plan"))
    await office.made()

    [failed] = await stage.events()

    assert failed.type == "database.failed"
    assert failed.data["database"]["error"]["code"] == "invalid_input"


async def test_backup_that_fails_is_told(stage: Stage) -> None:
    office = Office(stage.platform)
    made = await office.made()
    office.provider.at["dump_database"] = fail_with(InvalidInput("cannot be read"))
    await office.backed_up(made.id)

    failed = (await stage.events())[-1]

    assert failed.type == "backup.failed"
    assert failed.data["backup"]["databaseId"] == str(made.id)
    assert failed.data["backup"]["error"]["message"] == "cannot be read"
