from uuid import uuid4

import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import API, User

from autodeploy.services.deployer import projects


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def stranger(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


async def test_created_project_has_a_slug_and_a_production_environment(user: User) -> None:
    project = await user.project("Größer & Schöner")
    assert project["slug"] == "grosser-schoner"
    assert project["status"] == "active"
    assert project["repository"]["kind"] == "upload"
    [environment] = project["environments"]
    assert (environment["name"], environment["provider"]) == ("production", "local")
    assert environment["liveDeploymentId"] is None
    assert await user.call("GET", f"/projects/{project['id']}", status=200) == project
    listed = await user.call("GET", "/projects", status=200)
    assert listed == {"items": [project], "nextCursor": None}


async def test_same_name_twice_gets_another_slug(user: User) -> None:
    first, second = await user.project("Shop"), await user.project("Shop")
    assert first["slug"] == "shop"
    assert second["slug"].startswith("shop-")
    assert second["slug"] != first["slug"]


async def test_same_slug_in_two_organizations_gets_two_hosts(user: User, stranger: User) -> None:
    first, second = await user.project("Shop"), await stranger.project("Shop")
    assert first["slug"] == second["slug"] == "shop"


@pytest.mark.parametrize("name", ["", " ", "a\x01b", "x" * 256, None, 5])
async def test_unusable_name_is_refused(user: User, name: object) -> None:
    problem = await user.call("POST", "/projects", {"name": name}, status=422)
    assert problem["errors"][0]["field"] == "name"


async def test_repository_of_others_is_refused(user: User, stranger: User) -> None:
    theirs = (await stranger.repository())["repository"]["id"]
    problem = await user.call(
        "POST", "/projects", {"name": "x", "repositoryId": theirs}, status=422
    )
    assert problem["field"] == "repositoryId"


@pytest.mark.parametrize("root", ["../x", "/../x", "a/../../b", "-x", "a\x01"])
async def test_root_directory_outside_is_refused(user: User, root: str) -> None:
    body = {"name": "x", "rootDirectory": root}
    problem = await user.call("POST", "/projects", body, status=422)
    assert problem["field"] == "rootDirectory"


async def test_put_of_what_get_answered_changes_nothing(
    user: User, client: httpx.AsyncClient
) -> None:
    project = await user.project()
    path = f"{API}/projects/{project['id']}"
    before = await client.get(path, headers=user.headers)
    after = await client.put(path, json=before.json(), headers=user.headers)
    assert after.json() == before.json()
    assert after.headers["ETag"] == before.headers["ETag"]


async def test_put_changes_what_it_names_and_keeps_the_slug(user: User) -> None:
    project = await user.project("Shop")
    changed = await user.call(
        "PUT",
        f"/projects/{project['id']}",
        {"name": "Store", "rootDirectory": "apps/web"},
        status=200,
    )
    assert (changed["name"], changed["slug"]) == ("Store", "shop")
    assert changed["rootDirectory"] == "apps/web"
    assert changed["repository"] == project["repository"]


async def test_put_with_an_old_version_is_refused(user: User, client: httpx.AsyncClient) -> None:
    project = await user.project()
    path = f"/projects/{project['id']}"
    old = (await client.get(API + path, headers=user.headers)).headers["ETag"]
    await user.call("PUT", path, {"name": "new"}, status=200, **{"If-Match": old})
    await user.call("PUT", path, {"name": "newer"}, status=412, **{"If-Match": old})
    await user.call("PUT", path, {"name": "newer"}, status=412, **{"If-Match": '"nonsense"'})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_project_of_others_does_not_exist(user: User, stranger: User, method: str) -> None:
    project = await user.project()
    body = {"name": "mine"} if method == "PUT" else None
    theirs = await stranger.call(method, f"/projects/{project['id']}", body, status=404)
    missing = await stranger.call(method, f"/projects/{uuid4()}", body, status=404)
    assert theirs["detail"] == missing["detail"]
    assert (await stranger.call("GET", "/projects", status=200))["items"] == []


async def test_projects_are_paged_and_searched(user: User) -> None:
    for name in ("alpha", "beta", "alphabet"):
        await user.call("POST", "/projects", {"name": name}, status=201)
    first = await user.call("GET", "/projects?limit=2", status=200)
    second = await user.call("GET", f"/projects?limit=2&cursor={first['nextCursor']}", status=200)
    names = [item["name"] for item in first["items"] + second["items"]]
    assert names == ["alphabet", "beta", "alpha"]
    found = await user.call("GET", "/projects?q=alpha", status=200)
    assert {item["name"] for item in found["items"]} == {"alpha", "alphabet"}
    assert (await user.call("GET", "/projects?q=%25", status=200))["items"] == []


async def test_deleted_project_is_gone_for_callers_at_once(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    project = await user.project()
    deployment = await user.deployment(project)
    await user.call("DELETE", f"/projects/{project['id']}", status=204)
    await user.call("GET", f"/projects/{project['id']}", status=404)
    await user.call("GET", f"/deployments/{deployment['id']}", status=404)
