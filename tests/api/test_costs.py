"""Costs and budgets over HTTP: read and set, and of nobody else's project."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import User, make_runner

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


async def test_budget_is_set_read_as_it_was_set_and_lifted(user: User) -> None:
    path = f"/projects/{(await user.project())['id']}"
    first = await user.call("GET", f"{path}/budget", status=200)
    assert first == {"monthlyLimitCents": None, "currency": "USD"}
    wanted = {"monthlyLimitCents": 5000, "currency": "USD"}
    assert await user.call("PUT", f"{path}/budget", wanted, status=200) == wanted
    read = await user.call("GET", f"{path}/budget", status=200)
    assert await user.call("PUT", f"{path}/budget", read, status=200) == wanted
    costs = await user.call("GET", f"{path}/costs", status=200)
    assert (costs["budget"], costs["remainingCents"]) == (wanted, 5000)
    await user.call("PUT", f"{path}/budget", {"monthlyLimitCents": None}, status=200)
    assert await user.call("GET", f"{path}/budget", status=200) == first


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"monthlyLimitCents": -1}, {"monthlyLimitCents": 1.5}, {"monthlyLimitCents": "much"},
        {"monthlyLimitCents": 10**10}, {"monthlyLimitCents": 5, "currency": "EUR"}, {"limit": 5},
    ],
)  # fmt: skip
async def test_unusable_budget_is_refused(user: User, wrong: dict[str, Any]) -> None:
    path = f"/projects/{(await user.project())['id']}/budget"
    assert (await user.call("PUT", path, wrong, status=422))["code"] == "invalid_input"


async def test_what_is_live_here_costs_nothing_and_says_why(
    user: User, resources: Resources
) -> None:
    project = await user.project()
    made = await user.deployment(project)
    await make_runner(resources).run(UUID(made["id"]))
    costs = await user.call("GET", f"/projects/{project['id']}/costs", status=200)
    [item] = costs["items"]
    assert (item["name"], item["monthlyCents"], item["quantity"]) == ("static", 0, 1)
    assert item["source"]
    assert item["asOf"]
    assert (costs["knownMonthlyCents"], costs["unknownItems"]) == (0, 0)


async def test_nothing_is_charged_for_what_is_live_here(user: User, resources: Resources) -> None:
    project = await user.project()
    made = await user.deployment(project)
    await make_runner(resources).run(UUID(made["id"]))
    told = await user.call("GET", f"/projects/{project['id']}/usage", status=200)
    [item] = told["items"]
    assert (item["kind"], item["name"], item["provider"]) == ("app", "app", "local")
    assert (item["reportedMonthlyCents"], item["differenceCents"]) == (0, 0)
    assert (item["usage"], item["reasons"]) == ([], [])
    assert (told["comparedItems"], told["reportedMonthlyCents"]) == (1, 0)
    assert told["readAt"]


async def test_costs_and_budgets_of_others_do_not_exist(
    user: User, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    path = f"/projects/{(await user.project())['id']}"
    stranger = User(client, await sign_up())
    await stranger.call("GET", f"{path}/costs", status=404)
    await stranger.call("GET", f"{path}/usage", status=404)
    await stranger.call("GET", f"{path}/budget", status=404)
    await stranger.call("PUT", f"{path}/budget", {"monthlyLimitCents": 0}, status=404)
    assert (await user.call("GET", f"{path}/budget", status=200))["monthlyLimitCents"] is None
