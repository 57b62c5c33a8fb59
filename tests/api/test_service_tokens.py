"""Service tokens of a project, and members who are limited to some projects."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, text
from tests.api.conftest import SignUp
from tests.api.deployer import User
from tests.services.analyzer.archives import tar_gz

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import OrganizationMember, Role, ServiceToken
from autodeploy.services.deployer import projects

API = "/api/v1"


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


async def make_token(user: User, project: dict[str, Any], **body: Any) -> dict[str, Any]:
    path = f"/projects/{project['id']}/tokens"
    made: dict[str, Any] = await user.call("POST", path, {"name": "ci", **body}, status=201)
    return made


def holder(user: User, token: dict[str, Any]) -> User:
    return User(user._client, {"Authorization": f"Bearer {token['token']}"})


async def test_token_is_shown_once_and_stored_as_its_digest(
    user: User, resources: Resources
) -> None:
    project = await user.project()
    made = await make_token(user, project)
    assert made["token"].startswith("ads_")
    assert made["scopes"] == ["deploy"]
    listed = await user.call("GET", f"/projects/{project['id']}/tokens", status=200)
    (shown,) = listed["items"]
    assert shown == {key: value for key, value in made.items() if key != "token"}
    async with resources.db.transaction() as session:
        row = (await session.scalars(select(ServiceToken))).one()
        assert timedelta(days=89) < row.expires_at - now() <= timedelta(days=90)
        dump = await session.scalars(text("SELECT service_tokens::text FROM service_tokens"))
        assert made["token"] not in str(dump.all())


async def test_token_deploys_its_project_with_a_new_upload_and_is_shown_as_creator(
    user: User, client: httpx.AsyncClient
) -> None:
    project = await user.project()
    by_hand = await user.deployment(project)
    ci = holder(user, token := await make_token(user, project, name="GitHub Actions"))
    answer = await client.post(
        f"{API}/repositories/upload",
        params={"repositoryId": project["repository"]["id"]},
        content=tar_gz({"index.html": "<h1>Anew</h1>"}),
        headers=ci.headers,
    )
    assert answer.status_code == 201, answer.text
    made = await ci.deployment(project)
    creator = {"type": "serviceToken", "id": token["id"], "name": "GitHub Actions"}
    assert made["createdBy"] == creator
    assert made["commit"] == answer.json()["commit"]
    assert by_hand["createdBy"]["type"] == "user"
    listed = await user.call("GET", f"/projects/{project['id']}/tokens", status=200)
    assert listed["items"][0]["lastUsedAt"] is not None


async def test_token_repeats_a_request_with_an_idempotency_key_and_is_limited_by_itself(
    user: User,
) -> None:
    project = await user.project()
    ci = holder(user, await make_token(user, project))
    path, key = f"/projects/{project['id']}/deployments", {"Idempotency-Key": "build-1"}
    first = await ci.call("POST", path, {}, status=201, **key)
    assert (await ci.call("POST", path, {}, status=201, **key))["id"] == first["id"]
    assert (await user.call("POST", path, {}, status=201, **key))["id"] != first["id"]


async def test_token_outlives_its_creator_and_ends_with_its_project(
    user: User, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    project = await user.project()
    ci = holder(user, await make_token(user, project))
    async with resources.db.transaction() as session:
        await session.execute(text("UPDATE service_tokens SET created_by = NULL"))
        await session.execute(text("UPDATE organization_members SET role = 'owner'"))
    assert (await ci.call("GET", "/projects", status=200))["items"][0]["id"] == project["id"]
    await user.call("DELETE", f"/projects/{project['id']}", status=204)
    await ci.call("GET", "/projects", status=401)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "ci", "scopes": ["admin"]}, "scopes.0"),
        ({"name": "ci", "scopes": []}, "scopes"),
        ({"name": "ci", "expiresInDays": 0}, "expiresInDays"),
        ({"name": "ci", "expiresInDays": None}, "expiresInDays"),
        ({"name": ""}, "name"),
    ],
)
async def test_unusable_request_for_a_token_names_its_field(
    user: User, body: dict[str, Any], field: str
) -> None:
    project = await user.project()
    problem = await user.call("POST", f"/projects/{project['id']}/tokens", body, status=422)
    assert problem["errors"][0]["field"] == field


async def test_revoked_token_is_refused_at_once_and_revoking_again_finds_none(user: User) -> None:
    project = await user.project()
    token = await make_token(user, project)
    path = f"/projects/{project['id']}/tokens/{token['id']}"
    await user.call("DELETE", path, status=204)
    await holder(user, token).call("GET", "/projects", status=401)
    await user.call("DELETE", path, status=404)


@pytest.fixture
async def colleague(
    user: User, client: httpx.AsyncClient, sign_up: SignUp, resources: Resources
) -> tuple[User, str, str]:
    """A member of the user's organization, with the ids of the organization and of itself."""
    other = User(client, await sign_up())
    organization = (await user.call("GET", "/organizations", status=200))["items"][0]["id"]
    user_id = (await other.call("GET", "/auth/me", status=200))["id"]
    async with resources.db.transaction() as session:
        session.add(
            OrganizationMember(
                organization_id=organization, user_id=user_id, role=Role.MEMBER, joined_at=now()
            )
        )
    return other, organization, user_id


