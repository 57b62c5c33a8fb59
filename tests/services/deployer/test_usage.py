"""What the providers of a project report, beside the estimate: the one's silence hides no other."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import delete
from tests.fakes.contract import require_contract
from tests.fakes.render_api import OWNER, FakeRenderApi
from tests.fakes.render_api import TOKEN as RENDER_TOKEN
from tests.fakes.supabase_api import OAUTH_TOKEN, FakeSupabase
from tests.kernel.http.servers import MovedTime
from tests.services.auth.accounts import principal as sign_up
from tests.services.auth.people import Team
from tests.services.deployer.databases.office import Office
from tests.services.deployer.hosted import CLOUD_TOKEN, HostedApps, HostedProvider
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import fail_with

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.providers.manifests import Capability, Price
from autodeploy.providers.registry import Registry
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.usage import Charge, Usage
from autodeploy.services.auth.models import ProviderIntegration, Role
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer import usage
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.tariff import Tariff
from autodeploy.services.deployer.usage_schemas import ReportedItem, UsageView


@dataclass
class Billed:
    """A project, with a cloud whose static apps are 3 dollars a month, Render and Supabase."""

    platform: Platform
    cloud: HostedApps
    render: FakeRenderApi
    supabase: FakeSupabase
    project: ProjectView

    async def connect(self, provider: str, token: str, owner: str | None = None) -> None:
        platform = self.platform
        await connect_by_token(
            platform.resources, platform.principal, platform.principal.user_id, provider,
            ProviderTokenInput(token=token, owner_id=owner), providers=platform.engine.providers,
        )  # fmt: skip

    async def database(self, provider: str, plan: str, name: str = "main") -> None:
        view = await Office(self.platform).made(
            project_id=self.project.id, name=name, provider=provider, plan=plan
        )
        assert view.status == "available", view.error

    async def deploy(self) -> None:
        view = await self.platform.deployed(self.project, provider="cloud")
        assert view.status == "ready", view.error

    async def read(self, person: Principal | None = None) -> UsageView:
        platform = self.platform
        return await usage.get_usage(
            platform.resources, person or platform.principal, self.project.id,
            providers=platform.engine.providers,
        )  # fmt: skip

    async def item(self, provider: str) -> ReportedItem:
        [found] = [each for each in (await self.read()).items if each.provider == provider]
        return found


@pytest.fixture
async def billed(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Billed]:
    for name in ("render", "supabase"):
        require_contract(name)
    sheet = (
        Price("site", "static", 300, "USD", "example.com/sites", "2026-10-01"),
        Price("large", "static", 900, "USD", "example.com/sites", "2026-10-01"),
        *HostedProvider.manifest.pricing,
    )
    manifest = replace(HostedProvider.manifest, pricing=sheet, app_plans={"static": "site"})
    monkeypatch.setattr(HostedProvider, "manifest", manifest)
    resources, time = platform.resources, MovedTime()
    cloud = HostedProvider(resources.home, resources.objects)
    async with FakeRenderApi(time).run() as render, FakeSupabase(time.monotonic).run() as supabase:
        there = (
            RenderProvider(api_url=render.url, timing=time),
            SupabaseProvider(api_url=supabase.url, timing=time),
        )
        providers = Registry([platform.provider, cloud, *there])
        platform.engine = replace(platform.engine, providers=providers, lease_seconds=60.0)
        platform.runner = Runner(platform.engine)
        billed = Billed(platform, cloud.apps, render, supabase, await platform.project())
        await billed.connect("cloud", CLOUD_TOKEN)
        await billed.connect("render", RENDER_TOKEN, OWNER["id"])
        await billed.connect("supabase", OAUTH_TOKEN)
        yield billed
        await providers.close()


def _site(plan: str, **more: object) -> Charge:
    return replace(Charge(what="site", plan=plan, priced_as="static"), **more)  # type: ignore[arg-type]


async def test_a_plan_that_somebody_changed_at_the_provider_differs_from_the_estimate(
    billed: Billed,
) -> None:
    await billed.database("render", "basic_256mb")
    [held] = billed.render.databases.held.values()
    same = await billed.item("render")
    assert (same.estimated_monthly_cents, same.reported_monthly_cents) == (600, 600)
    assert same.difference_cents == 0
    held.sent["plan"] = "basic_1gb"
    found = await billed.item("render")
    assert (found.kind, found.environment, found.name) == ("database", "production", "main")
    assert (found.estimated_monthly_cents, found.reported_monthly_cents) == (600, 1900)
    assert found.difference_cents == 1300
    [charge] = found.charges
    assert (charge.plan, charge.monthly_cents, charge.as_of) == ("basic_1gb", 1900, "2025")
    held.sent["plan"] = "basic_4gb"  # of which the sources disagree
    unknown = await billed.item("render")
    assert (unknown.reported_monthly_cents, unknown.difference_cents) == (None, None)
    assert unknown.reasons == ["postgresql: its price is not known."]


async def test_a_token_that_lacks_the_right_hides_nothing_of_others(billed: Billed) -> None:
    await billed.database("supabase", "free")
    await billed.database("render", "basic_256mb", "second")
    view = await billed.read()
    told = {each.provider: each for each in view.items}
    assert told["render"].difference_cents == 0
    refused = told["supabase"]
    assert (refused.reported_monthly_cents, refused.charges, refused.usage) == (None, [], [])
    [reason] = refused.reasons
    assert "personal access tokens" in reason
    assert OAUTH_TOKEN not in view.model_dump_json()
    assert (view.compared_items, view.reported_monthly_cents) == (1, 600)


async def test_an_app_is_priced_by_the_plan_that_it_has_there_and_used_is_told(
    billed: Billed,
) -> None:
    await billed.deploy()
    until = now()
    billed.cloud.charges = (_site("large", quantity=2),)
    billed.cloud.used = (
        Usage(
            measure="bandwidth", unit="bytes", amount=5e9, since=until - timedelta(1), until=until
        ),
    )
    found = await billed.item("cloud")
    assert (found.kind, found.environment, found.name) == ("app", "production", "app")
    assert (found.estimated_monthly_cents, found.reported_monthly_cents) == (300, 1800)
    [charge] = found.charges
    assert (charge.quantity, charge.source, charge.as_of) == (2, "example.com/sites", "2026-10-01")
    [used] = found.usage
    assert (used.measure, used.amount, used.until) == ("bandwidth", 5e9, until)


async def test_what_is_charged_by_use_is_named_and_summed_nowhere(billed: Billed) -> None:
    await billed.deploy()
    billed.cloud.charges = (
        Charge(what="own price", monthly_cents=250, quantity=2),
        Charge(what="cron", by_use=True, note="by the time that it runs"),
    )
    found = await billed.item("cloud")
    assert (found.reported_monthly_cents, found.difference_cents) == (500, 200)
    assert [(each.what, each.monthly_cents, each.source) for each in found.charges] == [
        ("own price", 500, "cloud"), ("cron", None, "cloud"),
    ]  # fmt: skip
    assert found.reasons == []


async def test_one_price_that_is_not_known_makes_the_whole_unknown(billed: Billed) -> None:
    await billed.deploy()
    billed.cloud.charges = (_site("site"), Charge(what="disk", note="it is suspended"))
    found = await billed.item("cloud")
    assert (found.reported_monthly_cents, found.difference_cents) == (None, None)
    assert found.reasons == ["disk: it is suspended."]
    view = await billed.read()
    assert (view.compared_items, view.estimated_monthly_cents) == (0, 0)


async def test_a_provider_that_is_away_or_silent_is_named_and_the_others_told(
    billed: Billed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await billed.deploy()
    await billed.database("render", "basic_256mb")
    billed.cloud.charges = (_site("site"),)
    billed.cloud.at["app_usage"] = fail_with(ProviderUnavailable("A cloud does not answer."))
    part = await billed.item("cloud")
    assert (part.reported_monthly_cents, part.difference_cents) == (300, 0)
    assert part.reasons == ["A cloud does not answer. Try again in a moment."]

    async def be_silent() -> None:
        await asyncio.Event().wait()

    billed.cloud.at["app_charges"] = be_silent
    monkeypatch.setattr(usage, "_SECONDS", 2.0)
    told = {each.provider: each for each in (await billed.read()).items}
    assert told["render"].reported_monthly_cents == 600
    assert told["cloud"].reported_monthly_cents is None
    assert any("No answer came within 2 seconds" in each for each in told["cloud"].reasons)


async def test_without_an_account_or_a_call_for_it_nothing_is_asked(
    billed: Billed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await billed.deploy()
    abilities = HostedProvider.manifest.capabilities - {Capability.USAGE}
    unable = replace(HostedProvider.manifest, capabilities=abilities)
    with monkeypatch.context() as changed:
        changed.setattr(HostedProvider, "manifest", unable)
        found = await billed.item("cloud")
        assert (found.estimated_monthly_cents, found.reported_monthly_cents) == (300, None)
        assert found.reasons == ["A cloud tells tokens neither what is charged nor what was used."]
    async with billed.platform.resources.db.transaction() as session:
        await session.execute(delete(ProviderIntegration))
    found = await billed.item("cloud")
    assert found.reported_monthly_cents is None
    [reason] = found.reasons
    assert "No account at A cloud is connected" in reason
    assert billed.cloud.calls["app_charges"] == 0


async def test_what_is_not_there_yet_is_said_to_be_so(billed: Billed) -> None:
    await Office(billed.platform).asked(
        project_id=billed.project.id, provider="render", plan="basic_256mb"
    )
    found = await billed.item("render")
    assert (found.estimated_monthly_cents, found.reported_monthly_cents) == (600, None)
    assert found.reasons == ["It is not at Render yet."]
    await billed.platform.deployed(billed.project, provider="local")
    await billed.platform.deploy(billed.project, provider="cloud")
    moving = await billed.item("cloud")
    assert moving.reasons == ["It is not at A cloud yet."]


async def test_a_price_of_the_administrator_counts_for_both(billed: Billed) -> None:
    prices = {"render.postgresql": {
        "plan": "basic_256mb", "monthly_cents": 450, "source": "our contract",
        "as_of": "2026-09-01",
    }}  # fmt: skip
    (billed.platform.resources.home / "prices.json").write_text(json.dumps(prices))
    await billed.database("render", "basic_256mb")
    found = await billed.item("render")
    assert (found.estimated_monthly_cents, found.reported_monthly_cents) == (450, 450)
    assert found.charges[0].source == "our contract"


async def test_a_plan_that_no_list_has_is_not_priced_as_the_usual_one(billed: Billed) -> None:
    platform = billed.platform
    tariff = await Tariff.read(platform.resources, platform.engine.providers)
    assert tariff.of_plan("render", "service", "standard").monthly_cents == 2500
    assert tariff.of_plan("render", "service", "starter_plus").monthly_cents is None
    assert tariff.of_plan("render", "redis", "standard").monthly_cents is None
    assert tariff.of_plan("render", "redis", "free").monthly_cents == 0


async def test_whoever_sees_the_project_sees_it_and_nobody_else(billed: Billed) -> None:
    platform = billed.platform
    team = Team(platform.resources, billed.project.organization_id, platform.principal)
    assert (await billed.read(await team.joined(Role.VIEWER))).items == []
    with pytest.raises(NotFound):
        await billed.read(await sign_up(platform.resources))
