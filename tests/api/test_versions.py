"""Everything that can be read and changed: versions, lost updates, and round trips.

The operations come from the description; ``MAKE`` says how to make one thing of each kind, and a
kind that it does not know fails.
"""

import asyncio
import copy
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update
from tests.api.conftest import SignUp
from tests.api.deployer import API, User
from tests.services.auth.accounts import signed_up

from autodeploy.api.application import describe
from autodeploy.app import ROLE_ROUTERS, create_app
from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.models import AuditEntry, OrganizationMember, Role
from autodeploy.settings import Settings


@dataclass(frozen=True)
class Thing:
    """Where it lies, and bodies that each change it to something else."""

    url: str
    changes: list[dict[str, Any]]


def _numbered(field: str) -> list[dict[str, Any]]:
    return [{field: f"another {number}"} for number in range(6)]


async def _project(user: User, _resources: Resources) -> Thing:
    return Thing(f"{API}/projects/{(await user.project())['id']}", _numbered("name"))


async def _variable(user: User, resources: Resources) -> Thing:
    url = f"{(await _project(user, resources)).url}/env"
    body = {"key": "COLOUR", "value": "red", "isSecret": False}
    await user.call("POST", f"{url.removeprefix(API)}", body, status=201)
    return Thing(f"{url}/COLOUR", _numbered("value"))


async def _organization(user: User, _resources: Resources) -> Thing:
    [organization] = (await user.call("GET", "/organizations", status=200))["items"]
    return Thing(f"{API}/organizations/{organization['id']}", _numbered("name"))


async def _user(user: User, _resources: Resources) -> Thing:
    me = await user.call("GET", "/auth/me", status=200)
    return Thing(f"{API}/users/{me['id']}", _numbered("name"))


async def _member(user: User, resources: Resources) -> Thing:
    url = (await _organization(user, resources)).url
    organization_id = UUID(url.rpartition("/")[2])
    colleague = await signed_up(resources)
    async with resources.db.transaction() as session:
        session.add(
            OrganizationMember(
                organization_id=organization_id,
                user_id=colleague.user.id,
                role=Role.MEMBER,
                joined_at=now(),
            )
        )
    others = [{"role": role} for role in Role if role != Role.MEMBER]
    return Thing(f"{url}/members/{colleague.user.id}", others * 2)


async def _limit_of_a_member(user: User, resources: Resources) -> Thing:
    projects = [(await user.project(f"Shop {number}"))["id"] for number in range(3)]
    some = [each for size in (1, 2) for each in combinations(projects, size)]
    url = (await _member(user, resources)).url
    return Thing(f"{url}/projects", [{"projects": list(each)} for each in some])


async def _database(user: User, _resources: Resources) -> Thing:
    project = await user.project()
    made = await user.call("POST", "/databases", {"projectId": project["id"]}, status=202)
    changes = [{"backups": {"hour": hour}} for hour in range(10, 16)]
    return Thing(f"{API}/databases/{made['id']}", changes)


async def _webhook(user: User, resources: Resources) -> Thing:
    url = f"{(await _organization(user, resources)).url}/webhooks"
    body = {"url": "http://127.0.0.1:9/receiver"}
    made = await user.call("POST", url.removeprefix(API), body, status=201)
    return Thing(f"{url}/{made['id']}", _numbered("name"))


async def _channel(user: User, resources: Resources) -> Thing:
    url = f"{(await _organization(user, resources)).url}/notification-channels"
    body = {"kind": "slack", "name": "team", "address": "http://127.0.0.1:9/receiver"}
    made = await user.call("POST", url.removeprefix(API), body, status=201)
    return Thing(f"{url}/{made['id']}", _numbered("name"))


async def _budget(user: User, resources: Resources) -> Thing:
    changes = [{"monthlyLimitCents": cents} for cents in range(100, 700, 100)]
    return Thing(f"{(await _project(user, resources)).url}/budget", changes)


async def _push_to_deploy(user: User, resources: Resources) -> Thing:
    project = await user.project()
    async with resources.db.transaction() as session:
        await session.execute(
            update(Repository)
            .where(Repository.id == UUID(project["repository"]["id"]))
            .values(kind="github", github_id=1)
        )
    changes = [{"paths": [f"apps/{number}/**"]} for number in range(6)]
    return Thing(f"{API}/projects/{project['id']}/push-to-deploy", changes)


#: How to make a thing that lies at a path.
MAKE: dict[str, Callable[[User, Resources], Awaitable[Thing]]] = {
    "/databases/{database_id}": _database,
    "/projects/{project_id}": _project,
    "/projects/{project_id}/budget": _budget,
    "/projects/{project_id}/env/{key}": _variable,
    "/projects/{project_id}/push-to-deploy": _push_to_deploy,
    "/organizations/{organization_id}": _organization,
    "/organizations/{organization_id}/webhooks/{webhook_id}": _webhook,
    "/organizations/{organization_id}/notification-channels/{channel_id}": _channel,
    "/organizations/{organization_id}/members/{user_id}": _member,
    "/organizations/{organization_id}/members/{user_id}/projects": _limit_of_a_member,
    "/users/{user_id}": _user,
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
async def thing(kind: str, user: User, resources: Resources) -> Thing:
    return await MAKE[kind](user, resources)


@pytest.fixture
def url(thing: Thing) -> str:
    return thing.url


@pytest.fixture
def change(thing: Thing) -> dict[str, Any]:
    return thing.changes[0]


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
    if "updatedAt" in changed.json():
        assert changed.json()["updatedAt"] > changed.json()["createdAt"]
    for method, body in (("PUT", change), ("DELETE", None)):
        refused = await client.request(method, url, json=body, headers=guarded)
        if refused.status_code == 405:
            continue
        assert (refused.status_code, refused.json()["field"]) == (412, "If-Match")
    present = await client.get(url, headers=user.headers)
    assert (present.json(), present.headers["ETag"]) == (changed.json(), changed.headers["ETag"])


async def test_of_concurrent_changes_of_one_version_one_wins(
    client: httpx.AsyncClient, user: User, url: str, thing: Thing
) -> None:
    tag = (await client.get(url, headers=user.headers)).headers["ETag"]
    answers = await asyncio.gather(
        *(
            client.put(url, json=change, headers={**user.headers, "If-Match": tag})
            for change in thing.changes
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
    moving = {"environments", "offReason", "failingSince"}
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
    url = (await _project(user, resources)).url
    read = await client.get(url, headers=user.headers)
    await user.deployment(read.json(), environment="staging")
    moved = await client.get(url, headers=user.headers)
    assert moved.headers["ETag"] != read.headers["ETag"], "another answer has another tag"
    put = await client.put(
        url, json=read.json(), headers={**user.headers, "If-Match": read.headers["ETag"]}
    )
    assert (put.status_code, put.json()) == (200, moved.json())
