"""What AutoDeploy adds to a build and a start: from the request to READY, against the same by hand.

Each case is measured in pairs, in turn, with warm download caches on both sides and dependencies
that must be installed anew. The commands by hand are those that the analysis found. Needs the
package registries.
"""

import http.client
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.platform import Json, Platform, eventually, free_port, machine_settings

from bench.report import Record, arguments, show

# Not "python3": a version manager behind that name would count as work by hand.
INTERPRETER = str(Path(sys.executable).resolve())
EXAMPLES = Path(__file__).parents[1] / "examples"
RATIO_BUDGET, SECONDS_BUDGET = 1.10, 1.0
PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Case:
    """An app of ``examples/``; a changed ``lock_file`` makes its dependencies new."""

    name: str
    example: str
    lock_file: str | None
    python: bool = False


CASES = (
    Case("static", "static-html", None),
    Case("express", "express", "package-lock.json"),
    Case("fastapi", "fastapi", "requirements.txt", python=True),
)


def main() -> None:
    options = arguments(__doc__, repeat=5)
    platform = Platform(machine_settings())
    scratch = Path(tempfile.mkdtemp(prefix="ad-bench-", dir="/tmp"))
    try:
        platform.start()
        records = [_measure(case, platform, scratch, options.repeat) for case in CASES]
    finally:
        platform.close()
        shutil.rmtree(scratch)
    show("Request to READY against build and start by hand", "cases", records, as_json=options.json)


def _measure(case: Case, platform: Platform, scratch: Path, repeat: int) -> Record:
    """Medians of both ways, after one of each that warms the caches."""
    manual, ours = [], []
    plan: Json = {}
    for number in range(repeat + 1):
        source = scratch / f"{case.name}-{number}"
        shutil.copytree(EXAMPLES / case.example, source)
        if case.lock_file is not None:
            with (source / case.lock_file).open("a") as file:
                file.write("\n" * (number + 1))
        ours.append(_autodeploy(case, source, platform))
        plan = plan or _plan(case, platform)
        manual.append(_by_hand(case, source, plan))
    by_hand, by_autodeploy = statistics.median(manual[1:]), statistics.median(ours[1:])
    budget = RATIO_BUDGET * by_hand + SECONDS_BUDGET
    return {
        "name": case.name,
        "manual_seconds": round(by_hand, 3),
        "autodeploy_seconds": round(by_autodeploy, 3),
        "ratio": round(by_autodeploy / by_hand, 3),
        "difference_seconds": round(by_autodeploy - by_hand, 3),
        "within_budget": by_autodeploy <= budget,
    }


def _autodeploy(case: Case, source: Path, platform: Platform) -> float:
    """Seconds from POST to READY of what the command line has uploaded."""
    project = _project(case, platform)
    if project is None:
        platform.deploy(source, case.name)
        project = _project(case, platform)
        assert project is not None
    uploaded = platform.upload(source, project["repository"]["id"])
    begun = time.monotonic()
    body = {"commit": uploaded["commit"]}
    deployment = platform.call("POST", f"/projects/{project['id']}/deployments", body)

    def ended() -> Json | None:
        found = platform.call("GET", f"/deployments/{deployment['id']}/status")
        return found if found["status"] in ("ready", "error", "cancelled") else None

    result = eventually("it is deployed", ended, PATIENCE_SECONDS, POLL_SECONDS)
    elapsed = time.monotonic() - begun
    if result["status"] != "ready":
        sys.exit(f"{case.name} did not deploy: {result}")
    return elapsed


def _project(case: Case, platform: Platform) -> Json | None:
    items = platform.call("GET", "/projects?limit=100")["items"]
    return next((item for item in items if item["slug"] == case.name), None)


def _plan(case: Case, platform: Platform) -> Json:
    project = _project(case, platform)
    assert project is not None
    analysis = platform.call("GET", f"/repositories/{project['repository']['id']}/analysis")
    commands: Json = analysis["buildConfiguration"]
    return commands


def _by_hand(case: Case, source: Path, plan: Json) -> float:
    """Seconds from the first command to the first answer."""
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "CI": "true",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_FUND": "false",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PATH": f"{source}/.venv/bin:{source}/node_modules/.bin:{os.environ['PATH']}",
    }
    begun = time.monotonic()
    if case.python:
        _run([INTERPRETER, "-m", "venv", str(source / ".venv")], source, environment)
    for name in ("installCommand", "buildCommand"):
        if plan.get(name):
            _run(["/bin/sh", "-c", plan[name]], source, environment)
    start = plan.get("startCommand") or f"exec {INTERPRETER} -m http.server {port} --bind 127.0.0.1"
    server = subprocess.Popen(
        ["/bin/sh", "-c", start],
        cwd=source,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually("it answers", lambda: _answers(port), PATIENCE_SECONDS, POLL_SECONDS)
        return time.monotonic() - begun
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _run(argv: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{argv} failed by hand:\n{done.stdout}\n{done.stderr}")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
