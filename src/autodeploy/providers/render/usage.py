"""What services and databases at Render are charged for, as they are there now, and their traffic.

Render tells no price (no call of its OpenAPI description does, render-oss/sdk, 2026-08-21), but of
which plan a thing is and how many instances it has: somebody may have changed that in its
dashboard. Bandwidth comes as series with a unit in words, which the description does not list
(``bytes`` in the tests of Render's own MCP server). It does not say either that the values add up:
programs in public repositories sum them (three, seen 2026-11).
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.catalogue import MANIFEST
from autodeploy.providers.render.database_shapes import Database, DatabaseStatus
from autodeploy.providers.render.metrics import BYTES
from autodeploy.providers.render.shapes import (
    Details,
    Series,
    Service,
    ServiceType,
)
from autodeploy.providers.usage import Charge, Usage

#: As what a price list has the services that are charged by the month.
_PARTS = {
    ServiceType.WEB: "service",
    ServiceType.PRIVATE: "private",
    ServiceType.STATIC: "static",
    ServiceType.WORKER: "worker",
}
_SUSPENDED = "it is suspended, and whether Render charges for it then is not known"
_NO_PRICE = "its price is not known"


def charge_of_service(service: Service) -> Charge:
    """What a service is charged for."""
    details = service.details or Details()
    if service.type is ServiceType.CRON:
        note = "by the time that it runs, with a least sum a month"
        return Charge(what=f"cron {service.name}", plan=details.plan, by_use=True, note=note)
    part = _PARTS.get(service.type)
    what = f"{part or 'service'} {service.name}"
    if service.is_suspended:
        return Charge(what=what, plan=details.plan, note=_SUSPENDED)
    if service.type is ServiceType.STATIC:
        return Charge(what=what, plan=MANIFEST.app_plans["static"], priced_as=part)
    if part is None or details.plan is None or details.instances is None:
        return Charge(what=what, plan=details.plan, note="Render does not tell what it is")
    if details.autoscaling and details.autoscaling.enabled:
        note = "Render scales it by itself: how many instances it has varies"
        return Charge(what=what, plan=details.plan, note=note)
    return Charge(what=what, plan=details.plan, quantity=details.instances, priced_as=part)


def charges_of_database(database: Database, engine: DatabaseEngine) -> tuple[Charge, ...]:
    """What a database is charged for: its plan, and what AutoDeploy makes none of."""
    suspended = database.status is DatabaseStatus.SUSPENDED
    charges = [
        Charge(
            what=engine.value,
            plan=database.plan,
            priced_as=None if suspended or database.plan is None else engine.value,
            note=_SUSPENDED if suspended else None,
        )
    ]
    if database.highly_available:
        charges.append(Charge(what="high availability", note=_NO_PRICE))
    if database.replicas:
        count = len(database.replicas)
        charges.append(Charge(what="read replicas", quantity=count, note=_NO_PRICE))
    return tuple(charges)


async def read_bandwidth(
    api: RenderApi, services: Sequence[Service], now: datetime
) -> tuple[Usage, ...]:
    """What services have sent in the running month (UTC), together. Cron jobs have no traffic of
    their own."""
    since = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    series = await asyncio.gather(
        *(
            api.series("bandwidth", each.id, since)
            for each in services
            if each.type is not ServiceType.CRON
        )
    )
    return (_bandwidth([each for of_one in series for each in of_one], since, now),)


def _bandwidth(series: Sequence[Series], since: datetime, until: datetime) -> Usage:
    told = [each for each in series if each.values]
    amount: float | None = None
    note: str | None = None
    if not told:
        note = "Render has no figures of this month yet"
    elif any(each.unit.lower() not in BYTES for each in told):
        note = "Render tells it in a unit that is not known here"
    else:
        amount = sum(
            BYTES[each.unit.lower()] * value.value for each in told for value in each.values
        )
    return Usage(
        measure="bandwidth", unit="bytes", amount=amount, since=since, until=until, note=note
    )
