"""``resources`` against the real API: what is held, and what is nobody's."""

import json
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import User
from autodeploy.services.deployer.holdings.models import Orphan

NAME = "artifacts/7/build.tar.zst"


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """A project with a database that is still to be made."""
    made: dict[str, Any] = await ada.call("POST", "/projects", {"name": "Shop"})
    await ada.call("POST", "/databases", {"projectId": made["id"]})
    return made


@pytest.fixture
async def orphan(ada: Person, resources: Resources) -> Orphan:
    """What is nobody's, with Ada as an administrator of the platform."""
    row = Orphan(id=uuid4(), provider="local", kind="build", external_id=NAME, made_at=now())
    async with resources.db.transaction() as session:
        await session.execute(update(User).where(User.email == ada.email).values(is_admin=True))
        session.add(row)
    return row


async def _is_asked_for(resources: Resources) -> bool:
    async with resources.db.transaction() as session:
        return await session.scalar(select(Orphan.removal_requested_at)) is not None


async def test_what_is_held_is_listed_of_all_projects_or_of_one(
    ada: Person, project: dict[str, Any]
) -> None:
    await ada.call("POST", "/projects", {"name": "Empty"})
    [held] = (await ada.json("resources list"))["items"]
    assert (held["kind"], held["state"], held["project"]["name"]) == (
        "database", "half_made", "Shop",
    )  # fmt: skip
    for arguments in ((), ("shop",), ("list", "shop", "--kind", "database")):
        shown = (await ada.run("resources", *arguments)).stdout
        assert "database  half made  Shop     production" in shown
    assert (await ada.run("resources", "empty")).stdout == ""
    assert (await ada.run("resources", "--state", "live")).stdout == ""


async def test_orphan_is_removed_when_its_name_was_typed(
    ada: Person, orphan: Orphan, resources: Resources
) -> None:
    listed = json.loads((await ada.run("resources", "--orphans", "--json")).stdout)["items"]
    assert [each["id"] for each in listed] == [str(orphan.id)]
    check(listed[0], documented("orphan"))
    assert NAME in (await ada.run("resources", "--orphans")).stdout
    await ada.refused("resources", "remove", str(orphan.id), code=2, stdin="yes\n")
    assert not await _is_asked_for(resources)
    done = await ada.run("resources", "remove", str(orphan.id), stdin=f"{NAME}\n")
    assert done.returncode == 0
    assert await _is_asked_for(resources)
    await ada.json("resources remove", str(orphan.id), "--yes")


async def test_orphan_that_is_none_or_of_a_project_is_refused(
    ada: Person, grace: Person, orphan: Orphan
) -> None:
    said = await ada.refused("resources", "remove", str(uuid4()), "--yes")
    assert "resources --orphans" in said
    await ada.refused("resources", "remove", "none")
    await ada.refused("resources", "shop", "--orphans", code=2)
    assert "operators" in await grace.refused("resources", "--orphans", code=77)
