"""``usage``: what providers report that a project costs and has used, beside the estimate."""

from autodeploy.cli.terminal import print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.costs import dollars
from autodeploy.cli.user.databases import size
from autodeploy.cli.user.projects import get_project

_HEADINGS = ("WHAT", "PROVIDER", "ESTIMATE", "REPORTED", "DIFFERENCE")
_NOT_TOLD = "not told"


def run(project_name: str | None, *, as_json: bool) -> None:
    """Ask the providers, and show what they report."""
    api = Api.connect()
    project = get_project(api, project_name)
    found = api.get(f"/projects/{project['id']}/usage")
    if as_json:
        print_json(found)
    else:
        show(project, found)


def show(project: Json, found: Json) -> None:
    """The comparison, what is charged for where it is not as estimated, what was used, and why
    something is not told."""
    if not found["items"]:
        say(f"{project['name']} has nothing that costs anything: nothing is deployed.")
        return
    print_table(_HEADINGS, [_row(each) for each in found["items"]])
    charges = [row for each in found["items"] for row in _charges(each)]
    if charges:
        print_table(("WHAT", "CHARGED FOR", "PLAN", "USD/MONTH", "NOTE"), charges)
    used = [_used(each, one) for each in found["items"] for one in each["usage"]]
    if used:
        print_table(("WHAT", "USED", "AMOUNT", "FROM", "TO"), used)
    for each in found["items"]:
        for reason in each["reasons"]:
            say(f"{_what(each)}: {reason}")
    if found["comparedItems"]:
        say(
            f"Of what both are known: {dollars(found['estimatedMonthlyCents'])} USD a month "
            f"estimated, {dollars(found['reportedMonthlyCents'])} reported."
        )


def _what(item: Json) -> str:
    name = f"database {item['name']}" if item["kind"] == "database" else item["name"]
    return f"{item['environment']} {name}"


def _row(item: Json) -> tuple[str, ...]:
    estimated, reported = item["estimatedMonthlyCents"], item["reportedMonthlyCents"]
    difference = item["differenceCents"]
    return (
        _what(item),
        item["provider"],
        "not known" if estimated is None else dollars(estimated),
        _NOT_TOLD if reported is None else dollars(reported),
        "–" if difference is None else f"{difference / 100:+.2f}" if difference else "none",
    )


def _charges(item: Json) -> list[tuple[str, ...]]:
    """Nothing of what is as estimated."""
    if item["differenceCents"] == 0 and not any(each["byUse"] for each in item["charges"]):
        return []
    return [
        (
            _what(item),
            each["what"] if each["quantity"] == 1 else f"{each['what']} × {each['quantity']}",
            each["plan"] or "–",
            _price(each),
            each["note"] or "",
        )
        for each in item["charges"]
    ]


def _price(charge: Json) -> str:
    if charge["byUse"]:
        return "by use"
    return "not known" if charge["monthlyCents"] is None else dollars(charge["monthlyCents"])


def _used(item: Json, used: Json) -> tuple[str, ...]:
    amount = used["amount"]
    if amount is None:
        shown = f"{_NOT_TOLD}: {used['note']}" if used["note"] else _NOT_TOLD
    elif used["unit"] == "bytes":
        shown = size(round(amount))
    else:
        shown = f"{amount:,.0f}"
    return _what(item), used["measure"], shown, used["since"][:10], used["until"][:10]
