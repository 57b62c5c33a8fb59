"""The ``org`` commands about members and invitations, against the real API."""

import asyncio
from pathlib import Path
from typing import Any

from tests.cli.command import run
from tests.cli.user.conftest import Person, PersonMaker
from tests.services.auth.accounts import PASSWORD
from tests.services.auth.people import invitation_token, mails_to

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.principal import Scope

ACME = ("--org", "acme")


async def roles(person: Person) -> dict[str, str]:
    [acme] = [each for each in (await person.call("GET", "/organizations"))["items"]
              if each["slug"] == "acme"]  # fmt: skip
    items = (await person.call("GET", f"/organizations/{acme['id']}/members"))["items"]
    return {each["email"]: each["role"] for each in items}


async def test_members_get_roles_and_are_removed(ada: Person, joined: Person) -> None:
    listed = (await joined.json("org members", "acme"))["items"]
    assert {each["email"]: each["role"] for each in listed} == {
        ada.email: "owner", joined.email: "member"
    }  # fmt: skip
    changed = await ada.json("org role", joined.email.upper(), "admin", *ACME)
    assert changed["role"] == "admin"
    assert "forbidden" in await joined.refused("org", "role", ada.email, "viewer", *ACME, code=77)
    said = await ada.refused("org", "role", "grcae@example.com", "viewer", *ACME)
    assert f"Did you mean {joined.email}?" in said
    said = await ada.refused("org", "role", joined.email, "king", *ACME, code=2)
    assert "'viewer', 'member', 'admin', 'owner'" in said

    table = (await ada.run("org", "members", "acme")).stdout
    assert table.splitlines()[0].split() == ["MEMBER", "NAME", "ROLE", "JOINED", "(UTC)"]
    said = await ada.refused("org", "remove", joined.email, *ACME, stdin="no\n", code=2)
    assert "nothing was changed" in said
    assert (await ada.json("org remove", joined.email, *ACME, "--yes"))["removed"] is True
    assert await roles(ada) == {ada.email: "owner"}


async def test_everybody_but_the_last_owner_may_leave(ada: Person, joined: Person) -> None:
    said = await ada.refused("org", "leave", "acme", "--yes")
    assert "last_owner" in said
    assert "another member an owner" in said
    assert "nothing was changed" in await joined.refused("org", "leave", "acme", stdin="\n", code=2)
    assert (await joined.json("org leave", "acme", "--yes"))["left"] is True
    assert "not_found" in await joined.refused("org", "show", "acme")
    assert await roles(ada) == {ada.email: "owner"}


async def test_an_organization_is_handed_over_after_the_heir_was_typed(
    ada: Person, joined: Person
) -> None:
    said = await ada.refused("org", "transfer", joined.email, *ACME, stdin="\n", code=2)
    assert "Only an owner can undo it" in said
    assert await roles(ada) == {ada.email: "owner", joined.email: "member"}
    handed_over = await ada.json("org transfer", joined.email, *ACME, "--yes")
    assert handed_over["role"] == "admin"
    assert await roles(ada) == {ada.email: "admin", joined.email: "owner"}


async def test_a_member_is_limited_to_projects_and_freed(
    ada: Person, joined: Person, acme: dict[str, Any]
) -> None:
    ids = {}
    for name in ("shop", "blog", "private"):
        body = {"name": name, "organizationId": acme["id"]}
        ids[name] = (await ada.call("POST", "/projects", body))["id"]
    await ada.call("POST", "/projects", {"name": "shop"})  # of the same name, elsewhere

    limited = await ada.json("org limit", joined.email, "-p", "shop", "-p", "blog", *ACME)
    assert set(limited["projects"]) == {ids["shop"], ids["blog"]}
    seen = {each["slug"] for each in (await joined.call("GET", "/projects"))["items"]}
    assert seen == {"shop", "blog"}
    shown = (await ada.run("org", "limit", joined.email, *ACME)).stdout
    assert {"shop", "blog"} <= set(shown.replace(",", " ").split())

    said = await ada.refused("org", "limit", joined.email, "-p", "shpo", *ACME)
    assert "Did you mean `shop`?" in said
    both = ("org", "limit", joined.email, "-p", "shop", "--no-limit", *ACME)
    assert "Give one of them" in await ada.refused(*both, code=2)
    assert "cannot be limited" in await ada.refused(
        "org", "limit", ada.email, "--project", "shop", *ACME
    )

    assert (await ada.json("org limit", joined.email, "--no-limit", *ACME))["projects"] is None
    assert len((await joined.call("GET", "/projects"))["items"]) == 3
    assert "all of Acme" in (await ada.run("org", "limit", joined.email, *ACME)).stdout


