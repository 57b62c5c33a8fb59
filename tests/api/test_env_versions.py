"""Versions of variables, bulk changes, copies, scopes and references over HTTP."""

import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import User


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def env(user: User) -> str:
    return f"/projects/{(await user.project())['id']}/env"


async def set_all(user: User, env: str, values: dict[str, str], **more: object) -> list[str]:
    answer = await user.call("POST", f"{env}/import", {"values": values, **more}, status=200)
    return [each["key"] for each in answer["items"]]


async def history(user: User, env: str, query: str = "") -> list[tuple[object, ...]]:
    page = await user.call("GET", f"{env}/versions{query}", status=200)
    return [(v["number"], v["added"], v["changed"], v["removed"]) for v in page["items"]]


async def difference(user: User, env: str, before: int, after: int) -> tuple[object, ...]:
    path = f"{env}/versions/diff?from={before}&to={after}"
    answer = await user.call("GET", path, status=200)
    assert (answer["from"], answer["to"]) == (before, after)
    return answer["added"], answer["changed"], answer["removed"]


async def test_each_change_is_a_version_with_names_author_and_no_value(
    user: User, env: str
) -> None:
    await set_all(user, env, {"A": "hunter22", "B": "hunter33"})
    await user.call("PUT", f"{env}/A", {"value": "hunter44"}, status=200)
    await user.call("DELETE", f"{env}/B", status=204)
    await user.call("POST", env, {"key": "C", "value": "hunter55"}, status=201)
    assert await history(user, env) == [
        (4, ["C"], [], []),
        (3, [], [], ["B"]),
        (2, [], ["A"], []),
        (1, ["A", "B"], [], []),
    ]
    page = await user.call("GET", f"{env}/versions", status=200)
    assert page["items"][0]["createdBy"]["type"] == "user"
    assert "hunter" not in str(page)


async def test_what_changes_nothing_is_no_version(user: User, env: str) -> None:
    await set_all(user, env, {"A": "1"})
    await set_all(user, env, {"A": "1"})
    shown = await user.call("GET", f"{env}/A", status=200)
    await user.call("PUT", f"{env}/A", shown, status=200)
    assert len(await history(user, env)) == 1


async def test_versions_are_paged_newest_first(user: User, env: str) -> None:
    for number in range(3):
        await set_all(user, env, {"A": str(number)})
    first = await user.call("GET", f"{env}/versions?limit=2", status=200)
    assert [each["number"] for each in first["items"]] == [3, 2]
    rest = f"?limit=2&cursor={first['nextCursor']}"
    assert [each[0] for each in await history(user, env, rest)] == [1]


async def test_difference_of_two_versions_sums_what_lies_between(user: User, env: str) -> None:
    await set_all(user, env, {"A": "1", "B": "1"})
    await set_all(user, env, {"A": "2", "C": "1"})
    await user.call("DELETE", f"{env}/B", status=204)
    await user.call("DELETE", f"{env}/C", status=204)
    await set_all(user, env, {"B": "2"})
    assert await difference(user, env, 0, 5) == (["A", "B"], [], [])
    assert await difference(user, env, 1, 5) == ([], ["A", "B"], [])
    assert await difference(user, env, 1, 3) == (["C"], ["A"], ["B"])
    assert await difference(user, env, 3, 1) == (["B"], ["A"], ["C"])
    assert await difference(user, env, 2, 4) == ([], [], ["B", "C"])
    assert await difference(user, env, 4, 4) == ([], [], [])


async def test_version_that_is_not_there_is_named(user: User, env: str) -> None:
    await set_all(user, env, {"A": "1"})
    problem = await user.call("GET", f"{env}/versions/diff?from=0&to=2", status=422)
    assert problem["field"] == "to"


async def test_environments_have_histories_of_their_own(user: User, env: str) -> None:
    await set_all(user, env, {"A": "1"})
    await set_all(user, env, {"B": "1"}, environment="staging")
    assert await history(user, env, "?environment=staging") == [(1, ["B"], [], [])]
    assert await history(user, env, "?environment=nothing-here") == []


async def test_deployment_with_variables_is_one_version(user: User) -> None:
    project = await user.project()
    given = {"environmentVariables": {"A": "1", "B": "2"}}
    await user.deployment(project, configuration=given)
    assert await history(user, f"/projects/{project['id']}/env") == [(1, ["A", "B"], [], [])]


