"""What projects cost by dated prices, and budgets that refuse what would exceed them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select
from tests.services.auth.accounts import principal as sign_up
from tests.services.auth.people import Team
from tests.services.deployer.hosted import HostedProvider
from tests.services.deployer.platform import WITH_DATABASE, Platform
from tests.services.deployer.test_hosting import Clouds

from autodeploy.kernel.errors import Forbidden, InvalidInput, NotFound
from autodeploy.providers.manifests import Price
from autodeploy.providers.registry import Registry
from autodeploy.providers.render.catalogue import MANIFEST as RENDER
from autodeploy.services.analyzer.plan import AppKind, Command, Plan
from autodeploy.services.analyzer.prices import PricesInvalid, default_prices
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import costs
from autodeploy.services.deployer.cost_estimates import Wish, estimate_costs
from autodeploy.services.deployer.cost_schemas import BudgetInput, CostsView
from autodeploy.services.deployer.costs import Budget, BudgetExceeded
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.schemas import DatabaseInput
from autodeploy.services.deployer.databases.service import create_database
from autodeploy.services.deployer.deployment_schemas import DeploymentInput
from autodeploy.services.deployer.deployments import create_deployment
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.tariff import Tariff

PRICES = {"free": 0, "small": 1000, "big": 2500, "huge": None}


class Priced:
    """A cloud whose static apps are 3 dollars a month."""

    def __init__(self, clouds: Clouds):
        self.platform = clouds.platform
        self.cloud = clouds.cloud

    async def costs(self, project: ProjectView) -> CostsView:
        return await costs.get_costs(
            self.platform.resources, self.platform.principal, project.id,
            providers=self.platform.engine.providers,
        )  # fmt: skip

    async def limit(self, project: ProjectView, cents: int | None) -> None:
        await costs.set_budget(
            self.platform.resources, self.platform.principal, project.id,
            BudgetInput(monthly_limit_cents=cents),
        )  # fmt: skip

    async def database(
        self, project: ProjectView, plan: str, name: str = "main", **more: object
    ) -> None:
        body = DatabaseInput.model_validate(
            {"project_id": project.id, "name": name, "provider": "cloud", "plan": plan, **more}
        )
        await create_database(
            self.platform.resources, self.platform.principal, body,
            providers=self.platform.engine.providers,
        )  # fmt: skip

    async def count(self, table: type[Deployment] | type[ProjectDatabase]) -> int:
        async with self.platform.resources.db.transaction() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
async def priced(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Priced]:
    sheet = tuple(
        Price(plan, "database", cents, "USD", "example.com/prices", "2026-11-01")
        for plan, cents in PRICES.items()
    )
    app = Price("site", "static", 300, "USD", "example.com/sites", "2026-10-01")
    manifest = replace(HostedProvider.manifest, pricing=(*sheet, app), app_plans={"static": "site"})
    monkeypatch.setattr(HostedProvider, "manifest", manifest)
    clouds = Clouds(platform)
    await clouds.connect()
    yield Priced(clouds)


async def test_project_without_anything_costs_nothing(priced: Priced) -> None:
    view = await priced.costs(await priced.platform.project())
    assert (view.items, view.known_monthly_cents, view.unknown_items) == ([], 0, 0)
    assert (view.budget.monthly_limit_cents, view.remaining_cents) == (None, None)


async def test_each_thing_has_its_price_with_source_and_date(priced: Priced) -> None:
    project = await priced.platform.project()
    await priced.platform.deployed(project, provider="cloud")
    await priced.database(project, "big")
    await priced.limit(project, 5000)
    view = await priced.costs(project)
    assert [
        (each.kind, each.environment, each.name, each.provider, each.plan, each.monthly_cents)
        for each in view.items
    ] == [
        ("app", "production", "static", "cloud", "site", 300),
        ("database", "production", "main", "cloud", "big", 2500),
    ]
    assert (view.items[0].source, view.items[0].as_of) == ("example.com/sites", "2026-10-01")
    assert (view.known_monthly_cents, view.remaining_cents) == (2800, 2200)


async def test_unknown_price_is_never_zero_and_is_not_refused(priced: Priced) -> None:
    project = await priced.platform.project()
    await priced.limit(project, 0)
    await priced.database(project, "huge")
    view = await priced.costs(project)
    assert [each.monthly_cents for each in view.items] == [None]
    assert (view.known_monthly_cents, view.unknown_items) == (0, 1)


async def test_price_of_the_administrator_comes_first(priced: Priced) -> None:
    project = await priced.platform.project()
    await priced.platform.deployed(project, provider="cloud")
    ours = {"monthly_cents": 111, "source": "our contract", "as_of": "2026-11-20"}
    prices = {"cloud.static": ours, "cloud.postgresql": {**ours, "plan": "Big"}}
    (priced.platform.resources.home / "prices.json").write_text(json.dumps(prices))
    await priced.database(project, "big")
    await priced.database(project, "small", "other")
    view = await priced.costs(project)
    assert [(each.monthly_cents, each.source) for each in view.items] == [
        (111, "our contract"), (111, "our contract"), (1000, "example.com/prices"),
    ]  # fmt: skip


async def test_redis_has_the_prices_of_its_own_plans(
    priced: Priced, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = HostedProvider.manifest.pricing
    ours = Price("small", "redis", 700, "USD", "example.com/redis", "2026-11-02")
    unknown = replace(ours, plan="big", monthly_cents=None)
    manifest = replace(HostedProvider.manifest, pricing=(*sheet, ours, unknown))
    monkeypatch.setattr(HostedProvider, "manifest", manifest)
    project = await priced.platform.project()
    await priced.limit(project, 1000)
    await priced.database(project, "small", "cache", engine="redis")
    await priced.database(project, "big", "sessions", engine="redis")
    view = await priced.costs(project)
    assert [(each.name, each.monthly_cents, each.source) for each in view.items] == [
        ("cache", 700, "example.com/redis"), ("sessions", None, "example.com/redis"),
    ]  # fmt: skip
    with pytest.raises(BudgetExceeded):
        await priced.database(project, "small", "third", engine="redis")
    contract = {"monthly_cents": 111, "source": "our contract", "as_of": "2026-11-20"}
    prices = {"cloud.redis": contract, "cloud.postgresql": {**contract, "monthly_cents": 5}}
    (priced.platform.resources.home / "prices.json").write_text(json.dumps(prices))
    assert [each.monthly_cents for each in (await priced.costs(project)).items] == [111, 111]


async def test_prices_that_cannot_be_read_are_in_the_way_of_budgets_alone(priced: Priced) -> None:
    (priced.platform.resources.home / "prices.json").write_text("{")
    project = await priced.platform.project()
    await priced.database(project, "small")
    await priced.limit(project, 5000)
    with pytest.raises(PricesInvalid):
        await priced.database(project, "small", environment="staging")


async def test_database_that_would_exceed_the_budget_is_not_made(priced: Priced) -> None:
    project = await priced.platform.project()
    await priced.limit(project, 3000)
    await priced.database(project, "big")
    with pytest.raises(BudgetExceeded) as refused:
        await priced.database(project, "small", "second")
    assert refused.value.message == (
        "With this, shop would cost 35.00 USD a month, 10.00 more than now; its budget is 30.00."
    )
    assert "autodeploy costs" in (refused.value.remedy or "")
    assert await priced.count(ProjectDatabase) == 1
    await priced.database(project, "big")  # the one that is there
    await priced.database(project, "free", "third")
    await priced.database(project, "small", "second", ignore_budget=True)
    assert (await priced.costs(project)).remaining_cents == -500
    await priced.database(project, "free", "fourth")  # over the budget, and no dearer


async def test_two_at_once_do_not_exceed_it_together(priced: Priced) -> None:
    project = await priced.platform.project()
    await priced.limit(project, 1500)
    done = await asyncio.gather(
        *(priced.database(project, "small", environment=f"env{number}") for number in range(4)),
        return_exceptions=True,
    )
    assert [type(each) for each in done if each is not None] == [BudgetExceeded] * 3
    assert (await priced.costs(project)).known_monthly_cents == 1000


async def test_whoever_checks_a_budget_keeps_others_from_it(priced: Priced) -> None:
    made = await priced.platform.project()
    await priced.limit(made, 1500)
    resources = priced.platform.resources
    providers = priced.platform.engine.providers
    async with resources.db.transaction() as session, resources.db.transaction() as other:
        project = await session.get_one(Project, made.id)
        assert await Budget.lock(session, project, resources, providers) is not None
        taken = select(Project.id).where(Project.id == made.id)
        free = taken.with_for_update(key_share=True, skip_locked=True)
        assert await other.scalar(free) is None
        assert await other.scalar(taken.with_for_update(read=True, key_share=True)) is not None


async def test_deployment_is_refused_before_any_work_once_it_is_known_what_it_is(
    priced: Priced,
) -> None:
    platform = priced.platform
    project = await platform.project()
    await priced.limit(project, 200)
    first = await platform.deployed(project, provider="cloud")
    assert first.error is not None
    assert first.error.code == "budget_exceeded"
    assert "3.00 USD" in first.error.message
    assert priced.cloud.apps.builds == []
    with pytest.raises(BudgetExceeded):
        await platform.deploy(project, provider="cloud")
    assert await priced.count(Deployment) == 1
    assert (await platform.deployed(project)).status == "ready", "here it costs nothing"


async def test_deployment_goes_past_the_budget_when_it_is_told_to(priced: Priced) -> None:
    platform = priced.platform
    project = await platform.project()
    await priced.limit(project, 200)
    forced = await platform.deployed(project, provider="cloud", ignore_budget=True)
    assert forced.status == "ready"
    assert (await priced.costs(project)).remaining_cents == -100
    again = await platform.deployed(project, build="always")
    assert again.status == "ready", "it costs no more than what is there"


async def test_database_of_a_deployment_counts(priced: Priced) -> None:
    platform = priced.platform
    project = await platform.project(WITH_DATABASE)
    await priced.limit(project, 2400)
    wish = {"database": {"provider": "cloud", "plan": "big"}}
    view = await platform.deployed(project, provider="cloud", configuration=wish)
    assert view.error is not None
    assert view.error.code == "budget_exceeded"
    assert priced.cloud.apps.passwords == []


async def test_plan_that_was_chosen_is_what_an_app_costs(
    priced: Priced, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = priced.platform
    manifest = HostedProvider.manifest
    plans = (("fast", "app", 900), ("fast", "static", 700))
    more = [Price(*each, "USD", "example.com/apps", "2026-10-01") for each in plans]
    monkeypatch.setattr(
        HostedProvider, "manifest", replace(manifest, pricing=(*manifest.pricing, *more))
    )
    project = await platform.project()
    await priced.limit(project, 500)
    fast = {"configuration": {"plan": "fast"}}
    await platform.deployed(project, provider="cloud")
    with pytest.raises(BudgetExceeded, match=r"7\.00 USD"):
        await platform.deploy(project, **fast)
    await priced.limit(project, 700)
    assert (await platform.deployed(project, **fast)).status == "ready"
    [item] = (await priced.costs(project)).items
    assert (item.plan, item.monthly_cents) == ("fast", 700)
    await platform.deploy(project)
    assert (await priced.costs(project)).known_monthly_cents == 700, "the plan is kept"


def test_worker_beside_an_app_has_no_plan_that_workers_lack() -> None:
    tariff = Tariff(Registry([SimpleNamespace(manifest=RENDER)]), default_prices())
    run = Command(command="node mail.js", reason="Procfile")
    plan = Plan(kind=AppKind.SERVER, worker_commands={"mail": run, "bulk": run})
    told = {
        chosen: [
            (item.name, item.plan, item.quantity, item.monthly_cents)
            for item in tariff.app("production", "render", plan, 1, chosen)
        ]
        for chosen in (None, "free", "standard")
    }
    beside = ("worker", "starter", 2, 1400)
    assert told == {
        None: [("service", "free", 1, 0), beside],
        "free": [("service", "free", 1, 0), beside],
        "standard": [("service", "standard", 1, 2500), ("worker", "standard", 2, 5000)],
    }
    service, _ = tariff.app("production", "render", plan, 3, "standard")
    assert (service.quantity, service.monthly_cents) == (3, 7500)


def test_private_app_has_no_plan_that_is_free_where_there_is_none() -> None:
    tariff = Tariff(Registry([SimpleNamespace(manifest=RENDER)]), default_prices())
    plan = Plan(kind=AppKind.SERVER, private=True)
    for chosen, price in ((None, 700), ("free", 700), ("standard", 2500)):
        [item] = tariff.app("production", "render", plan, 2, chosen)
        assert (item.name, item.quantity, item.monthly_cents) == ("private", 2, 2 * price)


async def test_move_replaces_what_is_charged_for(priced: Priced) -> None:
    platform = priced.platform
    project = await platform.project()
    await platform.deployed(project, provider="cloud")
    assert (await priced.costs(project)).known_monthly_cents == 300
    await platform.deploy(project, provider="local")
    view = await priced.costs(project)
    assert [(each.provider, each.monthly_cents) for each in view.items] == [("local", 0)]


async def test_budget_is_of_those_who_manage_the_organization(
    priced: Priced,
) -> None:
    platform = priced.platform
    project = await platform.project()
    team = Team(platform.resources, project.organization_id, platform.principal)
    member = await team.joined(Role.MEMBER)
    stranger = await sign_up(platform.resources)

    async def use(person: Principal) -> None:
        await costs.set_budget(
            platform.resources, person, project.id, BudgetInput(monthly_limit_cents=1)
        )

    async def force(person: Principal) -> None:
        await create_deployment(
            platform.resources, person, project.id, DeploymentInput(ignore_budget=True),
            providers=platform.engine.providers,
        )  # fmt: skip

    for act in (use, force):
        with pytest.raises(Forbidden):
            await act(member)
        with pytest.raises(NotFound):
            await act(stranger)
    for person, seen in ((member, True), (stranger, False)):
        reading = costs.get_costs(
            platform.resources, person, project.id, providers=platform.engine.providers
        )
        if seen:
            assert (await reading).budget.monthly_limit_cents is None
        else:
            with pytest.raises(NotFound):
                await reading


async def test_what_an_earlier_provider_keeps_counts_towards_the_budget(priced: Priced) -> None:
    platform = priced.platform
    project = await platform.project()
    assert (await platform.deployed(project, provider="cloud")).status == "ready"
    assert (await platform.deployed(project, provider="local", build="always")).status == "ready"
    view = await priced.costs(project)
    [kept] = [each for each in view.items if each.kept]
    assert (kept.provider, kept.monthly_cents, kept.note) == ("cloud", 300, "kept at A cloud")
    assert view.known_monthly_cents == 300
    await priced.limit(project, 300)
    await platform.deploy(project, build="always")
    with pytest.raises(BudgetExceeded):
        await priced.database(project, "small")


async def test_deployment_that_is_thought_of_is_priced_and_held_against_the_budget(
    priced: Priced,
) -> None:
    platform = priced.platform

    async def estimate(project: ProjectView, **wish: str) -> CostsView:
        return await estimate_costs(
            platform.resources, platform.principal, project.id, Wish("production", **wish),
            providers=platform.engine.providers,
        )  # fmt: skip

    project = await platform.project()
    view = await estimate(project, provider="cloud")
    assert [each.monthly_cents for each in view.items] == [None], "its code is not known yet"
    await platform.deployed(project)
    await priced.limit(project, 1000)
    view = await estimate(project, provider="cloud")
    [app] = view.items
    assert (app.provider, app.plan, app.monthly_cents) == ("cloud", "site", 300)
    assert (app.source, app.as_of) == ("example.com/sites", "2026-10-01")
    assert (view.remaining_cents, view.refused) == (700, None)
    view = await estimate(project, provider="cloud", database_provider="cloud", database_plan="big")
    assert (view.known_monthly_cents, view.remaining_cents) == (2800, -1800)
    assert "its budget is 10.00" in (view.refused or "")
    for wish in (
        {"provider": "nowhere"}, {"database_provider": "cloud", "database_plan": "vast"},
        {"provider": "cloud", "plan": "vast"}, {"region": "moon"},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            await estimate(project, **wish)
    assert (await priced.costs(project)).known_monthly_cents == 0, "nothing was deployed"
    assert await priced.count(ProjectDatabase) == 0
