"""Domains of a project, from the command line; no worker looks at them here."""

from sqlalchemy import update
from tests.cli.user.conftest import Person

from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.domains.models import Domain

NAME = "shop.example.com"


async def test_a_domain_is_added_shown_with_its_records_and_removed(
    ada: Person, resources: Resources
) -> None:
    project = await ada.call("POST", "/projects", {"name": "shop"})
    await ada.call("POST", f"/projects/{project['id']}/environments", {"name": "staging"})
    none = await ada.run("domains", "list", "shop")
    assert "has no domains" in none.stderr
    at = ("--project", "shop", "--detach")
    where = ("--environment", "staging", *at)
    added = await ada.json("domains add", NAME, *where)
    assert (added["name"], added["state"]) == (NAME, "pending")
    assert "first deployment of staging" in (await ada.run("domains", "list", "shop")).stderr
    async with resources.db.transaction() as session:
        record = {"type": "CNAME", "name": NAME, "value": "cname.cloud.test"}
        await session.execute(update(Domain).values(records=[record]))
    shown = await ada.run("domains", "verify", NAME, *at)
    assert f"{NAME}  CNAME  cname.cloud.test" in shown.stderr
    [listed] = (await ada.json("domains list", "shop"))["items"]
    assert listed["records"] == [record]

    assert "name" in await ada.refused("domains", "add", "10.0.0.1", *where)
    wrong = await ada.run("domains", "remove", NAME, "--project", "shop", stdin="other\n")
    assert wrong.returncode != 0
    removed = await ada.json("domains remove", NAME, "--project", "shop", "--yes")
    assert removed["state"] == "removing"
    assert await ada.refused("domains", "remove", "no.example.com", "--project", "shop", "--yes")
