"""Everything that can be read and changed: versions, lost updates, and round trips.

The operations come from the description; ``MAKE`` says how to make one thing of each kind, and a
kind that it does not know fails.
"""

import asyncio
import copy
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.api.conftest import SignUp
from tests.api.deployer import API, User

from autodeploy.api.application import describe
from autodeploy.app import ROLE_ROUTERS, create_app
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import AuditEntry
from autodeploy.settings import Settings


async def _project(user: User) -> str:
    return f"/projects/{(await user.project())['id']}"


async def _variable(user: User) -> str:
    path = await _project(user)
    body = {"key": "COLOUR", "value": "red", "isSecret": False}
    await user.call("POST", f"{path}/env", body, status=201)
    return f"{path}/env/COLOUR"


#: How to make a thing that lies at a path, and what of it to change.
MAKE: dict[str, tuple[Callable[[User], Awaitable[str]], dict[str, Any]]] = {
    "/projects/{project_id}": (_project, {"name": "Another"}),
    "/projects/{project_id}/env/{key}": (_variable, {"value": "green"}),
}


def _changeable() -> list[str]:
    """The paths that can be read and changed."""
    paths = describe(create_app(Settings(), frozenset(ROLE_ROUTERS)))["paths"]
    return sorted(
        path.removeprefix(API)
        for path, item in paths.items()
        if "get" in item and item.keys() & {"put", "patch"}
    )


@pytest.fixture(params=_changeable())
def kind(request: pytest.FixtureRequest) -> str:
    assert request.param in MAKE, f"say in MAKE how to make what lies at {request.param}"
    return request.param


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def url(kind: str, user: User) -> str:
    make, _ = MAKE[kind]
    return API + await make(user)


@pytest.fixture
def change(kind: str) -> dict[str, Any]:
    return MAKE[kind][1]


async def _audit_entries(resources: Resources) -> int:
    async with resources.db.transaction() as session:
        return len((await session.scalars(select(AuditEntry.id))).all())


async def test_the_body_of_a_get_can_be_sent_back_and_changes_nothing(
    client: httpx.AsyncClient, user: User, url: str, resources: Resources
) -> None:
    before = await client.get(url, headers=user.headers)
    audited = await _audit_entries(resources)
    for headers in ({}, {"If-Match": before.headers["ETag"]}):
        put = await client.put(url, json=before.json(), headers={**user.headers, **headers})
        assert put.status_code == 200, put.text
        assert put.json() == before.json()
        assert put.headers["ETag"] == before.headers["ETag"]
    after = await client.get(url, headers=user.headers)
    assert (after.json(), after.headers["ETag"]) == (before.json(), before.headers["ETag"])
    assert await _audit_entries(resources) == audited


async def test_a_change_has_another_etag_and_the_old_one_guards_against_lost_updates(
    client: httpx.AsyncClient, user: User, url: str, change: dict[str, Any]
) -> None:
    old = (await client.get(url, headers=user.headers)).headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', old), "a strong tag"
    guarded = {**user.headers, "If-Match": old}
    changed = await client.put(url, json=change, headers=guarded)
    assert changed.status_code == 200, changed.text
    assert changed.headers["ETag"] != old
    assert changed.json()["updatedAt"] > changed.json()["createdAt"]
    for method, body in (("PUT", change), ("DELETE", None)):
        refused = await client.request(method, url, json=body, headers=guarded)
        if refused.status_code == 405:
            continue
        assert (refused.status_code, refused.json()["field"]) == (412, "If-Match")
    now = await client.get(url, headers=user.headers)
    assert (now.json(), now.headers["ETag"]) == (changed.json(), changed.headers["ETag"])


async def test_of_concurrent_changes_of_one_version_one_wins(
    client: httpx.AsyncClient, user: User, url: str, change: dict[str, Any]
) -> None:
    [(field, value)] = change.items()
    tag = (await client.get(url, headers=user.headers)).headers["ETag"]
    answers = await asyncio.gather(
        *(
            client.put(
                url, json={field: f"{value}{number}"}, headers={**user.headers, "If-Match": tag}
            )
            for number in range(6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
    [won] = [answer for answer in answers if answer.status_code == 200]
    assert (await client.get(url, headers=user.headers)).json() == won.json()


@pytest.mark.parametrize(
    ("header", "status"),
    [("*", 200), ('"other", {tag}', 200), ("W/{tag}", 200), ('"other"', 412), ("nonsense", 412),
     ("", 412), ('""', 412)],
)  # fmt: skip
async def test_if_match_takes_lists_and_any(
    client: httpx.AsyncClient, user: User, url: str, header: str, status: int
) -> None:
    read = await client.get(url, headers=user.headers)
    condition = {"If-Match": header.format(tag=read.headers["ETag"])}
    put = await client.put(url, json=read.json(), headers={**user.headers, **condition})
    assert put.status_code == status


async def test_a_get_of_a_known_version_answers_304_without_a_body(
    client: httpx.AsyncClient, user: User, url: str, change: dict[str, Any]
) -> None:
    tag = (await client.get(url, headers=user.headers)).headers["ETag"]
    known = {**user.headers, "If-None-Match": f'"other", W/{tag}'}
    answer = await client.get(url, headers=known)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert "Content-Type" not in answer.headers
    assert answer.headers["X-Request-Id"]
    await client.put(url, json=change, headers=user.headers)
    assert (await client.get(url, headers=known)).status_code == 200


async def test_each_read_only_field_is_refused_by_name_when_it_is_changed(
    client: httpx.AsyncClient, user: User, url: str, kind: str
) -> None:
    document = describe(client._transport.app)  # type: ignore[attr-defined]
    schema = document["paths"][API + kind]["put"]["requestBody"]["content"]["application/json"]
    reference = schema["schema"]["$ref"].rpartition("/")[2]
    writable = document["components"]["schemas"][reference]["properties"]
    read = (await client.get(url, headers=user.headers)).json()
    moving = {"environments"}
    for field in read.keys() - writable.keys() - moving:
        for wrong in ("changed", None, 5, [], {"a": "b"}):
            if wrong == read[field]:
                continue
            body = {**copy.deepcopy(read), field: wrong}
            answer = await client.put(url, json=body, headers=user.headers)
            assert (answer.status_code, answer.json().get("field")) == (422, field), field
    answer = await client.put(url, json={**read, "nothing": 1}, headers=user.headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "nothing")
    assert (await client.get(url, headers=user.headers)).json() == read


async def test_what_the_platform_changes_by_itself_does_not_stand_in_the_way(
    client: httpx.AsyncClient, user: User, resources: Resources
) -> None:
    url = API + await _project(user)
    read = await client.get(url, headers=user.headers)
    await user.deployment(read.json(), environment="staging")
    moved = await client.get(url, headers=user.headers)
    assert moved.headers["ETag"] != read.headers["ETag"], "another answer has another tag"
    put = await client.put(
        url, json=read.json(), headers={**user.headers, "If-Match": read.headers["ETag"]}
    )
    assert (put.status_code, put.json()) == (200, moved.json())
