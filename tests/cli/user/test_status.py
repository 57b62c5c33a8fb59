"""How a live release's state is put into words."""

from datetime import UTC, datetime, timedelta

import pytest

from autodeploy.cli.user.client import Json
from autodeploy.cli.user.status import _lines

# In days, so that it is said the same however long the tests before these take.
SINCE = (datetime.now(UTC) - timedelta(days=5, hours=1)).isoformat()


def _shown(runtime: Json | None, *, live: str | None = "id", with_age: bool = True) -> str:
    environment = {
        "name": "production",
        "provider": "local",
        "url": None,
        "localUrl": None,
        "liveDeploymentId": live,
        "runtime": runtime,
    }
    snapshot = {"project": {"name": "shop", "environments": [environment]}, "deployments": []}
    lines = [line for line in _lines(snapshot, with_age=with_age) if line.text.startswith("STATE")]
    return lines[0].text.removeprefix("STATE").strip()


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        (None, "live"),
        (
            {"state": "running", "restarts": 0, "exitCode": None, "reason": None, "since": SINCE},
            "running (for 5d)",
        ),
        (
            {"state": "restarting", "restarts": 1, "exitCode": 0, "reason": None, "since": None},
            "restarting (restarted once, last exit code 0)",
        ),
        (
            {
                "state": "crashed",
                "restarts": 7,
                "exitCode": 137,
                "reason": "out_of_memory",
                "since": SINCE,
            },
            "crashed (for 5d, restarted 7 times, last exit code 137, out of memory)",
        ),
        (
            {
                "state": "crashed",
                "restarts": 4,
                "exitCode": 1,
                "reason": None,
                "process": "beat",
                "since": SINCE,
            },
            "crashed (its beat, for 5d, restarted 4 times, last exit code 1)",
        ),
    ],
)
def test_state_is_one_line_of_what_is_known(runtime: Json | None, said: str) -> None:
    assert _shown(runtime) == said


def test_state_without_its_age_changes_only_with_the_state() -> None:
    running = {"state": "running", "restarts": 0, "exitCode": None, "reason": None, "since": SINCE}
    assert _shown(running, with_age=False) == "running"
    assert _shown(None, live=None) == "–"
