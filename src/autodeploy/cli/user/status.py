"""``status`` and ``cancel``: what is live, what is under way, and how to stop it."""

import itertools
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

from autodeploy.cli.failures import PASSING, CommandError
from autodeploy.cli.terminal import (
    ago,
    clock,
    field_lines,
    is_interactive,
    paint,
    print_json,
    say,
    table_lines,
)
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.projects import (
    address_fields,
    find_project,
    get_deployment,
    get_project,
    this_project,
    warn_of_trouble,
)
from autodeploy.cli.user.projects import run as list_projects

RECENT = 10
WATCH_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
_STYLES = {"running": "green", "restarting": "yellow", "crashed": "red", "stopped": "dim",
           "replaced": "yellow", "unknown": "yellow"}  # fmt: skip


class _Line(NamedTuple):
    text: str
    style: str = ""


def run(name: str | None, *, watch: bool, as_json: bool) -> None:
    """Show one project, or all of them when none is named and this folder is none."""
    api = Api.connect()
    if name is None and not watch and find_project(api, this_project()) is None:
        list_projects(None, as_json)
        return
    project = get_project(api, name)
    if watch:
        _watch(api, project["id"], as_json=as_json)
        return
    snapshot = _snapshot(api, project["id"])
    if as_json:
        print_json(snapshot)
        return
    for line in _lines(snapshot):
        paint(line.text, bold=line.style == "bold", colour=_colour(line.style))
    for environment in snapshot["project"]["environments"]:
        warn_of_trouble(environment)


def cancel(target: str | None, environment: str, as_json: bool) -> None:
    """Ask for the end of a deployment; its build stops within seconds."""
    api = Api.connect()
    deployment = get_deployment(api, target, environment)
    answer = api.post(f"/deployments/{deployment['id']}/cancel")
    if as_json:
        print_json(answer)
    elif answer["status"] == "cancelled":
        say(f"Deployment {answer['id']} is cancelled.")
    else:
        say(f"Deployment {answer['id']} is being cancelled.")


def _snapshot(api: Api, project_id: str) -> Json:
    recent = itertools.islice(api.items(f"/projects/{project_id}/deployments"), RECENT)
    return {"project": api.get(f"/projects/{project_id}"), "deployments": list(recent)}


def _watch(api: Api, project_id: str, *, as_json: bool) -> None:
    """Show the project until Ctrl-C: drawn over where that is possible, else at each change."""
    if not as_json and is_interactive(sys.stdout):
        with Live(console=Console(), auto_refresh=False) as live:
            for snapshot in _snapshots(api, project_id):
                shown = [Text(line.text, style=line.style) for line in _lines(snapshot)]
                live.update(Text("\n").join(shown), refresh=True)
        return
    before: Json | list[_Line] | None = None
    for snapshot in _snapshots(api, project_id):
        now = snapshot if as_json else _lines(snapshot, with_age=False)
        if now == before:
            continue
        before = now
        if as_json:
            print_json(snapshot, indent=None)
        else:
            paint("\n".join(line.text for line in _lines(snapshot)) + "\n")


def _snapshots(api: Api, project_id: str) -> Iterator[Json]:
    """The project every few seconds; a platform that is away is waited for a while.

    Raises:
        CommandError: it stayed away, or the project is gone.
    """
    answered_at = time.monotonic()
    while True:
        try:
            yield _snapshot(api, project_id)
            answered_at = time.monotonic()
        except CommandError as failure:
            away = time.monotonic() - answered_at
            if failure.exit_code not in PASSING or away > PATIENCE_SECONDS:
                raise
        time.sleep(WATCH_SECONDS)


def _lines(snapshot: Json, *, with_age: bool = True) -> list[_Line]:
    project, lines = snapshot["project"], list[_Line]()
    for environment in project["environments"]:
        style = _STYLES.get(str((environment.get("runtime") or {}).get("state")), "")
        for line in field_lines(_environment_fields(project, environment, with_age)):
            lines.append(_Line(line, style if line.startswith("STATE") else ""))
        lines.append(_Line(""))
    live = {item["liveDeploymentId"] for item in project["environments"]}
    rows = [_deployment_row(item, live, with_age=with_age) for item in snapshot["deployments"]]
    headings = ("DEPLOYMENT", "ENVIRONMENT", "COMMIT", "STARTED", "STATUS")
    head, *others = table_lines(headings, rows)
    return [*lines, _Line(head, "bold"), *map(_Line, others)]


def _colour(style: str) -> str | None:
    return style if style in ("green", "yellow", "red") else None


def _environment_fields(project: Json, environment: Json, with_age: bool) -> dict[str, str]:
    return {
        "PROJECT": project["name"],
        "ENVIRONMENT": environment["name"],
        "PROVIDER": environment["provider"],
        "STATE": _state(environment, with_age),
        "LIVE": environment["liveDeploymentId"] or "nothing yet",
        **address_fields(environment),
        **_crons((environment.get("runtime") or {}).get("crons") or []),
    }


def _crons(crons: list[Json]) -> dict[str, str]:
    """When each command that has its times was run, and is next."""
    return {f"CRON {one['name']}": f"{_last_run(one)}, next at {_minute(one['nextAt'])}"
            for one in crons}  # fmt: skip


def _last_run(cron: Json) -> str:
    if cron["lastAt"] is None:
        return "not run yet"
    code = cron["lastExitCode"]
    ended = "" if code is None else f" (exit code {code})"
    return f"last at {_minute(cron['lastAt'])}{ended}"


def _minute(timestamp: str) -> str:
    return f"{clock(timestamp)[:16]} UTC"


def _state(environment: Json, with_age: bool) -> str:
    """How the live release fares, in one line."""
    runtime = environment.get("runtime")
    if not runtime:
        return "live" if environment["liveDeploymentId"] else "–"
    restarts = runtime.get("restarts") or 0
    code, since = runtime.get("exitCode"), runtime.get("since")
    parts = [
        f"for {ago(since).removesuffix(' ago')}" if with_age and since else "",
        f"restarted {restarts} times" if restarts > 1 else "restarted once" if restarts else "",
        f"last exit code {code}" if code is not None else "",
        (runtime.get("reason") or "").replace("_", " "),
    ]
    if runtime.get("process"):
        parts.insert(0, f"its {runtime['process']}")
    replicas = runtime.get("replicas") or {"wanted": 1}
    if replicas["wanted"] > 1:
        parts.insert(0, f"{replicas['running']} of {replicas['wanted']} replicas")
    details = ", ".join(part for part in parts if part)
    return f"{runtime['state']} ({details})" if details else str(runtime["state"])


def _deployment_row(deployment: Json, live: set[str | None], *, with_age: bool) -> tuple[str, ...]:
    """In 80 columns, but for why something failed, was cancelled or was taken back to."""
    state = "rolled back" if deployment.get("rolledBackAt") else deployment["status"]
    if deployment["id"] in live:
        state = "live"
    why = (deployment.get("error") or {}).get("code") or deployment.get("reason")
    return (
        deployment["id"],
        deployment["environment"],
        deployment["commit"][:7],
        ago(deployment["createdAt"]) if with_age else "",
        f"{state} ({why})" if why else state,
    )
