"""Environments over HTTP: listed, made and, once confirmed, deleted."""

import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import User

from autodeploy.services.deployer import projects


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


async def test_environment_is_made_listed_and_deleted_after_confirmation(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    path = f"/projects/{(await user.project())['id']}/environments"
    made = await user.call("POST", path, {"name": "staging"}, status=201)
    listed = (await user.call("GET", path, status=200))["items"]
    assert [each["name"] for each in listed] == ["production", "staging"]
    assert listed[1] == made
    again = await user.call("POST", path, {"name": "staging"}, status=409)
    assert again["code"] == "environment_exists"

    unconfirmed = await user.call("DELETE", f"{path}/staging", status=422)
    assert (unconfirmed["code"], unconfirmed["field"]) == ("not_confirmed", "confirm")
    production = await user.call("DELETE", f"{path}/production?confirm=production", status=409)
    assert production["code"] == "production_stays"
    await user.call("DELETE", f"{path}/staging?confirm=staging", status=204)
    await user.call("DELETE", f"{path}/staging?confirm=staging", status=404)
    assert len((await user.call("GET", path, status=200))["items"]) == 1


@pytest.mark.parametrize("name", ["", "UPPER", "a", "a_b", "x" * 21, "-a"])
async def test_unusable_name_is_refused(user: User, name: str) -> None:
    path = f"/projects/{(await user.project())['id']}/environments"
    await user.call("POST", path, {"name": name}, status=422)


async def test_number_of_replicas_is_set_within_bounds_and_taken_back(user: User) -> None:
    path = f"/projects/{(await user.project())['id']}/environments"
    scaled = await user.call("PUT", f"{path}/production/scale", {"replicas": 3}, status=200)
    [listed] = (await user.call("GET", path, status=200))["items"]
    assert listed == scaled
    assert listed["replicas"] == 3
    for wrong in ({"replicas": 0}, {"replicas": 9}, {"replicas": "many"}, {}, {"replica": 2}):
        refused = await user.call("PUT", f"{path}/production/scale", wrong, status=422)
        assert "replica" in str(refused["errors"][0]["field"])
    back = await user.call("PUT", f"{path}/production/scale", {"replicas": None}, status=200)
    assert back["replicas"] is None
    await user.call("PUT", f"{path}/nowhere/scale", {"replicas": 3}, status=404)


async def test_environments_of_others_do_not_exist(
    user: User, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    path = f"/projects/{(await user.project())['id']}/environments"
    stranger = User(client, await sign_up())
    await stranger.call("GET", path, status=404)
    await stranger.call("POST", path, {"name": "staging"}, status=404)
    await stranger.call("PUT", f"{path}/production/scale", {"replicas": 2}, status=404)
    await stranger.call("DELETE", f"{path}/production?confirm=production", status=404)
