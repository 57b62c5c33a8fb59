"""What Caddy 2.11 counts of the requests to apps (https://caddyserver.com/docs/metrics, 2026-11).

A request is counted by each route that it goes through, by the name of the route's first handler
and with the status of the answer.
"""

import re
from collections import Counter
from collections.abc import Iterable

from autodeploy.providers.base import Traffic
from autodeploy.providers.local.agent.caddy import RoutedApp

_COUNT = re.compile(r"^caddy_http_request_duration_seconds_count\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_FIRST_FAILURE = 500


def count_traffic(metrics: str, apps: Iterable[RoutedApp]) -> dict[int, Traffic]:
    """The requests of each app by its number: by its host in the shared server, and at its own
    port. Static files have no server that could fail."""
    servers = [app for app in apps if app.kind == "server"]
    by_host = {app.host: app.number for app in servers}
    by_port = {f"app-{app.number}": app.number for app in servers}
    answers: Counter[int] = Counter()
    failures: Counter[int] = Counter()
    for found in _COUNT.finditer(metrics):
        labels = dict(_LABEL.findall(found[1]))
        match (labels["server"], labels["handler"]):
            case ("proxy", "subroute"):
                number = by_host.get(labels["host"].partition(":")[0])
            case (server, "map"):
                number = by_port.get(server)
            case _:
                number = None
        if number is not None:
            answers[number] += (count := int(float(found[2])))
            failures[number] += count if int(labels["code"]) >= _FIRST_FAILURE else 0
    return {app.number: Traffic(answers[app.number], failures[app.number]) for app in servers}
