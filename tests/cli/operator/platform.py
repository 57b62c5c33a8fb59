"""A platform of its own for a test: the real `autodeploy up` on free ports."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

from autodeploy.kernel.process import die_with_parent, python_argv

READY = "Ctrl-C stops everything."


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Platform:
    """A home, ports and the `up` processes started on them."""

    def __init__(self, home: Path, **environment: str):
        self.root = home
        self.home = home / "home"
        self.api_port = free_port()
        self.proxy_port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "AUTODEPLOY_HOME": str(self.home),
            "AUTODEPLOY_API_PORT": str(self.api_port),
            "AUTODEPLOY_PROXY_PORT": str(self.proxy_port),
            **environment,
        }

    def start(self, *arguments: str, **environment: str) -> "Up":
        return Up(python_argv("up", *arguments), {**self.environment, **environment}, self.root)

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            python_argv(*arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def status_of(self, path: str, token: str | None = None) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            url = f"http://127.0.0.1:{self.api_port}{path}"
            with urlopen(Request(url, headers=headers), timeout=10) as answer:
                status: int = answer.status
                return status
        except HTTPError as error:
            with error:
                return error.code

    def register(self, email: str) -> int:
        """Sign a user up; the status of the answer."""
        body = json.dumps({"email": email, "password": "correct horse battery", "name": "Ada"})
        url = f"http://127.0.0.1:{self.api_port}/api/v1/auth/register"
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(url, data=body.encode(), headers=headers), timeout=10) as answer:
            status: int = answer.status
            return status

    @property
    def credentials(self) -> Path:
        return self.root / "config" / "autodeploy" / "credentials.json"

    def token(self) -> str:
        stored = json.loads(self.credentials.read_text())
        token: str = stored["tokens"][f"http://127.0.0.1:{self.api_port}"]
        return token

    def processes(self) -> dict[int, str]:
        """Everything that runs for this home: found by command line, environment or folder."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                text = _read(entry / "cmdline") + _read(entry / "environ") + _link(entry / "cwd")
                if str(self.root) in text:
                    found[int(entry.name)] = _read(entry / "cmdline").replace("\0", " ")
        return found

    def leftovers(self) -> list[str]:
        """What an ended platform must not leave: sockets, locks, notes and taken ports."""
        left = [str(path) for path in (self.home / "run").rglob("*") if not path.is_dir()]
        left += [name for name in ("up.lock", "up.json") if (self.home / name).exists()]
        for port in (self.api_port, self.proxy_port):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    left.append(f"port {port}")
        return left


class Up:
    """A running `autodeploy up`."""

    def __init__(self, argv: list[str], environment: dict[str, str], root: Path):
        self._output = root / f"up-{time.monotonic_ns()}.log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                argv,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def parts(self) -> list[psutil.Process]:
        """What it has started, without what that has started in turn."""
        return psutil.Process(self.process.pid).children()

    async def wait_for(self, text: str, seconds: float = 60) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while text not in self.output and self.process.poll() is None:
                    await asyncio.sleep(0.02)
        assert text in self.output, self.output

    async def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        self.process.send_signal(number)
        return await self.ended(seconds)

    async def ended(self, seconds: float = 60) -> int:
        await wait_until(lambda: self.process.poll() is not None, seconds)
        assert self.process.returncode is not None
        return self.process.returncode


async def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        await asyncio.sleep(0.02)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
