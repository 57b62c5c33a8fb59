"""What a provider may do besides: tell what it charges for, and how much was used."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from autodeploy.providers.base import App, Provider


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Something that is charged for, as it is at the provider now.

    ``monthly_cents`` (US cents) is that of one of the ``quantity``, None where the provider tells
    no price. Then ``priced_as`` is what a price list has the plan as: a part of an app, or a
    database's engine; without it nobody knows what it costs, and ``note`` says why. What is charged
    ``by_use`` has no price a month.
    """

    what: str
    plan: str | None = None
    quantity: int = 1
    monthly_cents: int | None = None
    priced_as: str | None = None
    by_use: bool = False
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How much was used of something in a time; ``unit`` is ``bytes`` or ``requests``. ``amount``
    None says that it is not told, ``note`` why."""

    measure: str
    unit: str
    amount: float | None
    since: datetime
    until: datetime
    note: str | None = None


@runtime_checkable
class MeteredApps(Provider, Protocol):
    """Tells what its apps are charged for. Raises ``NotFound`` for an app that is not there."""

    async def app_charges(self, app: App) -> tuple[Charge, ...]: ...

    async def app_usage(self, app: App) -> tuple[Usage, ...]: ...


@runtime_checkable
class MeteredDatabases(Provider, Protocol):
    """Tells what its databases are charged for. Raises ``NotFound`` for one that is not there."""

    async def database_charges(self, external_id: str) -> tuple[Charge, ...]: ...

    async def database_usage(self, external_id: str) -> tuple[Usage, ...]: ...
