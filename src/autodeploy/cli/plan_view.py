"""A plan as a person reads it."""

from collections.abc import Iterable, Sequence

from autodeploy.cli.terminal import field_lines, paint, printable, table_lines
from autodeploy.services.analyzer.needs.find import NAMES
from autodeploy.services.analyzer.plan import (
    AppKind,
    CostItem,
    EnvironmentVariable,
    Image,
    Placement,
    Plan,
)
from autodeploy.services.analyzer.recommendation import TITLES

_KINDS = {
    AppKind.STATIC: "static files",
    AppKind.SSR: "server that renders pages",
    AppKind.SERVER: "server",
    AppKind.WORKER: "worker",
    AppKind.BOT: "bot",
    AppKind.LIBRARY: "library: nothing in it is to be run",
}
_LONGEST_CELL = 48
_NONE = "–"


def print_plan(title: str, plan: Plan, *, explain: bool) -> None:
    """Print everything of a plan that is there, under headings; ``explain`` adds what it rests
    on, and what else was thought of."""
    paint(printable(title), bold=True)
    _print(field_lines(_summary(plan)))
    _section("Commands", _commands(plan))
    _section(_count("variable", plan.environment_variables), _variables(plan))
    _section("Services", _services(plan))
    _section("Where to run it", _places(plan))
    _section("Prices", _prices(plan))
    _section("Apps: name one with --root", list(plan.apps))
    _section(_count("member", plan.members), _members(plan))
    _section("Warnings", list(plan.warnings), colour="yellow")
    if explain:
        _section("Evidence", _evidence(plan) or ["Nothing was found."])
        _section("Other candidates", _candidates(plan) or ["No other framework matched."])


def _section(heading: str, lines: Sequence[str], colour: str | None = None) -> None:
    if lines:
        paint("")
        paint(heading, bold=True, colour=colour)
        _print(lines)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        paint(f"  {printable(line)}")


def _count(noun: str, found: Sequence[object]) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"


def _summary(plan: Plan) -> dict[str, str]:
    framework, runtime = plan.framework, plan.runtime
    sure = "" if not plan.abstained else ": not sure, see the warnings for what would settle it"
    found = {
        "Framework": f"{framework.name} {framework.version or ''}".strip() if framework else "none",
        "Language": plan.language_name or "unknown",
        "Runtime": runtime
        and f"{runtime.name} {runtime.version_request or 'of any version'}"
        f"{f' (from {runtime.source})' if runtime.source else ''}",
        "Packages": plan.package_manager
        and f"{plan.package_manager} {plan.package_manager_version or ''}".strip(),
        "Kind": _kind(plan),
        "Image": plan.image and _image(plan.image),
        "Confidence": f"{plan.confidence:.2f}{sure}",
    }
    return {name: text for name, text in found.items() if text}


def _kind(plan: Plan) -> str:
    if plan.kind is AppKind.STATIC:
        folder = "the root" if plan.output_directory == "." else plan.output_directory
        pages = ", one page for every path" if plan.spa_fallback else ""
        return f"{_KINDS[plan.kind]} in {folder or 'a folder that is not known'}{pages}"
    if plan.kind is AppKind.LIBRARY and plan.image and not plan.apps:
        return "whatever its image starts"
    port = f" (port {plan.port} unless PORT is set)" if plan.port else ""
    private = ", private: only other apps reach it" if plan.private else ""
    return f"{_KINDS[plan.kind]}{port}{private}"


def _image(image: Image) -> str:
    asked = "" if image.asked else ", where nothing else runs the app"
    command = f", started by {image.command}" if image.command else ""
    return f"of {image.dockerfile}{command}, at providers that build images{asked}"


