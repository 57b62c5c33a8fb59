"""``autodeploy connections`` against a served platform."""

import pytest
from sqlalchemy import update
from tests.cli.user.conftest import Person
from tests.services.deployer.hosted import CLOUD_TOKEN

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.deployer.models import Environment


@pytest.fixture
async def connected(ada: Person) -> None:
    done = await ada.run("connections", "add", "cloud", stdin=CLOUD_TOKEN)
    assert "Connected ada at cloud" in done.stderr
    assert CLOUD_TOKEN not in done.stdout + done.stderr


async def test_nothing_connected_says_what_to_do(ada: Person) -> None:
    assert "connections add PROVIDER" in (await ada.run("connections", "list")).stderr


@pytest.mark.usefixtures("connected")
async def test_failed_connection_is_shown_with_its_remedy(
    ada: Person, resources: Resources
) -> None:
    listed = await ada.run("connections", "list")
    assert "working" in listed.stdout
    assert "Next:" not in listed.stderr
    async with resources.db.transaction() as session:
        await session.execute(
            update(ProviderIntegration).values(
                failed_at=now(), failure="A cloud does not accept it.", missing=["apps:write"]
            )
        )
    failed = await ada.run("connections", "list")
    assert "failed" in failed.stdout
    assert "cloud: A cloud does not accept it. (since" in failed.stderr
    assert "Next: Connect the account again" in failed.stderr
    assert "lacks apps:write" in failed.stderr
    [item] = (await ada.json("connections list"))["items"]
    assert item["failure"]["reason"] == "A cloud does not accept it."


@pytest.mark.usefixtures("connected")
async def test_connection_that_is_used_is_removed_by_force_alone(
    ada: Person, resources: Resources
) -> None:
    made = await ada.call("POST", "/projects", {"name": "Shop"})
    async with resources.db.transaction() as session:
        row = await session.execute(ProviderIntegration.__table__.select())
        await session.execute(
            update(Environment)
            .where(Environment.project_id == made["id"])
            .values(connection_id=row.one().id)
        )
    said = await ada.refused("connections", "remove", "cloud", "--yes")
    assert "is used by production of shop" in said
    assert "--force" in said
    done = await ada.run("connections", "remove", "cloud", "--yes", "--force")
    assert "cloud is no longer connected." in done.stderr
    assert "settings at cloud" in done.stderr, "the token is Ada's own"
