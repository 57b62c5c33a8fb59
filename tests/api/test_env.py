import httpx
import pytest
from sqlalchemy import select
from tests.api.conftest import SignUp
from tests.api.deployer import User

from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.models import EnvironmentVariable


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def env(user: User) -> str:
    return f"/projects/{(await user.project())['id']}/env"


async def test_plain_value_is_read_back_and_stored_encrypted(
    user: User, env: str, resources: Resources
) -> None:
    made = await user.call("POST", env, {"key": "COLOUR", "value": "green"}, status=201)
    assert (made["value"], made["isSecret"], made["environment"]) == ("green", False, "production")
    assert (await user.call("GET", env, status=200))["items"] == [made]
    async with resources.db.transaction() as session:
        stored = await session.scalar(select(EnvironmentVariable.encrypted_value))
    assert stored is not None
    assert "green" not in stored


async def test_secret_is_write_only(user: User, env: str) -> None:
    body = {"key": "TOKEN_X", "value": "hunter22", "isSecret": True}
    made = await user.call("POST", env, body, status=201)
    listed = await user.call("GET", env, status=200)
    assert made["value"] is None
    assert "hunter22" not in str(listed)


@pytest.mark.parametrize(
    ("key", "value", "secret"),
    [
        ("API_TOKEN", "some value", True),
        ("DATABASE_URL", "some value", True),
        ("NEXT_PUBLIC_API_KEY", "some value", False),
        ("PORT", "80", False),
        ("MONGO", "mongodb://user:pass@host/name", True),
        ("HOMEPAGE", "https://host/name", False),
        ("SIGNING", "-----BEGIN RSA PRIVATE KEY-----\nabc", True),
    ],
)
async def test_secrecy_is_guessed_from_the_key_and_the_value(
    user: User, env: str, key: str, value: str, secret: bool
) -> None:
    made = await user.call("POST", env, {"key": key, "value": value}, status=201)
    assert made["isSecret"] is secret


async def test_put_without_a_value_keeps_it(user: User, env: str) -> None:
    await user.call("POST", env, {"key": "A", "value": "kept", "isSecret": False}, status=201)
    shown = await user.call("PUT", f"{env}/A", {}, status=200)
    assert shown["value"] == "kept"


async def test_secret_becomes_readable_only_with_a_new_value(user: User, env: str) -> None:
    body = {"key": "A", "value": "hunter22", "isSecret": True}
    await user.call("POST", env, body, status=201)
    problem = await user.call("PUT", f"{env}/A", {"isSecret": False}, status=422)
    assert problem["field"] == "value"
    [listed] = (await user.call("GET", env, status=200))["items"]
    assert (listed["value"], listed["isSecret"]) == (None, True)
    public = {"value": "public", "isSecret": False}
    assert (await user.call("PUT", f"{env}/A", public, status=200))["value"] == "public"


async def test_environments_have_variables_of_their_own(user: User, env: str) -> None:
    for environment in ("production", "preview"):
        body = {"key": "A", "value": environment, "environment": environment}
        await user.call("POST", env, body, status=201)
    await user.call("PUT", f"{env}/A?environment=preview", {"value": "changed"}, status=200)
    [production] = (await user.call("GET", env, status=200))["items"]
    assert production["value"] == "production"
    await user.call("DELETE", f"{env}/A?environment=preview", status=204)
    assert (await user.call("GET", f"{env}?environment=preview", status=200))["items"] == []


async def test_variable_that_is_set_already_is_a_conflict(user: User, env: str) -> None:
    await user.call("POST", env, {"key": "A", "value": "1"}, status=201)
    problem = await user.call("POST", env, {"key": "A", "value": "2"}, status=409)
    assert problem["code"] == "variable_exists"


@pytest.mark.parametrize("key", ["", "1A", "A-B", "A B", "A=B", "Ä", "A" * 256])
async def test_unusable_key_is_refused(user: User, env: str, key: str) -> None:
    await user.call("POST", env, {"key": key, "value": "1"}, status=422)


async def test_missing_variable_is_not_found(user: User, env: str) -> None:
    await user.call("PUT", f"{env}/NONE", {"value": "1"}, status=404)
    await user.call("DELETE", f"{env}/NONE", status=404)


async def test_variables_of_others_do_not_exist(
    user: User, env: str, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    await user.call("POST", env, {"key": "A", "value": "1"}, status=201)
    stranger = User(client, await sign_up())
    await stranger.call("GET", env, status=404)
    await stranger.call("POST", env, {"key": "B", "value": "1"}, status=404)
    await stranger.call("PUT", f"{env}/A", {"value": "2"}, status=404)
    await stranger.call("DELETE", f"{env}/A", status=404)
