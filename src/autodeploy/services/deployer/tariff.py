"""What providers charge for the parts of an app and for databases, by dated prices."""

import asyncio
from collections import Counter

from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Schema
from autodeploy.providers.manifests import PRICE_KINDS, Capability, DatabaseEngine, Manifest
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.prices import Price, Prices, default_prices, read_prices
from autodeploy.services.analyzer.recommendation import parts_of
from autodeploy.services.deployer.cost_schemas import Kind, ProjectCost

# Under which kinds a manifest has the price of what an app is charged for.
_KINDS = {
    "static": ("static", "deploy"),
    **dict.fromkeys(("service", "private", "worker"), ("app", "deploy")),
}
# Of which there may be several processes.
_REPLICATED = ("service", "private")
_UNKNOWN = "not known"
#: What of an app works no more where it has moved away from, and is not charged.
STOPPED_PARTS = frozenset({"worker"})


class Quote(Schema):
    """The price of one part, or that it is not known."""

    plan: str | None
    monthly_cents: int | None
    source: str
    as_of: str | None
    note: str | None = None

    def times(self, quantity: int, kind: Kind, environment: str, name: str, at: str) -> ProjectCost:
        cents = self.monthly_cents
        return ProjectCost(
            kind=kind,
            environment=environment,
            name=name,
            provider=at,
            plan=self.plan,
            quantity=quantity,
            monthly_cents=None if cents is None else cents * quantity,
            source=self.source,
            as_of=self.as_of,
            note=self.note,
        )


class Tariff:
    """The prices of this installation's providers: the administrator's, else those of the plan
    that is used, else those that the analyzer recommends by."""

    def __init__(self, providers: Registry, prices: Prices):
        self._manifests = {manifest.name: manifest for manifest in providers.list()}
        self._replicating = {
            name
            for name, manifest in self._manifests.items()
            if manifest.replicated or providers.can(name, Capability.SCALE)
        }
        self._prices = prices
        self.providers = providers
        ours = default_prices()
        self._overridden = {name for name, price in prices.items() if ours.get(name) != price}

    @classmethod
    async def read(cls, resources: Resources, providers: Registry) -> "Tariff":
        """Raises ``PricesInvalid``."""
        return cls(providers, await asyncio.to_thread(read_prices, resources.home))

    def app(
        self, environment: str, provider: str, plan: Plan, replicas: int, chosen: str | None
    ) -> list[ProjectCost]:
        """What an app is charged for at a provider; ``chosen`` is the provider's plan for it, None
        for the one that apps get there."""
        parts = Counter(parts_of(plan))
        if provider in self._replicating:
            for part in parts.keys() & _REPLICATED:
                parts[part] += replicas - 1
        return [
            self._app_part(provider, part, chosen).times(count, "app", environment, part, provider)
            for part, count in parts.items()
        ]

    def kept(
        self, environment: str, provider: str, plan: Plan, replicas: int, chosen: str | None
    ) -> list[ProjectCost]:
        """What is charged for an app that has moved away from a provider: its workers stand."""
        return [
            as_kept(each, self.providers.title(provider))
            for each in self.app(environment, provider, plan, replicas, chosen)
            if each.name not in STOPPED_PARTS
        ]

    def database(
        self, engine: DatabaseEngine, environment: str, name: str, provider: str, plan: str
    ) -> ProjectCost:
        """What a database of a plan is charged."""
        quote = self._database(engine, provider, plan)
        return quote.times(1, "database", environment, name, provider)

    def of_plan(self, provider: str, priced_as: str, plan: str) -> Quote:
        """The price of a part of an app, or of a database by its engine, on just this plan of a
        provider that there is."""
        if priced_as in _KINDS:
            return self._on(self._manifests[provider], priced_as, plan)
        return self._database(DatabaseEngine(priced_as), provider, plan)

    def _app_part(self, provider: str, part: str, chosen: str | None) -> Quote:
        item = f"{provider}.{part}"
        manifest = self._manifests.get(provider)
        if manifest is None:
            return _quote(self._prices.get(item))
        plan = chosen if chosen and _has(manifest, part, chosen) else manifest.app_plans.get(part)
        return _quote(self._prices.get(item)) if plan is None else self._on(manifest, part, plan)

    def _on(self, manifest: Manifest, part: str, plan: str) -> Quote:
        """The administrator's price of a part, where it is that of the plan, else the plan's."""
        item = f"{manifest.name}.{part}"
        if item in self._overridden:
            ours = self._prices[item]
            if plan in (manifest.app_plans.get(part), ours.plan):
                return _quote(ours)
        return _of_plan(manifest, plan, _KINDS[part])

    def _database(self, engine: DatabaseEngine, provider: str, plan: str) -> Quote:
        item = f"{provider}.{engine}"
        ours = self._prices.get(item)
        is_of_plan = ours is not None and (ours.plan or plan).casefold() == plan.casefold()
        manifest = self._manifests.get(provider)
        if (item in self._overridden and is_of_plan) or manifest is None:
            return _quote(ours if is_of_plan else None)
        return _of_plan(manifest, plan, (PRICE_KINDS[engine],))


def as_kept(item: ProjectCost, title: str) -> ProjectCost:
    """What an app is charged for, once it has moved away from there."""
    note = f"kept at {title}" + (f"; {item.note}" if item.note else "")
    return item.model_copy(update={"kept": True, "note": note})


def _quote(price: Price | None) -> Quote:
    if price is None:
        return Quote(plan=None, monthly_cents=None, source=_UNKNOWN, as_of=None)
    return Quote(
        plan=price.plan,
        monthly_cents=price.monthly_cents,
        source=price.source,
        as_of=price.as_of.isoformat(),
        note=price.note,
    )


def _has(manifest: Manifest, part: str, plan: str) -> bool:
    """Whether such a part of an app may have the plan, at a price."""
    if plan in manifest.lacking_plans.get(part, frozenset()):
        return False
    return any(each.plan == plan and each.kind in _KINDS[part] for each in manifest.pricing)


def _of_plan(manifest: Manifest, plan: str, kinds: tuple[str, ...]) -> Quote:
    found = [each for each in manifest.pricing if each.plan == plan and each.kind in kinds]
    if not found:
        return Quote(plan=plan, monthly_cents=None, source=_UNKNOWN, as_of=None)
    [price, *_] = found
    of_organization = [each.plan for each in manifest.pricing if each.kind == "organization"]
    note = None
    if of_organization and price.monthly_cents != 0:
        note = f"beside the organization's own plan ({', '.join(of_organization)})"
    return Quote(
        plan=plan,
        monthly_cents=price.monthly_cents,
        source=price.source,
        as_of=price.as_of,
        note=note,
    )
