"""``audit`` against the real API: who changed what."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert
from tests.cli.user.conftest import Person, PersonMaker

from autodeploy.cli.user.client import PAGE_SIZE
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import AuditEntry
from autodeploy.services.auth.principal import Scope

ACME = ("--org", "acme")


@pytest.fixture
async def renamed(ada: Person, joined: Person, acme: dict[str, Any]) -> Person:
    """Ada, after some changes in Acme."""
    await ada.call("PUT", f"/organizations/{acme['id']}", {"name": "Ajax"})
    return ada


async def test_changes_say_when_who_with_what_on_what_and_from_where(
    renamed: Person, joined: Person
) -> None:
    items = (await renamed.json("audit", *ACME))["items"]
    assert [(each["action"], each["user"]) for each in items] == [
        ("organization.update", renamed.email),
        ("invitation.accept", joined.email),
        ("member.manage", renamed.email),
        ("organization.create", renamed.email),
    ]
    shown = (await renamed.run("audit", *ACME)).stdout.splitlines()
    assert len(shown) == 1 + len(items)
    when = datetime.fromisoformat(items[0]["createdAt"]).astimezone(UTC)
    newest = items[0]
    assert shown[1].split() == [
        *f"{when:%Y-%m-%d %H:%M:%S}".split(),
        renamed.email,
        "token",
        newest["tokenId"][:8],
        "organization.update",
        "organization",
        newest["objectId"],
        "127.0.0.1",
    ]


async def test_values_before_and_after_are_shown_and_hidden_ones_are_not(
    renamed: Person, acme: dict[str, Any]
) -> None:
    await renamed.json("org rename", "acme", "Acme Ltd")
    shown = (await renamed.run("audit", *ACME, "--changes", "-n", "1")).stdout.splitlines()
    assert [line.strip() for line in shown[2:]] == [
        'name: "Ajax" → "Acme Ltd"', "with autodeploy-cli"
    ]  # fmt: skip

    body = {"name": "Shop", "organizationId": acme["id"]}
    project = await renamed.call("POST", "/projects", body)
    variable = {"key": "API_KEY", "value": "hunter2", "isSecret": True}
    await renamed.call("POST", f"/projects/{project['id']}/env", variable)
    changed = await renamed.run("audit", *ACME, "--changes", "--action", "variable.write")
    assert "encryptedValue: changed, and not shown" in changed.stdout
    assert 'key: – → "API_KEY"' in changed.stdout
    assert "hunter2" not in changed.stdout


async def test_entries_are_filtered_and_limited(renamed: Person, joined: Person) -> None:
    async def actions(*arguments: str) -> list[str]:
        items = (await renamed.json("audit", *ACME, *arguments))["items"]
        return [each["action"] for each in items]

    assert await actions("--user", joined.email) == ["invitation.accept"]
    assert await actions("--action", "organization.create") == ["organization.create"]
    assert await actions("--limit", "2") == ["organization.update", "invitation.accept"]
    assert len(await actions("--since", "1h")) == 4
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert await actions("--since", later) == []
    assert "No entry is like that." in (await renamed.run("audit", *ACME, "--since", later)).stderr
    assert "is no time" in await renamed.refused("audit", *ACME, "--since", "soon", code=2)
    assert "--org too" in await renamed.refused("audit", "--user", joined.email, code=2)


async def test_more_entries_than_a_page_are_all_shown_with_since(
    renamed: Person, acme: dict[str, Any], resources: Resources
) -> None:
    organization_id = UUID(acme["id"])
    entry = {"actor": "system", "action": "project.update", "object_type": "project"}
    async with resources.db.transaction() as session:
        many = [{**entry, "organization_id": organization_id} for _ in range(PAGE_SIZE + 20)]
        await session.execute(insert(AuditEntry), many)
    everything = (await renamed.json("audit", *ACME, "--since", "1d"))["items"]
    assert len({each["id"] for each in everything}) == len(many) + 4
    assert len((await renamed.json("audit", *ACME))["items"]) == 50


async def test_without_an_organization_it_is_the_callers_own_account(
    renamed: Person, joined: Person
) -> None:
    items = (await joined.json("audit"))["items"]
    assert {each["action"] for each in items} >= {"auth.register", "auth.token_create"}
    assert {each["user"] for each in items} <= {joined.email, None}
    table = (await joined.run("audit")).stdout
    assert "session" in table
    assert renamed.email not in table


async def test_who_may_not_read_it_is_told(
    renamed: Person, joined: Person, person: PersonMaker
) -> None:
    assert "Ask an owner or admin" in await joined.refused("audit", *ACME, code=77)
    stranger = await person("eve", Scope.READ)
    assert "no organization 'acme'" in await stranger.refused("audit", *ACME)
