"""Where an app fits best among the providers that are there, and what that costs a month."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from autodeploy.services.analyzer.matcher import FrameworkRecord
from autodeploy.services.analyzer.plan import AppKind, Recommendation, ServiceNeed


@dataclass(frozen=True)
class DatedPrice:
    """A monthly price in US cents, where it was read and when; None: not known."""

    monthly_cents: int | None
    source: str
    as_of: str


@cache
def prices() -> dict[str, DatedPrice]:
    """The dated price facts, by ``provider.service``."""
    data = json.loads(resources.files(__package__).joinpath("prices.json").read_text("utf-8"))
    return {name: DatedPrice(**fact) for name, fact in data.items()}


def recommend(
    kind: AppKind,
    record: FrameworkRecord | None,
    needs: tuple[ServiceNeed, ...],
    providers: Sequence[str],
) -> Recommendation | None:
    """The best of ``providers`` for an app, with its price; None for what does not run."""
    if kind is AppKind.LIBRARY or not providers:
        return None
    fitting, reason = _fitting(kind, record)
    provider = next((name for name in fitting if name in providers), providers[0])
    database = _database(provider, providers) if _needs_database(needs) else None
    price = _total(provider, kind, database)
    reasons = [reason]
    if database:
        reasons.append(f"It needs PostgreSQL, which {database} offers.")
    return Recommendation(
        provider=provider,
        database=database,
        monthly_cost_cents=price.monthly_cents,
        price_source=price.source,
        price_date=price.as_of,
        reasons=tuple(reasons),
    )


def _needs_database(needs: tuple[ServiceNeed, ...]) -> bool:
    return any(need.kind == "postgresql" for need in needs)


def _database(provider: str, providers: Sequence[str]) -> str | None:
    """Where the database goes: beside the app when its provider has one."""
    order = (provider, "supabase", "render", "local")
    return next((one for one in order if one in providers and f"{one}.postgresql" in prices()),
                None)  # fmt: skip


def _fitting(kind: AppKind, record: FrameworkRecord | None) -> tuple[tuple[str, ...], str]:
    if kind is AppKind.STATIC:
        return ("vercel", "local", "render"), "It is a set of static files."
    if record and kind is AppKind.SSR:
        return ("vercel", "render", "local"), f"{record.name} renders pages on a server."
    return ("render", "local"), "It is a process that runs all the time."


def _total(provider: str, kind: AppKind, database: str | None) -> DatedPrice:
    unknown = DatedPrice(None, "not known", "")
    service = "static" if kind is AppKind.STATIC else "service"
    parts = [prices().get(f"{provider}.{service}", unknown)]
    if database:
        parts.append(prices().get(f"{database}.postgresql", unknown))
    cents = [part.monthly_cents for part in parts]
    known = [one for one in cents if one is not None]
    return DatedPrice(
        monthly_cents=sum(known) if len(known) == len(cents) else None,
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        as_of=min(part.as_of for part in parts),
    )
