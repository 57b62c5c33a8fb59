"""The ``tokens`` commands, against the real API."""

import json
from typing import Any

from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person, PersonMaker

from autodeploy.services.auth.principal import Scope


async def made(person: Person, *arguments: str) -> dict[str, Any]:
    done = await person.run("tokens", "create", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


async def test_a_personal_token_is_made_shown_once_and_revoked(ada: Person) -> None:
    token = await made(ada, "ci", "--scope", "read", "--scope", "deploy", "--expires-in-days", "9")
    assert token["scopes"] == ["read", "deploy"]
    listed = (await ada.json("tokens list"))["items"]
    assert {each["name"] for each in listed} == {"laptop", "ci"}
    secret = token.pop("token")
    check(token, documented("token"))
    table = (await ada.run("tokens", "list")).stdout
    assert token["prefix"] in table
    assert secret not in table

    holder = Person(ada.url, ada.folder, ada.email, secret)
    await holder.json("org list")
    assert "login --scope admin" in await holder.refused("tokens", "create", "more", code=77)
    shown = f"{token['prefix']}…"
    assert (await ada.json("tokens revoke", shown))["revoked"] is True
    assert "autodeploy login" in await holder.refused("org", "list", code=77)
    assert "There is no token 'ci'" in await ada.refused("tokens", "revoke", "ci")


async def test_the_secret_alone_is_on_standard_output(ada: Person) -> None:
    done = await ada.run("tokens", "create", "laptop")
    secret = done.stdout.strip()
    assert secret.startswith("adp_")
    assert "Token laptop (write), without an end" in done.stderr
    assert secret not in done.stderr
    said = await ada.refused("tokens", "revoke", "laptop", code=2)
    assert "2 tokens are called 'laptop'" in said
    await ada.json("tokens revoke", (await ada.json("tokens list"))["items"][0]["id"])


async def test_a_service_token_is_of_its_project(ada: Person) -> None:
    await ada.call("POST", "/projects", {"name": "Shop"})
    token = await made(ada, "ci", "--project", "shop")
    assert token["scopes"] == ["deploy"]
    assert token["expiresAt"]
    ci = Person(ada.url, ada.folder, ada.email, token["token"])
    assert [each["slug"] for each in (await ci.json("projects"))["items"]] == ["shop"]
    listed = (await ada.run("tokens", "list", "--project", "shop")).stdout
    assert listed.splitlines()[1].startswith(token["id"])
    assert "ci" not in (await ada.run("tokens", "list")).stdout.split()

    refused = ("tokens", "create", "all", "--scope", "admin", "--project", "shop")
    assert "scopes" in await ada.refused(*refused)
    assert "There is no project" in await ada.refused("tokens", "list", "--project", "sho")
    await ada.json("tokens revoke", "ci", "--project", "shop")
    assert "There is no token." in (await ada.run("tokens", "list", "-p", "shop")).stderr


async def test_a_token_without_the_scope_makes_no_other(person: PersonMaker) -> None:
    bob = await person("bob", Scope.WRITE)
    assert "(forbidden)" in await bob.refused("tokens", "create", "more", code=77)
