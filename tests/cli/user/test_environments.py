"""Environments and their variables, from the command line."""

import json

import pytest
from tests.cli.user.conftest import Person

SECRET = "sk_live_never_shown"


@pytest.fixture
async def shop(ada: Person) -> str:
    """A project with two variables in production, one of them a secret."""
    project = await ada.call("POST", "/projects", {"name": "shop"})
    body = {"values": {"COLOUR": "red", "API_KEY": SECRET}}
    await ada.call("POST", f"/projects/{project['id']}/env/import", body)
    return "shop"


async def test_variables_are_copied_and_their_versions_told_without_values(
    ada: Person, shop: str
) -> None:
    made = await ada.json(
        "environments create", "staging", "--project", shop, "--copy-from", "production"
    )
    assert made["name"] == "staging"
    at = ("--project", shop, "--environment", "staging")
    await ada.run("env", "set", "COLOUR=blue", *at)
    answers = [
        await ada.run("env", "copy", "production", "staging", "--project", shop),
        await ada.run("env", "copy", "production", "staging", "--project", shop, "--overwrite"),
    ]
    assert "Copied nothing" in answers[0].stderr
    assert "Copied API_KEY, COLOUR from production to staging" in answers[1].stderr

    history = await ada.json("env history", shop, "--environment", "staging")
    assert [each["number"] for each in history["items"]][:2] == [3, 2]
    assert history["items"][-1]["added"] == ["API_KEY", "COLOUR"]
    difference = await ada.json("env diff", "1", "2", *at)
    assert (difference["added"], difference["changed"]) == ([], ["COLOUR"])
    table = await ada.run("env", "history", shop, "--environment", "staging")
    assert "VERSION" in table.stdout
    shown = json.dumps([history, difference]) + table.stdout + table.stderr
    assert SECRET not in shown + "".join(each.stdout + each.stderr for each in answers)

    assert "no environment nowhere" in await ada.refused(
        "env", "copy", "nowhere", "staging", "--project", shop
    )
    assert await ada.refused("env", "diff", "1", "99", *at)


async def test_an_environment_goes_after_its_name_was_typed_and_production_stays(
    ada: Person, shop: str
) -> None:
    await ada.json("environments create", "staging", "--project", shop)
    found = await ada.json("environments list", shop)
    assert {each["name"] for each in found["items"]} == {"production", "staging"}
    delete = ("environments", "delete", "staging", "--project", shop)
    wrong = await ada.run(*delete, stdin="production\n")
    assert wrong.returncode != 0
    assert len((await ada.json("environments list", shop))["items"]) == 2
    assert "environment" in await ada.refused(
        "environments", "delete", "production", "--yes", "--project", shop
    )
    assert await ada.refused("environments", "delete", "nowhere", "--yes", "--project", shop)
