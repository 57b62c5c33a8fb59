"""What ``metrics`` does: show how the app of an environment fares at the moment."""

from collections.abc import Callable
from typing import Any

from autodeploy.cli.terminal import print_fields, print_json
from autodeploy.cli.user.client import Api, Json, segment
from autodeploy.cli.user.databases import size
from autodeploy.cli.user.projects import get_environment, get_project

NOT_TOLD = "not told"


def show(project_name: str | None, environment: str, *, as_json: bool) -> None:
    """Show what its provider measures, and what of it that does not tell."""
    api = Api.connect()
    project = get_project(api, project_name)
    get_environment(project, environment)
    found = api.get(f"/projects/{project['id']}/environments/{segment(environment)}/metrics")
    if as_json:
        print_json(found)
    else:
        print_fields(fields(found))


def fields(found: Json) -> dict[str, str]:
    """The answer of the API, for people."""
    cpu, memory, requests = found["cpu"], found["memory"], found["requests"]
    half, most = found["latency"]["p50Milliseconds"], found["latency"]["p95Milliseconds"]
    return {
        "PROVIDER": found["provider"],
        "INSTANCES": _told(found["instances"], str),
        "CPU": _of(cpu["usedCores"], cpu["limitCores"], lambda cores: f"{cores:.2f}", " cores"),
        "MEMORY": _of(memory["usedBytes"], memory["limitBytes"], size),
        "REQUESTS": _told(requests["perMinute"], _a_minute),
        "FAILURES": _told(requests["failuresPerMinute"], _a_minute),
        "LATENCY P50": _told(half, _milliseconds),
        "LATENCY P95": _told(most, _milliseconds),
    }


def _of(used: Any, limit: Any, shown: Callable[[Any], str], unit: str = "") -> str:
    if used is None:
        return NOT_TOLD
    return shown(used) + ("" if limit is None else f" of {shown(limit)}") + unit


def _a_minute(count: float) -> str:
    return f"{count:.1f} a minute"


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms"


def _told(value: Any, shown: Callable[[Any], str]) -> str:
    return NOT_TOLD if value is None else shown(value)