async def test_an_invitation_is_renewed_listed_and_revoked(
    ada: Person, acme: dict[str, Any], resources: Resources
) -> None:
    email = "bob@example.com"
    assert "No invitation" in (await ada.run("org", "invitations", "acme")).stderr
    first = await ada.json("org invite", email, *ACME)
    said = (await ada.run("org", "invite", email, "--role", "viewer", *ACME)).stderr
    assert f"Invited {email} to Acme as viewer, until " in said
    [waiting] = (await ada.json("org invitations", "acme"))["items"]
    assert (waiting["id"], waiting["role"]) == (first["id"], "viewer")
    assert email in (await ada.run("org", "invitations", "acme")).stdout

    token = invitation_token(mails_to(resources, email)[-1])
    everything = said + (await ada.run("org", "invitations", "acme", "--json")).stdout
    assert token not in everything
    assert (await ada.json("org revoke-invitation", email, *ACME))["revoked"] is True
    assert "invitation_invalid" in await ada.refused("org", "accept", token)
    assert "No invitation of" in await ada.refused("org", "revoke-invitation", email, *ACME)


async def test_an_invitation_is_for_its_address_alone(
    ada: Person, grace: Person, acme: dict[str, Any], resources: Resources
) -> None:
    path = f"/organizations/{acme['id']}/invitations"
    tokens = []
    for email in ("bob@example.com", grace.email):
        await ada.call("POST", path, {"email": email})
        tokens.append(invitation_token(mails_to(resources, email)[0]))
    assert "invitation_for_another" in await grace.refused("org", "accept", tokens[0], code=77)
    accepted = await grace.json("org accept", tokens[1])
    assert (accepted["id"], accepted["role"]) == (acme["id"], "member")


async def test_a_newcomer_joins_by_the_link_with_a_new_account(
    ada: Person, acme: dict[str, Any], resources: Resources, home: Path
) -> None:
    path = f"/organizations/{acme['id']}/invitations"
    await ada.call("POST", path, {"email": "bob@example.com"})
    token = invitation_token(mails_to(resources, "bob@example.com")[0])
    (home / "bob").mkdir()
    bob = Person(ada.url, home / "bob", "bob@example.com", None)
    link = f"{ada.url}/invitations#token={token}"
    said = await bob.refused("org", "accept", link, code=77)
    assert "autodeploy login" in said
    assert "--name makes one" in said
    short = await bob.refused("org", "accept", link, "--name", "Bob", stdin="short\n")
    assert "password" in short
    assert "There is no value" in await bob.refused("org", "accept", link, "--name", "Bob", code=2)

    done = await asyncio.to_thread(
        run, bob.folder, "org", "accept", "-", "--name", "Bob", stdin=f"{link}\n{PASSWORD}\n"
    )
    assert done.returncode == 0, done.stderr
    assert "You are member of Acme (acme) now." in done.stderr
    assert PASSWORD not in done.stderr
    assert token not in done.stderr
    assert await roles(ada) == {ada.email: "owner", "bob@example.com": "member"}
    known = await asyncio.to_thread(run, bob.folder, "org", "list")
    assert "acme" in known.stdout, "the account's token is stored"


async def test_a_member_is_told_what_it_may_not(joined: Person, person: PersonMaker) -> None:
    for command in (("invite", "x@example.com", *ACME), ("invitations", "acme")):
        said = await joined.refused("org", *command, code=77)
        assert "Ask an owner or admin" in said
    stranger = await person("eve", Scope.ADMIN)
    assert "You are in no organization 'acme'" in await stranger.refused("org", "members", "acme")
