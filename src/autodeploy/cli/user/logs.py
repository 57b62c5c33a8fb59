"""``logs``: what a deployment's build and app have printed, and what they print now."""

import json
import sys

import typer

from autodeploy.cli.terminal import printable
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.feed import Feed
from autodeploy.cli.user.projects import get_deployment, get_project, is_id

TICK_SECONDS = 0.5


def run(target: str | None, environment: str, *, follow: bool, lines: int, as_json: bool) -> None:
    """Print the last lines of a deployment, then its new ones when they are followed."""
    api = Api.connect()
    deployment_id = _deployment_id(api, target, environment)
    last = 0
    for line in _last_lines(api, deployment_id, lines):
        _show(line, as_json)
        last = line["sequence"]
    if not follow:
        return
    with Feed(api, deployment_id, after=last, runtime=True) as feed:
        while not feed.finished:
            message = feed.next(TICK_SECONDS)
            if message is not None:
                _show(message, as_json)


def _deployment_id(api: Api, target: str | None, environment: str) -> str:
    """The deployment that is named; of a project the live one, else the newest."""
    if target is None or not is_id(target):
        project = get_project(api, target)
        for item in project["environments"]:
            if item["name"] == environment and item["liveDeploymentId"]:
                return str(item["liveDeploymentId"])
    return str(get_deployment(api, target, environment)["id"])


def _last_lines(api: Api, deployment_id: str, count: int) -> list[Json]:
    kept: list[Json] = []
    after = 0
    while page := api.get(f"/deployments/{deployment_id}/logs", after=after)["items"]:
        kept = [*kept, *page][-count:]
        after = page[-1]["sequence"]
    return kept


def _show(line: Json, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    clock = line["timestamp"][11:19]
    color = {"error": "red", "warn": "yellow"}.get(line["level"])
    typer.secho(f"{clock} {line['source']:<8} {printable(line['message'])}", fg=color)