def _commands(plan: Plan) -> list[str]:
    commands = {
        "install": plan.install_command,
        "build": plan.build_command,
        "release": plan.release_command,
        "start": plan.start_command,
        **{f"worker {name}": command for name, command in plan.worker_commands.items()},
        **{f"cron {name} ({one.schedule})": one for name, one in plan.cron_commands.items()},
    }
    rows = [(name, one.command, one.reason) for name, one in commands.items() if one]
    return table_lines(("STEP", "COMMAND", "WHY"), rows) if rows else []


def _variables(plan: Plan) -> list[str]:
    headings = ("VARIABLE", "NEEDED", "TYPE", "DEFAULT", "READ IN", "DESCRIPTION")
    sooner = sorted(plan.environment_variables, key=lambda one: (not one.required, one.key))
    rows = [_variable(one) for one in sooner]
    return table_lines(headings, rows) if rows else []


def _variable(variable: EnvironmentVariable) -> tuple[str, ...]:
    needed = "required" if variable.required else "optional"
    signs = [needed, *(["secret"] if variable.secret else []),
             *(["at build"] if variable.build_time else [])]  # fmt: skip
    offers = "".join(f" (or {word})" for word in variable.offers)
    return (
        variable.key,
        ", ".join(signs),
        f"{variable.type.value}{offers}",
        _short(variable.default or _NONE),
        f"{variable.file}:{variable.line}",
        _short(variable.description or ""),
    )


def _services(plan: Plan) -> list[str]:
    rows = [(NAMES[one.kind], one.variable or _NONE, one.reason) for one in plan.services]
    return table_lines(("SERVICE", "VARIABLE", "WHY"), rows) if rows else []


def _places(plan: Plan) -> list[str]:
    advice = plan.recommendation
    if advice is None:
        return []
    headings = ("", "PROVIDER", "DATABASE", "A MONTH", "PRICES OF", "")
    rows = [_place(one, "→" if one is advice else "") for one in (advice, *advice.alternatives)]
    lines = [*table_lines(headings, rows), *advice.reasons]
    if advice.not_included:
        lines.append(f"To be had elsewhere: {', '.join(advice.not_included)}.")
    return lines


def _prices(plan: Plan) -> list[str]:
    advice = plan.recommendation
    places = (advice, *advice.alternatives) if advice else ()
    items = {item.item: (item, place) for place in places for item in place.cost_items}
    return [_price(item, place.currency) for item, place in items.values()]


def _place(place: Placement, mark: str) -> tuple[str, ...]:
    database = place.database or ""
    return (
        mark,
        TITLES.get(place.provider, place.provider),
        TITLES.get(database, database) or _NONE,
        _money(place.monthly_cost_cents, place.currency),
        place.price_date or _NONE,
        "" if place.connected else "not connected",
    )


def _price(item: CostItem, currency: str) -> str:
    plan = f" {item.plan}" if item.plan else ""
    note = f", {item.note}" if item.note else ""
    as_of = f", {item.as_of}" if item.as_of else ""
    return f"{item.item}{plan}: {_money(item.monthly_cents, currency)}{note} ({item.source}{as_of})"


def _money(cents: int | None, currency: str) -> str:
    return "not known" if cents is None else f"{cents / 100:.2f} {currency}"


def _members(plan: Plan) -> list[str]:
    rows = [(one.path, one.name or _NONE, one.language or _NONE) for one in plan.members]
    return table_lines(("FOLDER", "NAME", "LANGUAGE"), rows) if rows else []


def _evidence(plan: Plan) -> list[str]:
    places = [f"{one.file}:{one.line}" if one.line else one.file for one in plan.evidence]
    rows = [(place, one.fact) for place, one in zip(places, plan.evidence, strict=True)]
    return table_lines(("WHERE", "FACT"), rows) if rows else []


def _candidates(plan: Plan) -> list[str]:
    rows = [(one.slug, f"{one.confidence:.2f}", one.lost_because) for one in plan.candidates]
    return table_lines(("CANDIDATE", "CONFIDENCE", "WHY IT LOST"), rows) if rows else []


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_CELL else f"{line[: _LONGEST_CELL - 1]}…"
