"""Metrics of a running app, from the command line."""

import httpx
from tests.api.deployer import User, deploy_server
from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person

from autodeploy.cli.user.client import Json
from autodeploy.cli.user.metrics import fields
from autodeploy.kernel.resources import Resources

FOUND: Json = {
    "environment": "production", "provider": "render", "deploymentId": "1", "instances": 2,
    "measuredAt": "2026-11-27T12:00:00Z",
    "cpu": {"usedCores": 0.256, "limitCores": 1.0},
    "memory": {"usedBytes": 150_000_000, "limitBytes": None},
    "requests": {"perMinute": 14.25, "failuresPerMinute": 0.0},
    "latency": {"p50Milliseconds": 12.4, "p95Milliseconds": None},
}  # fmt: skip


async def test_what_cannot_be_measured_is_refused_with_what_to_do(
    ada: Person, resources: Resources
) -> None:
    await ada.call("POST", "/projects", {"name": "empty"})
    assert "Nothing is live" in await ada.refused("metrics", "empty")
    assert "no environment 'staging'" in await ada.refused("metrics", "empty", "-e", "staging")
    async with httpx.AsyncClient(base_url=ada.url) as client:
        await deploy_server(User(client, {"Authorization": f"Bearer {ada.token}"}), resources)
    assert "cannot do metrics" in await ada.refused("metrics", "my-shop")


def test_each_number_is_shown_with_its_unit_and_what_is_missing_is_not_told() -> None:
    check(FOUND, documented("metrics"))
    assert fields(FOUND) == {
        "PROVIDER": "render",
        "INSTANCES": "2",
        "CPU": "0.26 of 1.00 cores",
        "MEMORY": "150.0 MB",
        "REQUESTS": "14.2 a minute",
        "FAILURES": "0.0 a minute",
        "LATENCY P50": "12 ms",
        "LATENCY P95": "not told",
    }
    silent = {key: dict.fromkeys(value) if isinstance(value, dict) else value
              for key, value in FOUND.items()}  # fmt: skip
    shown = fields({**silent, "instances": None})
    assert set(shown.values()) == {"render", "not told"}
