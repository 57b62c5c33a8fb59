"""``autodeploy scale`` against a served platform, with a worker beside it."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.api.deployer import User, deploy_server, make_engine
from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person

from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.upkeep import Upkeep


@pytest.fixture
async def shop(ada: Person, resources: Resources) -> str:
    """A project of Ada's whose live app is a server."""
    headers = {"Authorization": f"Bearer {ada.token}"}
    async with httpx.AsyncClient(base_url=ada.url) as client:
        await deploy_server(User(client, headers), resources)
    [release] = (resources.home / "machine/releases").iterdir()
    release.write_text(json.dumps({**json.loads(release.read_text()), "replicas": 1}))
    return "my-shop"


@pytest.fixture
async def worker(resources: Resources) -> AsyncIterator[None]:
    """Looks after what is live."""
    upkeep = Upkeep(make_engine(resources))

    async def work() -> None:
        while True:
            await upkeep.keep_live()
            await asyncio.sleep(0.1)

    working = asyncio.create_task(work())
    yield
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


@pytest.mark.usefixtures("worker")
async def test_scaled_app_is_waited_for_and_told(ada: Person, shop: str) -> None:
    scaled = await ada.json("scale", "3", "--project", shop)
    assert scaled["replicas"] == 3
    assert scaled["runtime"]["replicas"] == {"running": 3, "wanted": 3}
    told = await ada.run("scale", "2", "--project", shop)
    assert "production of My Shop runs 2 of 2 replicas" in told.stderr
    status = await ada.run("status", shop)
    assert "running (2 of 2 replicas" in status.stdout
    check((await ada.json("status", shop))["project"], documented("project"))
    back = await ada.run("scale", "declared", "--project", shop)
    assert "as many replicas as autodeploy.toml says" in back.stderr


async def test_number_is_remembered_where_nothing_is_live(ada: Person, shop: str) -> None:
    await ada.json("environments create", "staging", "--project", shop)
    told = await ada.run("scale", "3", "--project", shop, "--environment", "staging")
    assert "The next deployment to staging of My Shop runs 3 replicas" in told.stderr


@pytest.mark.parametrize("wrong", ["0", "9", "-1", "2.5", "many", ""])
async def test_number_that_cannot_be_is_refused_with_what_to_do(
    ada: Person, shop: str, wrong: str
) -> None:
    said = await ada.refused("scale", "--project", shop, "--", wrong, code=2)
    assert "from 1 to 8" in said
    assert "take an app down" in said
