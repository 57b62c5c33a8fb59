"""``costs`` and ``budget``: what a project costs a month, and may cost."""

import re
from collections.abc import Mapping

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import print_json, print_table, say
from autodeploy.cli.user.client import Api, Json, Query
from autodeploy.cli.user.projects import get_project

NONE = "none"

_AMOUNT = re.compile(r"(\d{1,7})(?:\.(\d{1,2}))?")
_HEADINGS = ("ENVIRONMENT", "WHAT", "PROVIDER", "PLAN", "USD/MONTH", "AS OF", "SOURCE")


def show(project_name: str | None, wish: Mapping[str, Query], *, as_json: bool) -> None:
    """List what costs how much, the sum and what is left of the budget: now, or with a deployment
    as ``wish`` says."""
    api = Api.connect()
    project = get_project(api, project_name)
    costs = api.get(f"/projects/{project['id']}/costs", **wish)
    if as_json:
        print_json(costs)
        return
    if not costs["items"]:
        say(f"{project['name']} has nothing that costs anything: nothing is deployed.")
    else:
        print_table(_HEADINGS, [_row(each) for each in costs["items"]])
        say(f"Known: {dollars(costs['knownMonthlyCents'])} USD a month.{_unknown(costs)}")
    limit, left = costs["budget"]["monthlyLimitCents"], costs["remainingCents"]
    if limit is not None:
        over = f"{dollars(-left)} over it" if left < 0 else f"{dollars(left)} left"
        say(f"Budget: {dollars(limit)} USD a month, {over}.")
    if costs["refused"]:
        say(f"It would be refused: {costs['refused']}")
    if costs["items"]:
        say("`autodeploy usage` compares it with what the providers report.")


def budget(amount: str | None, project_name: str | None, *, as_json: bool) -> None:
    """Show the budget, or set it to an amount of dollars, or lift it."""
    wanted = None if amount in (None, NONE) else _cents(str(amount))
    api = Api.connect()
    project = get_project(api, project_name)
    path = f"/projects/{project['id']}/budget"
    now = api.get(path) if amount is None else api.put(path, {"monthlyLimitCents": wanted})
    if as_json:
        print_json(now)
        return
    limit = now["monthlyLimitCents"]
    if limit is None:
        say(f"{project['name']} has no budget; `autodeploy budget 50` sets one of 50 USD a month.")
    else:
        say(f"{project['name']} may cost {dollars(limit)} USD a month.")


def _cents(text: str) -> int:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise CommandError(
            f"{text!r} is no amount of US dollars: it is one such as 50 or 12.50, or `{NONE}`.",
            remedy="`autodeploy budget 50` sets a budget of 50 USD a month.",
            exit_code=ExitCode.USAGE,
        )
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _row(each: Json) -> tuple[str, ...]:
    what = f"database {each['name']}" if each["kind"] == "database" else each["name"]
    cents = each["monthlyCents"]
    return (
        each["environment"],
        what if each["quantity"] == 1 else f"{what} × {each['quantity']}",
        each["provider"],
        each["plan"] or "–",
        "not known" if cents is None else dollars(cents),
        each["asOf"] or "–",
        each["source"],
    )


def _unknown(costs: Json) -> str:
    count = costs["unknownItems"]
    if not count:
        return ""
    return f" Of {count} more the price is not known, and comes on top."


def dollars(cents: int) -> str:
    """US cents as dollars: ``12.50``."""
    return f"{cents / 100:.2f}"
