import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.sandbox import Sandbox
from autodeploy.providers.base import (
    App,
    BuildRequest,
    BuildSpec,
    Endpoint,
    Release,
    ReleaseRequest,
)
from autodeploy.providers.databases import DatabaseRequest
from autodeploy.providers.local.provider import LocalProvider

_numbers = itertools.count(90_001)
# What is raised by a connection that the server ends, at whatever moment.
LOST = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@dataclass
class Node:
    """A running node, and its process for tests that kill it."""

    home: Path
    proxy_port: int
    process: subprocess.Popen[bytes]

    def provider(self) -> LocalProvider:
        return LocalProvider(
            home=self.home,
            proxy_port=self.proxy_port,
            objects=ObjectStore.open(f"file://{self.home}/objects"),
            sandbox=Sandbox.open(),
        )

    def restart_agent(self) -> None:
        """End the node by SIGKILL and start it anew."""
        self.process.kill()
        self.process.wait()
        self.process = start_node(self.home, self.proxy_port)


@dataclass
class Lines:
    """A log sink that keeps what it is given."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    async def __call__(self, level: str, source: str, message: str) -> None:
        self.lines.append((level, source, message))

    async def stored(self) -> None:
        """They are kept at once."""

    @property
    def text(self) -> str:
        return "\n".join(message for _, _, message in self.lines)


def start_node(home: Path, proxy_port: int) -> subprocess.Popen[bytes]:
    log = (home / "node.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("node.py")), str(home), str(proxy_port)],
        stdout=log,
        stderr=log,
    )
    log.close()
    agent = home / "run/runtime/runtime.sock"
    deadline = time.monotonic() + 30
    while not _accepts(agent):
        assert process.poll() is None, "".join(
            path.read_text() for path in (home / "node.log", *home.glob("logs/*.log"))
        )
        assert time.monotonic() < deadline, (home / "node.log").read_text()
        time.sleep(0.02)
    return process


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def local_home() -> Iterator[Path]:
    """A folder that the apps' and Caddy's users can pass through."""
    home = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    home.chmod(0o711)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def node(local_home: Path) -> Iterator[Node]:
    node = Node(local_home, port := free_port(), start_node(local_home, port))
    yield node
    node.process.send_signal(signal.SIGTERM)
    try:
        node.process.wait(20)
    except subprocess.TimeoutExpired:
        node.process.kill()
        node.process.wait()


@pytest.fixture
def provider(node: Node) -> LocalProvider:
    return node.provider()


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def app() -> App:
    number = next(_numbers)
    return App(uuid4(), number, f"shop-{number}", "production")


@pytest.fixture
def source(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Makes a source folder from texts by path."""
    count = itertools.count()

    def make(files: dict[str, str]) -> Path:
        root = tmp_path / f"source-{next(count)}"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        root.mkdir(exist_ok=True)
        return root

    return make


def spec(**changes: object) -> BuildSpec:
    """A server without dependencies that runs with the system's Python."""
    values: dict[str, object] = {
        "kind": "server",
        "language": None,
        "framework": None,
        "package_manager": None,
        "runtime_version": None,
        "install_command": None,
        "build_command": None,
        "start_command": "/usr/bin/python3 server.py",
        "release_command": None,
        "output_directory": None,
    }
    return BuildSpec(**(values | changes))  # type: ignore[arg-type]


class _NothingNoted:
    @property
    def values(self) -> dict[str, object]:
        return {}

    async def keep(self, **values: object) -> None:
        raise AssertionError("this provider finds what it has made")


NOTHING_NOTED = _NothingNoted()


def build_request(
    app: App, source: Path, spec: BuildSpec, environment: dict[str, str] | None = None
) -> BuildRequest:
    async def fetch() -> Path:
        return source

    return BuildRequest(
        deployment_id=uuid4(),
        app=app,
        fetch=fetch,
        spec=spec,
        environment=environment or {},
        run_environment={},
        notes=NOTHING_NOTED,
    )


def database_request(app: App, name: str = "main") -> DatabaseRequest:
    async def password() -> str:
        raise AssertionError("this provider tells its passwords")

    return DatabaseRequest(uuid4(), app, name, "free", password, NOTHING_NOTED)


def release_request(
    app: App,
    key: str,
    spec: BuildSpec,
    environment: dict[str, str] | None = None,
    deployment_id: UUID | None = None,
) -> ReleaseRequest:
    return ReleaseRequest(deployment_id or uuid4(), app, key, spec, environment or {})


async def deploy_static(
    provider: LocalProvider, app: App, source: Path, **changes: object
) -> tuple[ReleaseRequest, Release, Endpoint]:
    """Build the folder ``out`` of a source and make it live."""
    values: dict[str, object] = {"output_directory": "out", "start_command": None}
    built = spec(kind="static", **(values | changes))
    request = build_request(app, source, built)
    artifact = await provider.build(request, Lines())
    released = release_request(app, artifact.key, built, deployment_id=request.deployment_id)
    release = await provider.deploy(released, Lines())
    return released, release, await provider.promote(released, release)


SERVER = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = os.environ.get("ANSWER", "hello").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

print("listening", flush=True)
address = ("127.0.0.1", int(os.environ["PORT"]))
http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