async def test_limit_holds_with_the_next_call_and_is_lifted_again(
    user: User, colleague: tuple[User, str, str]
) -> None:
    other, organization, user_id = colleague
    first, second = await user.project("First"), await user.project("Second")
    limit = f"/organizations/{organization}/members/{user_id}/projects"
    assert await user.call("GET", limit, status=200) == {"projects": None}
    assert await user.call("PUT", limit, {"projects": [first["id"]]}, status=200)
    seen = (await other.call("GET", "/projects", status=200))["items"]
    assert [each["id"] for each in seen] == [first["id"]]
    repositories = (await other.call("GET", "/repositories", status=200))["items"]
    assert [each["id"] for each in repositories] == [first["repository"]["id"]]
    await other.call("GET", f"/projects/{second['id']}", status=404)
    await other.call("POST", "/projects", {"name": "x", "organizationId": organization}, status=403)
    await other.deployment(first)
    await user.call("PUT", limit, {"projects": None}, status=200)
    await other.call("GET", f"/projects/{second['id']}", status=200)


async def test_member_whose_projects_are_all_deleted_sees_nothing_rather_than_everything(
    user: User, colleague: tuple[User, str, str], resources: Resources
) -> None:
    other, organization, user_id = colleague
    first, _ = await user.project("First"), await user.project("Second")
    limit = f"/organizations/{organization}/members/{user_id}/projects"
    await user.call("PUT", limit, {"projects": [first["id"]]}, status=200)
    async with resources.db.transaction() as session:
        await session.execute(text("DELETE FROM projects WHERE id = :id"), {"id": first["id"]})
    assert (await other.call("GET", "/projects", status=200))["items"] == []
    kept = await user.call("GET", limit, status=200)
    assert kept == {"projects": []}
    assert await user.call("PUT", limit, kept, status=200) == kept


async def test_limit_that_cannot_be_is_refused_by_name(
    user: User, colleague: tuple[User, str, str]
) -> None:
    _, organization, user_id = colleague
    members = f"/organizations/{organization}/members"
    project = await user.project()
    me = (await user.call("GET", "/auth/me", status=200))["id"]
    for path, projects_ in (
        (f"{members}/{user_id}/projects", [str(uuid4())]),
        (f"{members}/{me}/projects", [project["id"]]),
    ):
        problem = await user.call("PUT", path, {"projects": projects_}, status=422)
        assert problem["field"] == "projects"
        assert problem["remedy"]
