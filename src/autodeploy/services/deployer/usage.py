"""What the providers of a project report that they charge for and that was used, beside the
estimate. What one of them does not tell hides nothing of the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.resources import Resources
from autodeploy.providers.base import App
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.providers.usage import Charge, Usage
from autodeploy.services.auth.connection_checks import doubting
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer import store
from autodeploy.services.deployer.context import app_of
from autodeploy.services.deployer.cost_schemas import Kind, ProjectCost
from autodeploy.services.deployer.costs import list_items
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.kept import list_kept, live_places
from autodeploy.services.deployer.models import Environment
from autodeploy.services.deployer.tariff import Quote, Tariff
from autodeploy.services.deployer.usage_schemas import (
    ChargeView,
    ReportedItem,
    UsageView,
    UsedView,
)

_AT_ONCE = 8
# Of everything together: less than the command line waits for an answer.
_SECONDS = 20.0
_HERE = Charge(what="this machine", monthly_cents=0, note="nothing is charged")

_Told = TypeVar("_Told")


class _Key(NamedTuple):
    kind: Kind
    environment: str
    name: str
    provider: str


@dataclass(frozen=True)
class _Thing:
    """An app or database, what it is estimated to cost, and by whose account and as what its
    provider knows it: neither ``app`` nor ``external_id`` where it is not there yet."""

    key: _Key
    estimated_cents: int | None
    connection_id: UUID | None = None
    app: App | None = None
    external_id: str | None = None
    kept: bool = False


async def get_usage(
    resources: Resources, principal: Principal, project_id: UUID, *, providers: Registry
) -> UsageView:
    """What providers report now of a project's environments and databases.

    Raises ``NotFound``, ``PricesInvalid``; what a provider does not tell is said with its reason.
    """
    tariff = await Tariff.read(resources, providers)
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        things = await _list_things(session, project.id, tariff)
    reports = await asyncio.gather(*map(_Reader(resources, providers).read, things))
    return _view(
        [_item(thing, report, tariff) for thing, report in zip(things, reports, strict=True)]
    )


async def _list_things(session: AsyncSession, project_id: UUID, tariff: Tariff) -> list[_Thing]:
    parts = await list_items(session, project_id, tariff)
    environments = (await store.list_environments(session, [project_id]))[project_id]
    kept = await list_kept(session, project_id, live_places(environments), tariff.providers)
    former = {(each.environment, each.provider): each.connection_id for each in kept}
    databases = await session.scalars(
        select(ProjectDatabase).where(ProjectDatabase.project_id == project_id)
    )
    apps = {each.name: each for each in environments}
    rows = {(each.environment, each.name): each for each in databases}
    things = []
    for key, of_one in groupby(parts, _key_of):
        cents = _sum(each.monthly_cents for each in of_one)
        if key.kind == "app":
            things.append(_app_thing(key, cents, apps.get(key.environment), former))
        else:
            things.append(_database_thing(key, cents, rows.get((key.environment, key.name))))
    return things


def _key_of(part: ProjectCost) -> _Key:
    """The parts that an app is charged for are one app for its provider."""
    name = part.name if part.kind == "database" else "app"
    return _Key(part.kind, part.environment, name, part.provider)


def _app_thing(
    key: _Key,
    cents: int | None,
    environment: Environment | None,
    former: Mapping[tuple[str, str], UUID | None],
) -> _Thing:
    """``former`` are the connections of what earlier providers keep. During a move the estimate is
    of the new place, where nothing is live yet."""
    if environment is None or environment.live_deployment_id is None:
        return _Thing(key, cents)
    place = (key.environment, key.provider)
    if place in former:
        return _Thing(key, cents, former[place], app=app_of(environment), kept=True)
    if environment.provider != key.provider:
        return _Thing(key, cents)
    return _Thing(key, cents, environment.connection_id, app=app_of(environment))


def _database_thing(key: _Key, cents: int | None, row: ProjectDatabase | None) -> _Thing:
    if row is None:
        return _Thing(key, cents)
    return _Thing(key, cents, row.connection_id, external_id=row.external_id)


@dataclass(frozen=True)
class _Report:
    """What was told of a thing: ``charges`` None where they were not. ``reasons`` say why."""

    charges: Sequence[Charge] | None = None
    usage: Sequence[Usage] = ()
    reasons: Sequence[str] = ()


class _Meter(NamedTuple):
    """The two questions about one thing, for its account."""

    charges: Callable[[], Awaitable[tuple[Charge, ...]]]
    usage: Callable[[], Awaitable[tuple[Usage, ...]]]


class _Reader:
    """Asks providers, some at once, and all within ``_SECONDS``."""

    def __init__(self, resources: Resources, providers: Registry):
        self._resources = resources
        self._providers = providers
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._deadline = asyncio.get_running_loop().time() + _SECONDS

    async def read(self, thing: _Thing) -> _Report:
        """What is told of a thing, and why the rest is not."""
        name = thing.key.provider
        if not self._providers.is_hosted(name):
            return _Report(charges=(_HERE,))
        title = self._providers.title(name)
        capability = Capability.USAGE if thing.key.kind == "app" else Capability.DATABASE_USAGE
        if not self._providers.can(name, capability):
            why = f"{title} tells tokens neither what is charged nor what was used."
            return _Report(reasons=(why,))
        if thing.app is None and thing.external_id is None:
            return _Report(reasons=(f"It is not at {title} yet.",))
        meter, closed = await self._ask(thing, lambda: self._open(thing))
        if meter is None:
            return _Report(reasons=tuple(filter(None, (closed,))))
        (charges, no_charges), (usage, no_usage) = await asyncio.gather(
            self._ask(thing, meter.charges), self._ask(thing, meter.usage)
        )
        # What is refused or away is so for both, as a rule: it is said once.
        reasons = tuple(dict.fromkeys(filter(None, (no_charges, no_usage))))
        return _Report(charges, usage or (), reasons)

    async def _open(self, thing: _Thing) -> _Meter:
        name = thing.key.provider
        account = await open_account(
            self._resources, thing.connection_id, providers=self._providers
        )
        if thing.app is not None:
            apps = self._providers.metered_apps(name, account)
            return _Meter(partial(apps.app_charges, thing.app), partial(apps.app_usage, thing.app))
        databases = self._providers.metered_databases(name, account)
        external_id = thing.external_id or ""
        return _Meter(
            partial(databases.database_charges, external_id),
            partial(databases.database_usage, external_id),
        )

    async def _ask(
        self, thing: _Thing, read: Callable[[], Awaitable[_Told]]
    ) -> tuple[_Told | None, str | None]:
        """What is told, or the reason why it is not."""
        try:
            async with (
                asyncio.timeout_at(self._deadline),
                self._slots,
                doubting(self._resources, thing.connection_id),
            ):
                return await read(), None
        except TimeoutError:
            return None, f"No answer came within {_SECONDS:.0f} seconds. Try again in a moment."
        except AutoDeployError as error:
            return None, f"{error.message} {error.remedy}"


def _item(thing: _Thing, report: _Report, tariff: Tariff) -> ReportedItem:
    charges = [_priced(thing.key.provider, each, tariff) for each in report.charges or ()]
    counted = [each for each in charges if not each.by_use]
    reported = None if report.charges is None else _sum(each.monthly_cents for each in counted)
    estimated = thing.estimated_cents
    unknown = [
        f"{each.what}: {each.note or 'its price is not known'}."
        for each in counted
        if each.monthly_cents is None
    ]
    return ReportedItem(
        kind=thing.key.kind,
        environment=thing.key.environment,
        name=thing.key.name,
        provider=thing.key.provider,
        kept=thing.kept,
        estimated_monthly_cents=estimated,
        reported_monthly_cents=reported,
        difference_cents=None if reported is None or estimated is None else reported - estimated,
        charges=charges,
        usage=[UsedView.model_validate(each) for each in report.usage],
        reasons=[*report.reasons, *unknown],
    )


def _priced(provider: str, charge: Charge, tariff: Tariff) -> ChargeView:
    """With the price of its plan in our list, where the provider tells none."""
    quote = Quote(plan=charge.plan, monthly_cents=charge.monthly_cents, source=provider, as_of=None)
    if charge.priced_as is not None and charge.plan is not None:
        quote = tariff.of_plan(provider, charge.priced_as, charge.plan)
    cents = quote.monthly_cents
    return ChargeView(
        what=charge.what,
        plan=charge.plan,
        quantity=charge.quantity,
        monthly_cents=None if cents is None else cents * charge.quantity,
        by_use=charge.by_use,
        source=quote.source,
        as_of=quote.as_of,
        note=charge.note or quote.note,
    )


def _view(items: list[ReportedItem]) -> UsageView:
    compared = [each for each in items if each.difference_cents is not None]
    estimated = sum(each.estimated_monthly_cents or 0 for each in compared)
    reported = sum(each.reported_monthly_cents or 0 for each in compared)
    return UsageView(
        items=items,
        compared_items=len(compared),
        estimated_monthly_cents=estimated,
        reported_monthly_cents=reported,
        difference_cents=reported - estimated,
        read_at=now(),
    )


def _sum(cents: Iterable[int | None]) -> int | None:
    """None where one is not known."""
    found = list(cents)
    return None if None in found else sum(each or 0 for each in found)