async def test_several_are_set_together_or_not_at_all(user: User, env: str) -> None:
    values = {"A": "1", "B": "${{ broken"}
    problem = await user.call("POST", f"{env}/import", {"values": values}, status=422)
    assert problem["field"] == "values.B"
    assert (await user.call("GET", env, status=200))["items"] == []
    assert await history(user, env) == []


async def test_copy_takes_secrets_along_and_leaves_what_is_set(user: User, env: str) -> None:
    await set_all(user, env, {"A": "1", "B": "1"}, scope="build")
    await set_all(user, env, {"TOKEN": "hunter22"})
    await set_all(user, env, {"B": "other"}, environment="staging")
    body = {"from": "production", "to": "staging"}
    copied = await user.call("POST", f"{env}/copy", body, status=200)
    assert [each["key"] for each in copied["items"]] == ["A", "TOKEN"]
    listed = (await user.call("GET", f"{env}?environment=staging", status=200))["items"]
    assert [(v["key"], v["value"], v["isSecret"], v["scope"]) for v in listed] == [
        ("A", "1", False, "build"),
        ("B", "other", False, "both"),
        ("TOKEN", None, True, "both"),
    ]
    assert (await history(user, env, "?environment=staging"))[0] == (2, ["A", "TOKEN"], [], [])
    everything = await user.call("POST", f"{env}/copy", {**body, "overwrite": True}, status=200)
    assert len(everything["items"]) == 3
    assert (await history(user, env, "?environment=staging"))[0] == (3, [], ["B"], [])


async def test_copy_to_itself_is_refused(user: User, env: str) -> None:
    problem = await user.call("POST", f"{env}/copy", {"from": "a1", "to": "a1"}, status=422)
    assert problem["field"] == "to"


async def test_scope_is_kept_until_it_is_changed(user: User, env: str) -> None:
    made = await user.call("POST", env, {"key": "A", "value": "1", "scope": "build"}, status=201)
    assert made["scope"] == "build"
    kept = await user.call("PUT", f"{env}/A", {"value": "2"}, status=200)
    assert kept["scope"] == "build"
    changed = await user.call("PUT", f"{env}/A", {"scope": "runtime"}, status=200)
    assert (changed["scope"], changed["value"]) == ("runtime", "2")
    await user.call("PUT", f"{env}/A", {"scope": "never"}, status=422)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("${{ TOKEN }}", True),
        ("x-${{ COLOUR }}", False),
        ("${{ databases.main.url }}", True),
        ("${{ databases.main.password }}", True),
        ("${{ databases.main.host }}", False),
        ("${{ DATABASE_URL }}", True),
        ("$${{ TOKEN }}", False),
    ],
)
async def test_value_that_refers_to_a_secret_becomes_one(
    user: User, env: str, value: str, secret: bool
) -> None:
    await set_all(user, env, {"TOKEN": "hunter22", "COLOUR": "red"})
    body = {"key": "A", "value": value, "isSecret": False}
    made = await user.call("POST", env, body, status=201)
    assert (made["isSecret"], made["value"]) == (secret, None if secret else value)


async def test_value_that_refers_to_a_secret_of_the_same_change_becomes_one(
    user: User, env: str
) -> None:
    values = {"A": "${{ B }}", "B": "${{ TOKEN }}", "C": "plain", "TOKEN": "hunter22"}
    answer = await user.call("POST", f"{env}/import", {"values": values}, status=200)
    assert {each["key"] for each in answer["items"] if each["isSecret"]} == {"A", "B", "TOKEN"}


async def test_reference_to_a_project_that_the_caller_does_not_see_is_refused(
    user: User, env: str, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    await User(client, await sign_up()).project(name="Elsewhere")
    for slug in ("elsewhere", "nothing"):
        body = {"key": "A", "value": f"${{{{ projects.{slug}.url }}}}"}
        problem = await user.call("POST", env, body, status=422)
        assert problem["field"] == "value"
    mine = await user.project(name="Api")
    body = {"key": "A", "value": f"${{{{ projects.{mine['slug']}.url }}}}"}
    await user.call("POST", env, body, status=201)
