"""``autodeploy costs``, ``usage`` and ``budget`` against a served platform."""

from uuid import UUID

import httpx
import pytest
from tests.api.deployer import User, make_runner
from tests.cli.user.conftest import Person

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def shop(ada: Person, resources: Resources) -> str:
    """A project of Ada's with a static app."""
    headers = {"Authorization": f"Bearer {ada.token}"}
    async with httpx.AsyncClient(base_url=ada.url) as client:
        user = User(client, headers)
        made = await user.deployment(await user.project())
        await make_runner(resources).run(UUID(made["id"]))
    return "my-shop"


async def test_costs_are_shown_with_the_budget(ada: Person, shop: str) -> None:
    none = await ada.run("budget", "--project", shop)
    assert "has no budget" in none.stderr
    set_ = await ada.json("budget", "12.5", "--project", shop)
    assert set_["monthlyLimitCents"] == 1250
    told = await ada.run("costs", shop)
    assert "static" in told.stdout
    assert "0.00" in told.stdout
    assert "Budget: 12.50 USD a month, 12.50 left." in told.stderr
    assert (await ada.json("costs", shop))["remainingCents"] == 1250
    lifted = await ada.run("budget", "none", "--project", shop)
    assert "has no budget" in lifted.stderr


async def test_what_is_live_here_is_charged_nothing(ada: Person, shop: str) -> None:
    assert "`autodeploy usage`" in (await ada.run("costs", shop)).stderr
    shown = await ada.run("usage", shop)
    assert "production app" in shown.stdout
    assert "none" in shown.stdout
    [item] = (await ada.json("usage", shop))["items"]
    assert (item["provider"], item["reportedMonthlyCents"]) == ("local", 0)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("wrong", ["-1", "1.234", "much", ""])
async def test_amount_that_is_none_is_refused(ada: Person, wrong: str) -> None:
    said = await ada.refused("budget", "--project", "my-shop", "--", wrong, code=2)
    assert "such as 50 or 12.50" in said


async def test_project_without_anything_says_so(ada: Person) -> None:
    headers = {"Authorization": f"Bearer {ada.token}"}
    async with httpx.AsyncClient(base_url=ada.url) as client:
        await User(client, headers).project("Empty")
    for command in ("costs", "usage"):
        assert "nothing is deployed" in (await ada.run(command, "empty")).stderr
