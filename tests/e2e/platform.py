"""A real platform: ``autodeploy up`` in a process of its own, with a private home and free ports,
and the real command line to talk to it."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import psutil

from autodeploy.kernel.archives import pack

START_SECONDS = 60.0
STOP_SECONDS = 30.0
COMMAND_SECONDS = 150.0
Result = TypeVar("Result")
Json = dict[str, Any]


def eventually(
    what: str, probe: Callable[[], Result | None], seconds: float = 30.0, pause: float = 0.05
) -> Result:
    """What ``probe`` returns as soon as it is not None or False; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (result := probe()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(pause)
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


#: The platforms that are kept for the whole session.
of_session: "list[Platform]" = []


class Platform:
    """One ``autodeploy up`` and the folder that it owns; may be stopped and started again."""

    def __init__(self, environment: dict[str, str] | None = None):
        self.folder = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
        self.folder.chmod(0o711)
        self.home = self.folder / "home"
        self.api_port, self.proxy_port = free_port(), free_port()
        self.environment = self._environment() | (environment or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.start_seconds = START_SECONDS
        self.command_seconds = COMMAND_SECONDS
        self.output = self.folder / "up.log"

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AUTODEPLOY_", "PIP_", "XDG_", "PYTEST"))
        }
        return kept | {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "AUTODEPLOY_HOME": str(self.home),
            "AUTODEPLOY_API_PORT": str(self.api_port),
            "AUTODEPLOY_PROXY_PORT": str(self.proxy_port),
            "AUTODEPLOY_ALLOW_PRIVATE_ADDRESSES": "1",
            "AUTODEPLOY_RATE_LIMITS": "off",
            "AUTODEPLOY_LEASE_SECONDS": "3",
        }

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        """Start ``up`` and wait until the API answers."""
        assert self.process is None
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autodeploy", "up", *arguments],
                env=self.environment | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually("the platform is ready", self._ready, self.start_seconds)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output.read_text()[-4000:]
        token_stored = (self.folder / "config" / "autodeploy" / "credentials.json").exists()
        return token_stored and self.get("/readyz", port=self.api_port)[0] == http.client.OK

    def ensure_running(self) -> None:
        if self.process is None or self.process.poll() is not None:
            self.process = None
            self.start()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal as Ctrl-C or an init system would; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        self.process = None
        return code

    def rest(self) -> None:
        """Stop until ``ensure_running`` is called."""
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def close(self) -> None:
        self.rest()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[psutil.Process]:
        """Every process that belongs to this platform, found by its home in its command line,
        environment or working folder, whoever its parent is."""
        return [process for process in psutil.process_iter(["cmdline"]) if self._is_mine(process)]

    def _is_mine(self, process: psutil.Process) -> bool:
        mark = str(self.home)
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            if any(mark in argument for argument in process.cmdline()):
                return True
            return process.environ().get("AUTODEPLOY_HOME") == mark or process.cwd().startswith(
                mark
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def role(self, name: str) -> psutil.Process:
        """The process of ``autodeploy <name>``."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        return next(
            child for child in children if child.cmdline()[-1:] == [name] or name in child.cmdline()
        )

    def run(
        self, *arguments: str, check: bool = True, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line; with ``check`` it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "autodeploy", *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.command_seconds,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> Json:
        answer: Json = json.loads(self.run(*arguments, "--json").stdout)
        return answer

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command line and do not wait."""
        return subprocess.Popen(
            [sys.executable, "-m", "autodeploy", *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def deploy(self, source: Path | str, name: str, *arguments: str) -> Json:
        """Deploy and return the finished deployment."""
        return self.json("deploy", str(source), "--project", name, *arguments)

    def destroy_projects(self) -> None:
        """Have whatever was deployed removed, unless the platform is stopped.

        It was asked for when the API has it; the end of a large app is not waited for.
        """
        if self.process is None or self.process.poll() is not None:
            return

        def destroy(project: Json) -> None:
            with contextlib.suppress(TimeoutError):
                self.call("DELETE", f"/projects/{project['id']}", seconds=2.0)

        with ThreadPoolExecutor() as pool:
            list(pool.map(destroy, self.call("GET", "/projects?limit=100")["items"]))

    def upload(self, folder: Path, repository_id: str) -> Json:
        """Upload a folder to a repository that exists, without deploying it."""
        archive = self.folder / "upload.tar.gz"
        pack(folder, archive)
        path = f"/repositories/upload?name={folder.name}&repositoryId={repository_id}"
        return self.call("POST", path, archive.read_bytes(), content_type="application/gzip")

    def call(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        *,
        content_type: str = "application/json",
        seconds: float = 30.0,
    ) -> Json:
        """The API, with the administrator's token."""
        stored = json.loads((self.folder / "config/autodeploy/credentials.json").read_text())
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=seconds)
        headers = {
            "Authorization": f"Bearer {stored['tokens'][stored['current']]}",
            "Content-Type": content_type,
        }
        content = json.dumps(body) if isinstance(body, dict) else body
        with contextlib.closing(connection):
            connection.request(method, f"/api/v1{path}", content, headers)
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status < http.client.BAD_REQUEST, text
        return json.loads(text) if text else {}

    def get(self, path: str, *, port: int, host: str | None = None) -> tuple[int, str]:
        """Status and body; status 0 when nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def page(self, name: str, path: str = "/") -> str:
        """What the app answers at its public URL, through the proxy."""
        host = f"{name}.localhost:{self.proxy_port}"
        status, body = self.get(path, port=self.proxy_port, host=host)
        return body if status == http.client.OK else f"HTTP {status}: {body}"

    def local_page(self, deployment: Json, path: str = "/") -> str:
        """What the app answers at its loopback address."""
        port = int(deployment["localUrl"].rpartition(":")[2].rstrip("/"))
        return self.get(path, port=port)[1]


def machine_settings() -> dict[str, str]:
    """Where this machine's package managers look, for what really installs from registries."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "HOME" or name.startswith("PIP_")
    }


def running_platform(environment: dict[str, str]) -> Iterator[Platform]:
    """A platform for a session of tests."""
    platform = Platform(environment)
    of_session.append(platform)
    try:
        platform.start()
        yield platform
    finally:
        platform.close()
