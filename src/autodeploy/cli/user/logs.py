"""``logs``: what a deployment's build and app have printed, and what they print now."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from autodeploy.cli.terminal import paint, print_json, printable, say
from autodeploy.cli.times import moment
from autodeploy.cli.user.client import Api, Json, Query
from autodeploy.cli.user.feed import Feed
from autodeploy.cli.user.projects import get_deployment, get_project, is_id

TICK_SECONDS = 0.5
DEFAULT_LINES = 200
PATIENCE_SECONDS = 60.0
_COLOURS = {"error": "red", "warn": "yellow"}


@dataclass(frozen=True)
class LogOptions:
    """The arguments of ``autodeploy logs``. ``lines`` None: 200, or with ``since`` all."""

    target: str | None
    environment: str
    follow: bool = False
    lines: int | None = None
    since: str | None = None
    level: str | None = None
    sources: tuple[str, ...] = ()
    as_json: bool = False


def run(options: LogOptions) -> None:
    """Print the last lines of a deployment, then its new ones when they are followed."""
    wanted: dict[str, Query] = {
        "level": options.level,
        "source": list(options.sources) or None,
        "since": None if options.since is None else moment(options.since, "--since").isoformat(),
    }
    api = Api.connect()
    deployment_id = _deployment_id(api, options.target, options.environment)
    last = 0
    for line in _stored(api, deployment_id, options, wanted):
        _show(line, options.as_json)
        last = line["sequence"]
    if not options.follow:
        if not last and not options.as_json:
            say("No line is like that.")
        return
    with Feed(api, deployment_id, after=last, runtime=True, wanted=wanted) as feed:
        _follow(feed, options.as_json)


def _follow(feed: Feed, as_json: bool) -> None:
    """Print what comes. A platform that is away is waited for, and the user told so."""
    away_since: float | None = None
    while not feed.finished:
        message = feed.next(TICK_SECONDS)
        if message is not None:
            _show(message, as_json)
        problem = feed.problem
        if problem is None:
            away_since = None
        elif away_since is None:
            away_since = time.monotonic()
            say(f"{problem.message} Trying again …")
        elif time.monotonic() - away_since > PATIENCE_SECONDS:
            raise problem


def _deployment_id(api: Api, target: str | None, environment: str) -> str:
    """The deployment that is named; of a project the live one, else the newest."""
    if target is None or not is_id(target):
        project = get_project(api, target)
        for item in project["environments"]:
            if item["name"] == environment and item["liveDeploymentId"]:
                return str(item["liveDeploymentId"])
    return str(get_deployment(api, target, environment)["id"])


def _stored(
    api: Api, deployment_id: str, options: LogOptions, wanted: dict[str, Query]
) -> Iterable[Json]:
    """The stored lines that are asked for: the newest, or every one since a time."""
    path = f"/deployments/{deployment_id}/logs"
    if options.since and options.lines is None:
        return chain.from_iterable(_pages(api, path, wanted))
    newest: list[Json] = api.get(path, last=options.lines or DEFAULT_LINES, **wanted)["items"]
    return newest


def _pages(api: Api, path: str, wanted: dict[str, Query]) -> Iterator[list[Json]]:
    after: Query = 0
    while after is not None:
        page = api.get(path, after=after, **wanted)
        yield page["items"]
        after = page["nextCursor"]


def _show(line: Json, as_json: bool) -> None:
    if as_json:
        print_json(line, indent=None)
        return
    clock = line["timestamp"][11:19]
    paint(
        f"{clock} {line['source']:<8} {printable(line['message'])}",
        colour=_COLOURS.get(line["level"]),
    )
