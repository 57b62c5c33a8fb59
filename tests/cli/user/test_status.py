"""How a live release's state is put into words."""

from datetime import UTC, datetime, timedelta

import pytest

from autodeploy.cli.user.client import Json
from autodeploy.cli.user.deploy import print_addresses
from autodeploy.cli.user.projects import _address, _state_word, warn_of_trouble
from autodeploy.cli.user.status import _deployment_row, _lines

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
        (
            {
                "state": "restarting",
                "restarts": 1,
                "exitCode": None,
                "reason": None,
                "process": "web.2",
                "replicas": {"running": 2, "wanted": 3},
                "since": None,
            },
            "restarting (2 of 3 replicas, its web.2, restarted once)",
        ),
        (
            {"state": "stopped", "reason": "removed_at_provider", "since": SINCE},
            "stopped (for 5d, removed at provider)",
        ),
        ({"state": "replaced", "since": SINCE}, "replaced (for 5d)"),
        ({"state": "running", "replicas": {"running": 1, "wanted": 1}}, "running"),
    ],
)
def test_state_is_one_line_of_what_is_known(runtime: Json | None, said: str) -> None:
    assert _shown(runtime) == said


def test_state_without_its_age_changes_only_with_the_state() -> None:
    running = {"state": "running", "restarts": 0, "exitCode": None, "reason": None, "since": SINCE}
    assert _shown(running, with_age=False) == "running"
    assert _shown(None, live=None) == "–"


def test_commands_with_their_times_are_named() -> None:
    crons = [
        {"name": "new", "nextAt": "2026-11-28T03:00:00+00:00", "lastAt": None,
         "lastExitCode": None},
        {"name": "old", "nextAt": "2026-11-28T04:30:00+00:00",
         "lastAt": "2026-11-27T04:30:02+00:00", "lastExitCode": 2},
    ]  # fmt: skip
    shown = {
        "name": "production", "provider": "local", "url": None, "localUrl": None,
        "liveDeploymentId": "id", "runtime": {"state": "running", "crons": crons},
    }  # fmt: skip
    snapshot = {"project": {"name": "shop", "environments": [shown]}, "deployments": []}
    lines = [line.text for line in _lines(snapshot) if line.text.startswith("CRON")]
    assert lines == [
        "CRON new     not run yet, next at 2026-11-28 03:00 UTC",
        "CRON old     last at 2026-11-27 04:30 UTC (exit code 2), next at 2026-11-28 04:30 UTC",
    ]


def _deployment(number: int, status: str, code: str | None) -> Json:
    return {
        "id": f"{number:08}-0000-4000-8000-000000000000",
        "environment": "production",
        "status": status,
        "commit": "26c4856a39c521b771de8b9d6e8e36d1bb4f71d3",
        "createdAt": (datetime.now(UTC) - timedelta(days=30, hours=1)).isoformat(),
        "error": {"code": code} if code else None,
    }


def test_deployments_fit_a_usual_terminal_and_tell_why_they_failed() -> None:
    deployments = [
        _deployment(1, "error", "app_crashed"),
        _deployment(2, "ready", None),
        _deployment(3, "cancelled", None),
    ]
    live = {"name": "production", "provider": "local", "url": None, "localUrl": None}
    environment = {**live, "liveDeploymentId": deployments[1]["id"], "runtime": None}
    project = {"name": "shop", "environments": [environment]}
    lines = [each.text for each in _lines({"project": project, "deployments": deployments})]
    heading, failed, ready, cancelled = lines[-4:]
    assert failed.endswith("26c4856  30d ago  error (app_crashed)")
    assert ready.endswith("26c4856  30d ago  live")
    assert cancelled.endswith("26c4856  30d ago  cancelled")
    assert all(len(line) <= 80 for line in (heading, ready, cancelled))


@pytest.mark.parametrize(
    ("runtime", "word", "told"),
    [
        (None, "live", ""),
        ({"state": "running"}, "live", ""),
        ({"state": "crashed"}, "crashed", "is crashed: `autodeploy logs an-id`"),
    ],
)
def test_app_that_does_not_run_is_told_wherever_it_is_shown(
    capsys: pytest.CaptureFixture[str], runtime: Json | None, word: str, told: str
) -> None:
    environment = {"name": "production", "liveDeploymentId": "an-id", "runtime": runtime}
    assert _state_word(environment) == word
    warn_of_trouble(environment)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"status": "ready"}, "ready"),
        ({"status": "ready", "id": "id", "reason": "release_failing"}, "live (release_failing)"),
        ({"status": "ready", "rolledBackAt": SINCE}, "rolled back"),
        ({"status": "error", "error": {"code": "build_failed"}}, "error (build_failed)"),
        ({"status": "cancelled", "reason": "superseded"}, "cancelled (superseded)"),
    ],
)
def test_a_deployment_is_told_with_its_end_and_why(told: Json, said: str) -> None:
    deployment = {"id": "other", "environment": "production", "commit": "a" * 40, **told}
    row = _deployment_row({"createdAt": SINCE, **deployment}, {"id"}, with_age=False)
    assert row[-1] == said


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ({"state": "running"}, ""),
        ({"state": "replaced"}, "Another release has the traffic of production"),
        ({"state": "stopped", "reason": "removed_at_provider"}, "does not have the app"),
        ({"state": "unknown", "reason": "account_missing"}, "`autodeploy explain account_missing`"),
    ],
)
def test_what_happened_at_a_provider_is_told(
    runtime: Json, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    warn_of_trouble(
        {"name": "production", "provider": "vercel", "liveDeploymentId": "id", "runtime": runtime}
    )
    told = capsys.readouterr().err
    assert said in told
    assert bool(told) == bool(said)


@pytest.mark.parametrize(
    ("private", "said"),
    [
        (False, ["URL          http://shop.localhost:8080", "LOCAL        http://127.0.0.1:3001"]),
        (True, ["PRIVATE      http://127.0.0.1:3001"]),
    ],
)
def test_address_of_a_private_app_is_said_to_be_for_other_apps(
    capsys: pytest.CaptureFixture[str], private: bool, said: list[str]
) -> None:
    local = "http://127.0.0.1:3001"
    url = local if private else "http://shop.localhost:8080"
    environment = {
        "name": "production", "provider": "local", "url": url, "private": private,
        "localUrl": local, "liveDeploymentId": "id", "runtime": None,
    }  # fmt: skip
    snapshot = {"project": {"name": "shop", "environments": [environment]}, "deployments": []}
    addresses = ("URL", "LOCAL", "PRIVATE")
    assert [one.text for one in _lines(snapshot) if one.text.startswith(addresses)] == said
    print_addresses({"url": url, "private": private, "localUrl": local})
    assert capsys.readouterr().out.split() == " ".join(said).split()
    assert _address(environment) == (f"{url} (private)" if private else url)
