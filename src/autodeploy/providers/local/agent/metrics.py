"""What Caddy 2.11 counts of the requests to an app (https://caddyserver.com/docs/metrics, 2026-11).

A request is counted by each handler that it goes through, with the status of the answer.
"""

import re

from autodeploy.providers.base import Traffic
from autodeploy.providers.local.agent.caddy import RoutedApp

_COUNT = re.compile(r"^caddy_http_request_duration_seconds_count\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_FIRST_FAILURE = 500


def count_traffic(metrics: str, app: RoutedApp) -> Traffic:
    """The app's requests, by its host in the shared server and at its own port. Static files have
    no server that could fail."""
    answers = failures = 0
    if app.kind == "server":
        for found in _COUNT.finditer(metrics):
            labels = dict(_LABEL.findall(found[1]))
            if _is_of(app, labels):
                count = int(float(found[2]))
                answers += count
                failures += count if int(labels["code"]) >= _FIRST_FAILURE else 0
    return Traffic(answers, failures)


def _is_of(app: RoutedApp, labels: dict[str, str]) -> bool:
    at = (labels["server"], labels["handler"])
    if at == ("proxy", "subroute"):
        return labels["host"] == app.host
    return at == (f"app-{app.number}", "reverse_proxy")
