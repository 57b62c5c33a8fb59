"""Credentials across callers and tenants: what the table of permissions does not say."""

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import client_of
from tests.api.tenancy.test_matrix import open_socket
from tests.api.tenancy.world import Caller, World

pytestmark = pytest.mark.asyncio(loop_scope="package")

API = "/api/v1"


def _named(world: World, name: str) -> Caller:
    return next(caller for caller in world.callers if caller.name == name)


@pytest.mark.parametrize("second", ["stranger", "service token with write"])
async def test_an_idempotency_key_of_another_caller_is_not_known(
    world: World, tenant_app: FastAPI, second: str
) -> None:
    body, key = {"name": "once"}, {"Idempotency-Key": f"shared-with-{second}"}
    async with client_of(tenant_app) as client:
        url = f"{API}/projects/{world.ours.project_id}/deployments"
        first = await client.post(url, headers={**_named(world, "owner").headers, **key})
        other = await client.post(url, headers={**_named(world, second).headers, **key})
        again = await client.post(url, headers={**_named(world, "owner").headers, **key})
    assert first.status_code == 201, body
    assert "Idempotency-Replayed" not in other.headers
    assert other.status_code in {201, 404}
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("name", ["owner", "service token with read"])
async def test_a_ticket_opens_once_what_its_credential_may_see(
    world: World, tenant_app: FastAPI, name: str
) -> None:
    caller = _named(world, name)
    async with client_of(tenant_app) as client:
        answer = await client.post(f"{API}/auth/ticket", headers=caller.headers)
    ticket = f"autodeploy.ticket.{answer.json()['ticket']}"
    path = f"{API}/deployments/{world.ours.deployment_id}/status/stream"
    opened = await open_socket(tenant_app, path, Caller("ticket", None), ticket)
    again = await open_socket(tenant_app, path, Caller("ticket", None), ticket)
    assert (opened.status_code, again.status_code) == (200, 401)


@pytest.mark.parametrize("kind", ["token", "service token"])
async def test_refused_tokens_are_refused_alike(
    world: World, tenant_app: FastAPI, kind: str
) -> None:
    answers = []
    async with client_of(tenant_app) as client:
        for why in ("unknown", "expired", "revoked"):
            caller = _named(world, f"{why} {kind}")
            answers.append(await client.get(f"{API}/projects", headers=caller.headers))
    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({_problem(answer) for answer in answers}) == 1


async def test_a_service_token_is_told_why_it_has_no_account(
    world: World, tenant_app: FastAPI
) -> None:
    async with client_of(tenant_app) as client:
        headers = _named(world, "service token with write").headers
        answer = await client.get(f"{API}/auth/me", headers=headers)
    assert answer.status_code == 403
    assert "service token" in answer.json()["detail"]


async def test_a_project_takes_no_repository_of_another_organization_of_its_owner(
    world: World, tenant_app: FastAPI
) -> None:
    headers = _named(world, "owner").headers
    async with client_of(tenant_app) as client:
        made = await client.post(f"{API}/organizations", json={"name": "Second"}, headers=headers)
        body = {
            "name": "moved",
            "organizationId": made.json()["id"],
            "repositoryId": str(world.ours.repository_id),
        }
        refused = await client.post(f"{API}/projects", json=body, headers=headers)
        removed = await client.delete(
            f"{API}/organizations/{made.json()['id']}",
            params={"confirm": made.json()["slug"]},
            headers=headers,
        )
    assert (made.status_code, refused.status_code, removed.status_code) == (201, 422, 204)


def _problem(answer: httpx.Response) -> tuple[tuple[str, object], ...]:
    return tuple(item for item in answer.json().items() if item[0] != "traceId")
