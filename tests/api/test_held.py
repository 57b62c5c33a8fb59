"""``/resources``: what is held for the caller, and for operators what is nobody's."""

from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select
from tests.api.conftest import as_app
from tests.api.deployer import User

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service
from autodeploy.services.auth.models import AuditEntry
from autodeploy.services.deployer.holdings.models import Orphan


@pytest.fixture
async def operator(client: httpx.AsyncClient, resources: Resources) -> User:
    token = await service.ensure_administrator(resources, "operator@example.com")
    return User(client, {"Authorization": f"Bearer {token}"})


@pytest.fixture
async def orphan(resources: Resources) -> Orphan:
    row = Orphan(
        id=uuid4(), provider="local", kind="build", external_id="artifacts/1/x", made_at=now()
    )
    async with resources.db.transaction() as session:
        session.add(row)
    return row


async def test_filters_that_do_not_exist_are_named(client, sign_up):
    user = User(client, await sign_up())
    for field in ("kind", "state", "project"):
        refused = await user.call("GET", f"/resources?{field}=none", status=422)
        assert refused["field"] == field
    await user.call("GET", f"/resources?project={uuid4()}", status=404)


async def test_others_things_are_not_shown(client, sign_up):
    ours, theirs = User(client, await sign_up()), User(client, await sign_up())
    project = await ours.project()
    await ours.call("POST", "/databases", {"projectId": project["id"]}, status=202)
    [held] = (await ours.call("GET", "/resources", status=200))["items"]
    assert (held["kind"], held["state"], held["project"]["id"]) == (
        "database", "half_made", project["id"],
    )  # fmt: skip
    assert (await theirs.call("GET", "/resources", status=200))["items"] == []
    await theirs.call("GET", f"/resources?project={project['id']}", status=404)


async def test_orphan_is_removed_once_with_one_entry_in_the_log(operator, orphan, resources):
    [listed] = (await operator.call("GET", "/resources/orphans", status=200))["items"]
    assert (listed["id"], listed["removalRequestedAt"]) == (str(orphan.id), None)
    first = await operator.call("DELETE", f"/resources/orphans/{orphan.id}", status=202)
    assert first["removalRequestedAt"]
    again = await operator.call("DELETE", f"/resources/orphans/{orphan.id}", status=202)
    assert again == first
    async with resources.db.transaction() as session:
        [entry] = await session.scalars(
            select(AuditEntry).where(AuditEntry.action == "orphan.remove")
        )
    assert entry.object_id == str(orphan.id)
    refused = await operator.call("DELETE", f"/resources/orphans/{uuid4()}", status=404)
    assert "--orphans" in refused["remedy"]


async def test_database_shows_orphans_to_operators_alone(client, sign_up, orphan, resources):
    user = User(client, await sign_up())
    principal = await service.authenticate(resources, user.headers["Authorization"].split()[1])
    token = await service.ensure_administrator(resources, "operator@example.com")
    administrator = await service.authenticate(resources, token)
    database = as_app(resources.db)
    for caller, seen in ((principal, 0), (administrator, 1)):
        async with database.acting_for(caller.tenancy).transaction() as session:
            assert await session.scalar(select(func.count()).select_from(Orphan)) == seen
