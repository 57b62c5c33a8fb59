"""Every part is killed while deployments are in their build, their release command and their start:
each ends ready, once, with its log whole and in order.

The three deployments stand at their gates when the part dies, so one death is tried in all stages.
"""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis
from tests.e2e.gates import LINES, STAGES, Gates, gated_app
from tests.e2e.platform import Json, Platform, eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]
STEPS = ("analyze_repository", "build_application", "deploy_to_provider", "verify_health")


def server(platform: Platform, program: str) -> psutil.Process:
    """The process of a server of the control plane (the apps' PostgreSQL is another)."""
    assert platform.process is not None
    children = psutil.Process(platform.process.pid).children()
    return next(child for child in children if child.exe().endswith(f"/{program}"))


def kill(role: str) -> Callable[[Platform], None]:
    return lambda platform: platform.role(role).kill()


def kill_server(program: str) -> Callable[[Platform], None]:
    return lambda platform: server(platform, program).kill()


def restart_postgres(platform: Platform) -> None:
    server(platform, "postgres").send_signal(signal.SIGINT)  # what `pg_ctl restart -m fast` sends


def flush_valkey(platform: Platform) -> None:
    with Redis(unix_socket_path=str(platform.home / "run/valkey/valkey.sock")) as redis:
        redis.flushall()


def kill_platform(platform: Platform) -> None:
    assert platform.process is not None
    platform.process.kill()
    platform.process.wait()
    platform.process = None
    platform.start()


# Each fault, and how often the build, the release command and the start may have run after it.
ONCE, AGAIN = {1}, {1, 2}
FAULTS: dict[str, tuple[Callable[[Platform], None], dict[str, set[int]]]] = {
    "worker-killed": (kill("worker"), {"build": {2}, "release": {2}, "start": ONCE}),
    "api-killed": (kill("serve"), dict.fromkeys(STAGES, ONCE)),
    "runtime-killed": (kill("runtime"), {"build": ONCE, "release": ONCE, "start": {2}}),
    "valkey-killed": (kill_server("valkey-server"), dict.fromkeys(STAGES, ONCE)),
    "valkey-flushed": (flush_valkey, dict.fromkeys(STAGES, ONCE)),
    "caddy-killed": (kill_server("caddy"), dict.fromkeys(STAGES, ONCE)),
    "postgres-killed": (kill_server("postgres"), {"build": AGAIN, "release": AGAIN, "start": ONCE}),
    "postgres-restarted": (restart_postgres, {"build": AGAIN, "release": AGAIN, "start": ONCE}),
    "platform-killed": (kill_platform, {"build": {2}, "release": {2}, "start": {2}}),
}


@pytest.fixture(scope="module")
def gates() -> Iterator[Gates]:
    gates = Gates()
    yield gates
    gates.shut_down()


@pytest.fixture
def live(platform: Platform, gates: Gates, tmp_path: Path) -> None:
    """An app for each stage, live before the next version of it is deployed."""
    clients = {
        stage: start_deployment(platform, gated_app(tmp_path / stage, gates, "first"), stage)
        for stage in STAGES
        if platform.page(f"at-{stage}").startswith("HTTP 404")
    }
    for client in clients.values():
        followed(client)


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("fault", FAULTS)
def test_deployments_survive(platform: Platform, gates: Gates, tmp_path: Path, fault: str) -> None:
    break_it, runs = FAULTS[fault]
    before = {stage: len(deployments(platform, stage)) for stage in STAGES}
    texts = {stage: f"{fault}-at-{stage}" for stage in STAGES}
    places = [f"{texts[stage]}/{stage}" for stage in STAGES]
    gates.close_at(*places)
    clients = {
        stage: start_deployment(platform, gated_app(tmp_path / stage, gates, texts[stage]), stage)
        for stage in STAGES
    }
    eventually("each deployment is at its gate", lambda: gates.reached(*places), 60)
    break_it(platform)
    gates.open_all()

    for stage, client in clients.items():
        shown = followed(client)
        found = deployments(platform, stage)
        assert len(found) == before[stage] + 1
        check_once(platform, found[0], shown)
        assert gates.passed[f"{texts[stage]}/{stage}"] in runs[stage]
        page = texts[stage]
        eventually("it has the traffic", lambda s=stage, p=page: platform.page(f"at-{s}") == p)


def start_deployment(platform: Platform, folder: Path, stage: str) -> subprocess.Popen[str]:
    return platform.spawn("deploy", str(folder), "--project", f"at-{stage}")


def deployments(platform: Platform, stage: str) -> list[Json]:
    """The newest ones of an app, newest first."""
    projects = platform.call("GET", f"/projects?q=at-{stage}")["items"]
    found: list[Json] = platform.call("GET", f"/projects/{projects[0]['id']}/deployments")["items"]
    return found


def followed(client: subprocess.Popen[str]) -> list[str]:
    """What a client that follows the deployment showed of the build and the release command."""
    _, said = client.communicate(timeout=120)
    assert client.returncode == 0, said
    assert "\nTraceback" not in said
    return numbered(said.splitlines())


def check_once(platform: Platform, deployment: Json, shown: list[str]) -> None:
    """It is ready, was made live once, and its log is whole, for whoever followed it too."""
    assert deployment["status"] == "ready"
    steps = {step["name"]: step["status"] for step in deployment["steps"]}
    assert {name: steps[name] for name in STEPS} == dict.fromkeys(STEPS, "succeeded")
    lines = log(platform, deployment["id"])
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    stored = [line["message"] for line in lines if line["source"] in ("build", "release")]
    check_order(numbered(stored))
    assert shown == numbered(stored)
    assert times_made_live(platform, deployment["id"]) == 1


def times_made_live(platform: Platform, deployment_id: str) -> int:
    """How often it was told that this deployment has the traffic now."""
    password = (platform.home / "secrets/postgres.password").read_text().strip()
    sockets = str(platform.home / "run/postgres")
    with psycopg.connect(
        dbname="autodeploy", user="postgres", password=password, host=sockets
    ) as database:
        rows = database.execute(
            "SELECT payload FROM deployment_events WHERE deployment_id = %s", [deployment_id]
        ).fetchall()
    return sum(payload.get("status") == "ready" for (payload,) in rows)


def log(platform: Platform, deployment_id: str) -> list[Json]:
    found: list[Json] = []
    while True:
        after = found[-1]["sequence"] if found else 0
        page = platform.call("GET", f"/deployments/{deployment_id}/logs?after={after}")["items"]
        if not page:
            return found
        found += page


def numbered(lines: list[str]) -> list[str]:
    return [match[0] for line in lines if (match := re.search(r"(build|release) line \d+", line))]


def check_order(lines: list[str]) -> None:
    """Each run counts from one without a gap, and the last one of each stage to its end."""
    for stage in ("build", "release"):
        numbers = [int(line.split()[-1]) for line in lines if line.startswith(stage)]
        begins = [place for place, number in enumerate(numbers) if number == 1]
        for begin, end in zip(begins, [*begins[1:], len(numbers)], strict=True):
            assert numbers[begin:end] == list(range(1, end - begin + 1))
        assert numbers[-1] == LINES
