"""Where to run an app, and what it costs: connected providers first, no price guessed."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from autodeploy.services.analyzer.plan import (
    AppKind,
    Command,
    Image,
    Placement,
    Plan,
    Recommendation,
    ServiceNeed,
)
from autodeploy.services.analyzer.prices import PricesInvalid, default_prices, read_prices
from autodeploy.services.analyzer.recommendation import parts_of, recommend

POSTGRESQL = ServiceNeed(kind="postgresql", reason="depends on pg", variable="DATABASE_URL")


def plan_for(kind: AppKind, *services: ServiceNeed, **fields: object) -> Plan:
    return Plan(kind=kind, services=services, **{"language": "node", **fields})


def advice(plan: Plan, providers: Sequence[str] = ("local",)) -> Recommendation:
    found = recommend(plan, providers, default_prices())
    assert found is not None
    return found


def where(places: Sequence[Placement]) -> list[tuple[str, str | None, int | None]]:
    return [(one.provider, one.database, one.monthly_cost_cents) for one in places]


@pytest.mark.parametrize(
    ("kind", "providers", "provider", "cents"),
    [
        (AppKind.STATIC, ("local", "vercel"), "vercel", 0),
        (AppKind.SERVER, ("local", "render"), "render", 700),
        (AppKind.SERVER, ("local",), "local", 0),
        (AppKind.WORKER, ("render", "vercel"), "render", 700),
        (AppKind.BOT, ("render", "local"), "render", 700),
        (AppKind.SERVER, ("elsewhere",), "elsewhere", None),
    ],
)
def test_best_of_the_connected_providers_is_recommended(
    kind: AppKind, providers: tuple[str, ...], provider: str, cents: int | None
) -> None:
    found = advice(plan_for(kind), providers)
    assert where([found]) == [(provider, None, cents)]
    assert found.reasons


def test_all_other_places_follow_in_their_order_with_their_costs() -> None:
    found = advice(plan_for(AppKind.SSR, POSTGRESQL))
    assert where([found]) == [("local", "local", 0)]
    assert where(found.alternatives) == [("vercel", "supabase", 0), ("render", "render", None)]
    assert [one.connected for one in (found, *found.alternatives)] == [True, False, False]
    assert found.reasons[-1] == "Vercel and Render come first, and are not connected."


def test_server_that_is_no_renderer_of_pages_is_not_for_vercel() -> None:
    found = advice(plan_for(AppKind.SERVER))
    assert [one.provider for one in found.alternatives] == ["render"]


def test_workers_beside_an_app_count_and_are_not_for_vercel() -> None:
    workers = {"queue": Command(command="work", reason="Procfile")}
    plan = plan_for(AppKind.SSR, worker_commands=workers)
    found = advice(plan, ("local", "render", "vercel"))
    assert where([found]) == [("render", None, 1400)]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (AppKind.WORKER, {}),
        (AppKind.BOT, {}),
        (AppKind.SSR, {"worker_commands": {"queue": Command(command="work", reason="Procfile")}}),
        (AppKind.SSR, {"release_command": Command(command="migrate", reason="Procfile")}),
        (AppKind.STATIC, {"release_command": Command(command="migrate", reason="Procfile")}),
    ],
)
def test_what_runs_commands_of_its_own_is_never_for_vercel(
    kind: AppKind, fields: dict[str, object]
) -> None:
    plan = plan_for(kind, **fields)
    assert recommend(plan, ("vercel",), default_prices()) is None
    found = advice(plan, ("vercel", "local"))
    assert found.provider == "local"
    assert "vercel" not in {one.provider for one in found.alternatives}


def test_app_that_writes_an_sqlite_file_is_not_for_vercel() -> None:
    sqlite = ServiceNeed(kind="sqlite", reason="")
    found = advice(plan_for(AppKind.SSR, sqlite), ("vercel", "local"))
    assert (found.provider, found.database, found.not_included) == ("local", None, ())


@pytest.mark.parametrize("kind", [AppKind.SSR, AppKind.SERVER])
def test_private_app_is_where_there_are_such_at_its_own_price(kind: AppKind) -> None:
    plan = plan_for(kind, private=True)
    found = advice(plan, ("vercel", "render"))
    assert where([found, *found.alternatives]) == [("render", None, 700), ("local", None, 0)]
    assert [one.item for one in found.cost_items] == ["render.private"]
    assert recommend(plan, ("vercel",), default_prices()) is None


IMAGE = Image(dockerfile="Dockerfile", context=".", reason="Dockerfile: FROM")


@pytest.mark.parametrize("kind", [AppKind.SERVER, AppKind.SSR, AppKind.WORKER, AppKind.BOT])
@pytest.mark.parametrize("language", ["php", "java", None])
def test_language_that_render_does_not_build_is_for_render_with_a_dockerfile_alone(
    kind: AppKind, language: str | None
) -> None:
    found = advice(plan_for(kind, language=language), ("render", "local"))
    assert "render" not in {one.provider for one in (found, *found.alternatives)}
    assert recommend(plan_for(kind, language=language), ("render",), default_prices()) is None
    with_image = advice(plan_for(kind, language=language, image=IMAGE), ("render", "local"))
    assert with_image.provider == "render"


def test_static_site_is_for_render_in_any_language() -> None:
    found = advice(plan_for(AppKind.STATIC, language="haskell"), ("render",))
    assert found.provider == "render"


@pytest.mark.parametrize(
    ("kind", "language"), [(AppKind.LIBRARY, None), (AppKind.SERVER, "java"), (AppKind.SSR, "node")]
)
def test_what_only_an_image_starts_is_for_those_who_build_one(
    kind: AppKind, language: str | None
) -> None:
    plan = plan_for(kind, language=language, image=IMAGE)
    found = advice(plan, ("local", "vercel", "render"))
    assert where([found]) == [("render", None, 700)]
    assert found.alternatives == ()
    assert parts_of(plan) == ["service"]
    assert recommend(plan, ("local",), default_prices()) is None


def test_database_of_a_connected_provider_is_one_of_a_connected_provider() -> None:
    plan = plan_for(AppKind.SSR, POSTGRESQL)
    alone, both = advice(plan, ("vercel",)), advice(plan, ("vercel", "supabase"))
    assert (alone.database, alone.not_included) == (None, ("PostgreSQL",))
    assert (both.database, both.not_included) == ("supabase", ())


def test_price_that_is_not_known_makes_the_sum_unknown_and_is_named() -> None:
    redis = ServiceNeed(kind="redis", reason="")
    mysql = ServiceNeed(kind="mysql", reason="")
    found = advice(plan_for(AppKind.SERVER, redis, mysql), ("render",))
    assert found.monthly_cost_cents is None
    items = [(one.item, one.monthly_cents) for one in found.cost_items]
    assert items == [("render.service", 700), ("render.redis", None)]
    assert found.not_included == ("MySQL",)


def test_costs_carry_their_sources_and_the_oldest_date() -> None:
    found = advice(plan_for(AppKind.SERVER, POSTGRESQL), ("render",))
    assert found.price_date == "2026-05-04"
    assert found.price_source
    assert all(one.source and one.as_of for one in found.cost_items)


@pytest.mark.parametrize("kind", [AppKind.SERVER, AppKind.LIBRARY])
def test_nothing_is_recommended_without_an_app_or_a_provider(kind: AppKind) -> None:
    providers = () if kind is AppKind.SERVER else ("local",)
    assert recommend(plan_for(kind), providers, default_prices()) is None


def test_prices_without_a_file_are_ours(tmp_path: Path) -> None:
    assert read_prices(tmp_path) == default_prices()
    assert read_prices(tmp_path / "none") == default_prices()


def test_price_of_the_administrator_replaces_ours(tmp_path: Path) -> None:
    own = {"monthly_cents": 1900, "plan": "Basic", "source": "our contract", "as_of": "2026-11-20"}
    (tmp_path / "prices.json").write_text(json.dumps({"render.postgresql": own}))
    prices = read_prices(tmp_path)
    found = recommend(plan_for(AppKind.SERVER, POSTGRESQL), ("render",), prices)
    assert found is not None
    assert found.monthly_cost_cents == 700 + 1900
    assert "our contract" in (found.price_source or "")


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        ("render", {}, "render"),
        ("render.gpu", {}, "render.gpu"),
        ("render.service", {"monthly_cents": -1}, "render.service.monthly_cents"),
        ("render.service", {"monthly_cents": 1.5}, "render.service.monthly_cents"),
        ("render.service", {"monthly_cents": "7"}, "render.service.monthly_cents"),
        ("render.service", {"as_of": "2026-13-01"}, "render.service.as_of"),
        ("render.service", {"source": ""}, "render.service.source"),
        ("render.service", {"origin": "x"}, "render.service.origin"),
    ],
)
def test_price_that_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, name: str, change: dict[str, object], named: str
) -> None:
    price = {"monthly_cents": 1, "source": "x", "as_of": "2026-11-20", **change}
    (tmp_path / "prices.json").write_text(json.dumps({name: price}))
    with pytest.raises(PricesInvalid) as caught:
        read_prices(tmp_path)
    assert f"{tmp_path / 'prices.json'} cannot be used at {named}:" in caught.value.message


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_file_that_holds_no_prices_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "prices.json").write_text(content)
    with pytest.raises(PricesInvalid, match="cannot be used"):
        read_prices(tmp_path)


def test_databases_that_let_in_their_own_apps_alone_are_for_those() -> None:
    for provider in ("vercel", "elsewhere"):
        kind = AppKind.SSR if provider == "vercel" else AppKind.SERVER
        found = advice(plan_for(kind, POSTGRESQL), (provider, "render"))
        for place in (found, *found.alternatives):
            assert place.database != "render" or place.provider == "render"
