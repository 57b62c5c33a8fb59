"""The same app built and started by hand, with the commands that the analysis found."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.platform import Json, eventually, free_port

from bench.apps import PATIENCE_SECONDS, POLL_SECONDS

# Not "python3": a version manager behind that name would count as work by hand.
INTERPRETER = str(Path(sys.executable).resolve())


@dataclass(frozen=True)
class ByHand:
    """A folder with an app. ``plan`` is what ``bench.apps.commands`` returns."""

    folder: Path
    plan: Json
    python: bool

    def build(self) -> None:
        """Install what it needs, and build it."""
        environment = self._environment(free_port())
        if self.python:
            self._run([INTERPRETER, "-m", "venv", str(self.folder / ".venv")], environment)
        for name in ("installCommand", "buildCommand"):
            if self.plan.get(name):
                self._run(["/bin/sh", "-c", self.plan[name]], environment)

    def start(self) -> float:
        """Start it, and end it once it answers. Returns the seconds that this took."""
        begun = time.monotonic()
        with self._running() as port:
            eventually("it answers", lambda: _answers(port), PATIENCE_SECONDS, POLL_SECONDS)
            return time.monotonic() - begun

    @contextlib.contextmanager
    def _running(self) -> Iterator[int]:
        port = free_port()
        folder = self.folder / (self.plan.get("outputDirectory") or ".")
        files = f"exec {INTERPRETER} -m http.server {port} --bind 127.0.0.1 --directory {folder}"
        server = subprocess.Popen(
            ["/bin/sh", "-c", self.plan.get("startCommand") or files],
            cwd=self.folder,
            env=self._environment(port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield port
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

    def _environment(self, port: int) -> dict[str, str]:
        tools = f"{self.folder}/.venv/bin:{self.folder}/node_modules/.bin"
        return {
            **os.environ,
            "PORT": str(port),
            "CI": "true",
            "NEXT_TELEMETRY_DISABLED": "1",
            "NPM_CONFIG_AUDIT": "false",
            "NPM_CONFIG_FUND": "false",
            "NPM_CONFIG_UPDATE_NOTIFIER": "false",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PATH": f"{tools}:{os.environ['PATH']}",
        }

    def _run(self, argv: list[str], environment: dict[str, str]) -> None:
        done = subprocess.run(
            argv, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
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
