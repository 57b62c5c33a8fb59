"""The one-off commands of a project: who ran what, when, and how it ended."""

import itertools
import shlex

from autodeploy.cli.terminal import clock, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.projects import get_project

_HEADINGS = ("ID", "BEGUN (UTC)", "WHO", "ENVIRONMENT", "STATUS", "EXIT", "COMMAND")


def run(name: str | None, *, environment: str | None, limit: int, as_json: bool) -> None:
    """Print the newest commands, of one environment or of all."""
    api = Api.connect()
    project = get_project(api, name)
    found = api.items(f"/projects/{project['id']}/runs", environment=environment)
    runs = list(itertools.islice(found, limit))
    if as_json:
        print_json({"items": runs})
    elif not runs:
        where = f"{project['name']}, {environment}" if environment else project["name"]
        say(f"No command was run in {where} in the last 30 days: `autodeploy run -- COMMAND`.")
    else:
        print_table(_HEADINGS, [_row(each) for each in runs])


def _row(run: Json) -> tuple[str, ...]:
    who, code = run["createdBy"], run["exitCode"]
    return (
        run["id"],
        clock(run["startedAt"] or run["createdAt"]),
        who["name"] if who else "–",
        run["environment"],
        run["status"],
        "–" if code is None else str(code),
        shlex.join(run["command"]),
    )
