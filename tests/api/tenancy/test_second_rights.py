"""What does two things at once takes the right to each, whoever may do the first."""

from typing import Any

import pytest
from fastapi import FastAPI
from tests.api.conftest import client_of
from tests.api.tenancy.world import World

from autodeploy.services.auth.models import Role
from autodeploy.services.auth.permissions import ROLE_ACTIONS, Action

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize(
    ("second", "path", "body"),
    [
        (
            Action.VARIABLE_WRITE,
            "/projects/{project_id}/environments",
            {"name": "copied", "copyFrom": "production"},
        ),
        (
            Action.DATABASE_RESTORE,
            "/databases",
            {"projectId": "project_id", "name": "restored", "backupId": "backup_id"},
        ),
        (
            Action.DATABASE_CREATE,
            "/databases/{database_id}/restore",
            {"name": "beside", "backupId": "backup_id"},
        ),
    ],
    ids=["copy of variables", "database from a backup", "restore beside"],
)
async def test_what_does_two_things_takes_both_rights(
    world: World,
    tenant_app: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
    second: Action,
    path: str,
    body: dict[str, Any],
) -> None:
    owner = next(each for each in world.callers if each.name == "owner")
    ids = world.ids("own", None)
    monkeypatch.setitem(ROLE_ACTIONS, Role.OWNER, ROLE_ACTIONS[Role.OWNER] - {second})
    async with client_of(tenant_app) as client:
        answer = await client.post(
            f"/api/v1{path.format(**ids)}",
            headers=owner.headers,
            json={key: ids.get(value, value) for key, value in body.items()},
        )
    assert answer.status_code == 403, answer.text
    assert second in answer.json()["detail"]
