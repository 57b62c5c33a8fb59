"""The ``org`` commands about organizations, and where projects go, against the real API."""

import asyncio
from pathlib import Path
from typing import Any

from tests.cli.command import run
from tests.cli.user.conftest import Person, PersonMaker

from autodeploy.services.auth.principal import Scope


async def test_an_organization_is_made_listed_shown_renamed_and_deleted(ada: Person) -> None:
    made = await ada.json("org create", "Acme Ltd", "--slug", "acme")
    assert (made["name"], made["slug"], made["role"]) == ("Acme Ltd", "acme", "owner")
    listed = (await ada.json("org list"))["items"]
    assert [(each["personal"], each["slug"]) for each in listed][1:] == [(False, "acme")]
    assert await ada.json("org show", "acme") == made

    renamed = await ada.json("org rename", "acme", "Acme Inc.")
    assert (renamed["name"], renamed["slug"]) == ("Acme Inc.", "acme")
    assert (await ada.json("org rename", "acme", "Ajax", "--slug", "ajax"))["slug"] == "ajax"

    shown = (await ada.run("org", "list")).stdout.splitlines()
    assert shown[0].split() == ["ORGANIZATION", "NAME", "YOUR", "ROLE", "KIND", "MADE", "(UTC)"]
    assert shown[2].startswith("ajax")
    assert "personal" in shown[1]
    assert "ajax" in (await ada.run("org", "show", "ajax")).stdout

    deleted = await ada.json("org delete", "ajax", "--yes")
    assert (deleted["id"], deleted["deleted"]) == (made["id"], True)
    assert "no organization 'ajax'" in await ada.refused("org", "show", "ajax")


async def test_deleting_asks_for_the_slug(ada: Person, acme: dict[str, Any]) -> None:
    for typed in ("Acme\n", ""):
        said = await ada.refused("org", "delete", "acme", stdin=typed, code=2)
        assert "Type the slug of the organization" in said
    assert await ada.call("GET", f"/organizations/{acme['id']}") == acme
    done = await ada.run("org", "delete", "acme", stdin="acme\n")
    assert done.returncode == 0, done.stderr


async def test_the_only_organization_need_not_be_named_and_of_several_none_is_guessed(
    ada: Person,
) -> None:
    [own] = (await ada.call("GET", "/organizations"))["items"]
    assert (await ada.json("org show"))["id"] == own["id"]
    await ada.call("POST", "/organizations", {"name": "Acme"})
    for command in (["show"], ["role", ada.email, "viewer"]):
        said = await ada.refused("org", *command, code=2)
        assert f"You are in {own['slug']}, acme" in said


async def test_a_mistyped_organization_is_answered_with_what_was_meant(
    ada: Person, acme: dict[str, Any]
) -> None:
    said = await ada.refused("org", "members", "acmee")
    assert "Did you mean `acme`?" in said
    assert "(not_found)" in said
    assert "no organization ''" in await ada.refused("org", "invite", "a@b.com", "--org", "")


async def test_a_taken_slug_and_a_token_that_may_not_are_told(
    ada: Person, acme: dict[str, Any], person: PersonMaker
) -> None:
    bob = await person("bob", Scope.WRITE)
    assert "slug_taken" in await ada.refused("org", "create", "Other", "--slug", "acme")
    assert "autodeploy login --scope admin" in await bob.refused("org", "create", "Bobs", code=77)


async def test_the_shell_completes_the_slugs_of_organizations(
    ada: Person, acme: dict[str, Any]
) -> None:
    done = await asyncio.to_thread(
        run,
        ada.folder,
        _AUTODEPLOY_COMPLETE="complete_bash",
        COMP_WORDS="autodeploy org members ac",
        COMP_CWORD="3",
        AUTODEPLOY_URL=ada.url,
        AUTODEPLOY_TOKEN=ada.token or "",
    )
    assert done.stdout.split() == ["acme"]


async def test_a_project_is_made_in_the_organization_that_is_named(
    ada: Person, acme: dict[str, Any], shop: Path
) -> None:
    [own, _] = (await ada.call("GET", "/organizations"))["items"]
    await ada.json("deploy", "shop", "--detach", "--org", "acme")
    [project] = (await ada.call("GET", "/projects"))["items"]
    assert project["organizationId"] == acme["id"]

    again = await ada.json("deploy", "shop", "--detach")
    assert again["project"]["id"] == project["id"], "its name finds it wherever it is"
    await ada.json("deploy", "shop", "--detach", "--org", own["slug"])
    projects = (await ada.call("GET", "/projects"))["items"]
    assert {each["organizationId"] for each in projects} == {acme["id"], own["id"]}

    said = await ada.refused("destroy", "shop", "--yes", code=2)
    assert "2 organizations have a project 'shop'" in said
    assert all(each["id"] in said for each in projects)
    assert "no organization" in await ada.refused("deploy", "shop", "--org", "")
    assert (await ada.json("status", project["id"]))["project"]["id"] == project["id"]
