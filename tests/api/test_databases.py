"""Databases over HTTP: what is answered, what is refused, and what is never shown."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.api.conftest import SignUp
from tests.api.deployer import API, User, make_runner

from autodeploy.kernel.queue import QueueName
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import AuditEntry
from autodeploy.services.deployer.databases.jobs import handle_provisioning
from autodeploy.services.deployer.databases.models import ProjectDatabase


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def project(user: User) -> dict[str, Any]:
    return await user.project()


async def work(resources: Resources, database: dict[str, Any]) -> None:
    """What a worker does with the database, over a folder."""
    engine = make_runner(resources)._engine
    await handle_provisioning(engine, {"databaseId": database["id"]})


async def made(user: User, project: dict[str, Any], resources: Resources) -> dict[str, Any]:
    asked = await user.call("POST", "/databases", {"projectId": project["id"]}, status=202)
    await work(resources, asked)
    found: dict[str, Any] = await user.call("GET", f"/databases/{asked['id']}", status=200)
    return found


async def test_database_is_asked_for_once_and_queued(
    user: User, project: dict[str, Any], resources: Resources
) -> None:
    body = {"projectId": project["id"], "environment": "staging", "name": "reports"}
    asked = await user.call("POST", "/databases", body, status=202)
    again = await user.call("POST", "/databases", body, status=202)
    assert again == asked
    assert (asked["status"], asked["engine"]) == ("provisioning", "postgresql")
    assert asked["project"] == {"id": project["id"], "name": project["name"]}
    assert asked["backups"] == {"schedule": "daily", "hour": 3, "keepDaily": 7, "keepWeekly": 4}
    waiting = resources.queues._open(QueueName.PROVISIONING)
    [job, *_] = await waiting.getJobs(["wait", "prioritized", "delayed"])
    assert job.name == "database_provisioning"
    assert set(job.data) == {"databaseId", "projectId", "provider"}
    listed = await user.call("GET", f"/databases?project={project['id']}", status=200)
    assert listed["items"] == [asked]


async def test_url_is_told_by_one_route_alone_and_each_time_written_down(
    user: User, client: httpx.AsyncClient, project: dict[str, Any], resources: Resources
) -> None:
    database = await made(user, project, resources)
    path = f"/databases/{database['id']}"
    answer = await client.get(f"{API}{path}/credentials", headers=user.headers)
    url = answer.json()["url"]
    assert url.startswith("postgresql://")
    assert answer.headers["Cache-Control"] == "no-store"
    for other in (path, "/databases", f"{path}/backups", f"/projects/{project['id']}"):
        shown = await client.get(API + other, headers=user.headers)
        assert "dbpass" not in shown.text
    async with resources.db.transaction() as session:
        entries = await session.scalars(
            select(AuditEntry).where(AuditEntry.action == "database.credentials")
        )
        [entry] = entries.all()
        assert entry.object_id == database["id"]
        assert entry.changes is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Main"}, "name"),
        ({"name": "a" * 41}, "name"),
        ({"name": "x; DROP"}, "name"),
        ({"provider": "nowhere"}, "provider"),
        ({"environment": "../x"}, "environment"),
        ({"backups": {"hour": 24}}, "backups.hour"),
        ({"backups": {"schedule": "hourly"}}, "backups.schedule"),
        ({"backups": {"keepDaily": 0}}, "backups.keepDaily"),
        ({"backupId": "00000000-0000-0000-0000-000000000000"}, "backupId"),
        ({"engine": "mysql"}, "engine"),
        ({"engine": "redis", "name": "cache"}, "engine"),
        ({"nothing": 1}, "nothing"),
    ],
)
async def test_value_that_cannot_be_used_is_named(
    user: User, project: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    refused = await user.call(
        "POST", "/databases", {"projectId": project["id"], **body}, status=422
    )
    assert refused["field"] == field
    listed = await user.call("GET", "/databases", status=200)
    assert listed["items"] == []


async def test_deletion_takes_the_name(
    user: User, project: dict[str, Any], resources: Resources
) -> None:
    database = await made(user, project, resources)
    path = f"/databases/{database['id']}"
    for query in ("", "?confirm=", "?confirm=other"):
        refused = await user.call("DELETE", path + query, status=422)
        assert refused["field"] == "confirm"
    deleting = await user.call("DELETE", f"{path}?confirm=main", status=202)
    assert deleting["status"] == "deleting"
    await work(resources, database)
    await user.call("GET", path, status=404)
    [last] = (await user.call("GET", f"/projects/{project['id']}/database-backups", status=200))[
        "items"
    ]
    assert (last["kind"], last["status"]) == ("final", "verified")


async def test_used_database_is_refused_by_its_code(
    user: User, project: dict[str, Any], resources: Resources
) -> None:
    database = await made(user, project, resources)
    await user.deployment(project)
    refused = await user.call("DELETE", f"/databases/{database['id']}?confirm=main", status=409)
    assert refused["code"] == "database_in_use"


async def test_backup_and_restore_over_http(
    user: User, project: dict[str, Any], resources: Resources
) -> None:
    database = await made(user, project, resources)
    path = f"/databases/{database['id']}"
    asked = await user.call("POST", f"{path}/backups", status=202)
    await work(resources, database)
    backup = await user.call("GET", f"{path}/backups/{asked['id']}", status=200)
    assert backup["status"] == "verified"
    assert (await user.call("GET", path, status=200))["lastBackup"] == backup
    refused = await user.call("POST", f"{path}/restore", {"backupId": backup["id"]}, status=422)
    assert refused["field"] == "confirm"
    restore = await user.call(
        "POST", f"{path}/restore", {"backupId": backup["id"], "name": "copy"}, status=202
    )
    await work(resources, {"id": restore["databaseId"]})
    [done] = (await user.call("GET", f"/databases/{restore['databaseId']}/restores", status=200))[
        "items"
    ]
    assert done["status"] == "succeeded"


async def test_metrics_of_a_provider_without_any_are_refused_clearly(
    user: User, project: dict[str, Any], resources: Resources
) -> None:
    database = await made(user, project, resources)
    refused = await user.call("GET", f"/databases/{database['id']}/metrics", status=422)
    assert "cannot do database metrics" in refused["detail"]


async def test_rotation_under_way_is_refused_by_its_code(
    user: User, project: dict[str, Any], resources: Resources
) -> None:
    database = await made(user, project, resources)
    path = f"/databases/{database['id']}"
    asked = await user.call("POST", f"{path}/rotate", status=202)
    assert asked["rotation"]["status"] == "pending"
    async with resources.db.transaction() as session:
        await session.execute(
            update(ProjectDatabase).values(rotation_requested_at=None, retiring_login="app")
        )
    refused = await user.call("POST", f"{path}/rotate", status=409)
    assert refused["code"] == "rotation_under_way"
    await user.call("POST", f"{path}/rotate", {"revoke": True}, status=202)
