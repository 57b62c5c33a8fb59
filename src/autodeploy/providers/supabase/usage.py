"""What a project at Supabase is charged for, by Supabase's own prices, and the requests to its API.

Compute and some add-ons are priced by the hour, and have the type ``usage`` as all that is
(``billing/addons`` as recorded in github.com/supabase/cli, 2026-05): they are charged for the hours
that they are there. Both calls are for personal access tokens: the description of 2026-05 names no
scope of OAuth apps for them.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar

from autodeploy.kernel.clock import now
from autodeploy.kernel.http.errors import ProviderRefused, ProviderUnavailable
from autodeploy.providers.identity import shown_text
from autodeploy.providers.supabase.api import SupabaseAccount
from autodeploy.providers.supabase.manifest import FREE
from autodeploy.providers.supabase.shapes import Addon
from autodeploy.providers.usage import Charge, Usage

#: The hours of a month by which prices of an hour are compared: a twelfth of 365 days. Supabase's
#: own rounded prices a month are of 730 to 744.
HOURS = 730
_COMPUTE = "compute_instance"
_COUNTED = ("auth", "realtime", "rest", "storage")
_COUNTED_DAYS = timedelta(days=7)

_Told = TypeVar("_Told")


async def read_charges(account: SupabaseAccount, ref: str) -> tuple[Charge, ...]:
    """The project's compute and its add-ons.

    Raises ``ProviderRefused`` for the token of an OAuth app, and ``NotFound``.
    """
    addons = await _for_persons(account.addons(ref))
    plan = await _organization_plan(account, ref)
    others = [_charge(each) for each in addons if each.type != _COMPUTE]
    return (_compute(addons, plan), *others)


async def read_usage(account: SupabaseAccount, ref: str) -> tuple[Usage, ...]:
    """The requests by kind, of the days that Supabase answers. Raises as ``read_charges``, and
    ``ProviderUnavailable`` where Supabase could not count them."""
    counts = await _for_persons(account.request_counts(ref))
    if counts.error is not None:
        raise ProviderUnavailable("Supabase could not count the requests to the project's API.")
    until = now()
    since = min((each.timestamp for each in counts.result), default=until - _COUNTED_DAYS)
    note = None if counts.result else "Supabase has counted none yet"
    return tuple(
        Usage(
            measure=f"{kind} requests",
            unit="requests",
            amount=sum(getattr(each, kind) for each in counts.result) if counts.result else None,
            since=since,
            until=until,
            note=note,
        )
        for kind in _COUNTED
    )


def _compute(addons: Sequence[Addon], plan: str | None) -> Charge:
    """The server. In an organization of the free plan it is not charged, whatever its size."""
    found = next((each for each in addons if each.type == _COMPUTE), None)
    if plan == FREE:
        note = f"the organization has the plan {FREE}"
        return Charge(what=_COMPUTE, plan=FREE, monthly_cents=0, note=note)
    beside = f"beside the organization's own plan ({plan or 'not told'})"
    if found is None:
        return Charge(what=_COMPUTE, note=f"Supabase names no size; {beside}")
    charge = _charge(found)
    return replace(charge, note="; ".join(filter(None, (charge.note, beside))))


def _charge(addon: Addon) -> Charge:
    price = addon.variant.price
    said = shown_text(price.description)
    charge = Charge(what=addon.type, plan=shown_text(addon.variant.name), note=said)
    match price.interval, price.type:
        case "hourly", _:
            note = ", ".join(filter(None, (said, f"{HOURS} hours a month")))
            return replace(charge, monthly_cents=round(price.amount * HOURS * 100), note=note)
        case "monthly", "fixed":
            return replace(charge, monthly_cents=round(price.amount * 100))
        case "monthly", "usage":
            return replace(charge, by_use=True)
        case _:
            return charge


async def _organization_plan(account: SupabaseAccount, ref: str) -> str | None:
    """That of the project's organization; None where the token may not ask."""
    try:
        project = await account.find_project(ref)
        if project is None or project.organization is None:
            return None
        return await account.organization_plan(project.organization)
    except ProviderRefused:
        return None


async def _for_persons(told: Awaitable[_Told]) -> _Told:
    """What is told, or a refusal that says whom Supabase tells it."""
    try:
        return await told
    except ProviderRefused as refused:
        if refused.answered != HTTPStatus.FORBIDDEN:
            raise
        raise ProviderRefused(
            "Supabase tells what a project is charged for and has used to personal access tokens "
            "alone, with the rights to its add-ons and its usage.",
            answered=HTTPStatus.FORBIDDEN,
            remedy="Connect the account with one: `autodeploy connections add supabase`.",
        ) from None
