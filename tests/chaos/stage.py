"""Where the stories are played: a platform on a disk of its own, with a second worker beside it.

What dies is started again, as an init system would; callers of the API ask again, as careful
clients do.
"""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
from tests.chaos.breaking import FaultPoints
from tests.chaos.plan import LEASE_SECONDS
from tests.e2e.platform import Json, Platform, free_port

from autodeploy.kernel.archives import pack

BUILD_SECONDS = 20
HEALTH_SECONDS = 10
DISK_MEGABYTES = 768
# A killed supervisor has to come up again, with everything that it starts.
PATIENCE_SECONDS = 180.0
_PAUSE_SECONDS = 0.1
_PRIORITY = -5
_UNDER_WAY_SECONDS = 3.0


class Refused(Exception):
    """The API answered with a problem: ``status`` and ``body``."""

    def __init__(self, status: int, body: Json):
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


class Stage:
    """A platform that may be broken, and what is needed to look at it. Satisfies ``Target``."""

    def __init__(self) -> None:
        self.platform = Platform(
            {
                "AUTODEPLOY_LEASE_SECONDS": str(LEASE_SECONDS),
                "AUTODEPLOY_BUILD_SECONDS": str(BUILD_SECONDS),
                "AUTODEPLOY_HEALTH_SECONDS": str(HEALTH_SECONDS),
            }
        )
        self.platform.start_seconds = PATIENCE_SECONDS
        self.home = self.platform.home
        #: When the whole platform was last started again, as ``time.monotonic`` counts.
        self.up_since = 0.0
        self.has_small_disk = _mount(self.home)
        socket = self.platform.folder / "faults.sock"
        self.platform.environment["AUTODEPLOY_FAULT_SOCKET"] = str(socket)
        self.points = FaultPoints(socket, self)
        self.second_worker: subprocess.Popen[bytes] | None = None
        self.temporary = self.platform.folder / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o1777)
        self.platform.environment["TMPDIR"] = str(self.temporary)
        self.sources = self.platform.folder / "sources"
        self.sources.mkdir()
        self.git_port = free_port()
        self._git: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def open(self) -> None:
        _go_first()
        address = ("--listen=127.0.0.1", f"--port={self.git_port}")
        options = ("--export-all", f"--base-path={self.sources}", str(self.sources))
        # In a session of its own, as all that is started here, so that Ctrl-C ends none of it.
        self._git = subprocess.Popen(["git", "daemon", *address, *options], start_new_session=True)
        self.platform.start()
        self._keeper.start()

    def close(self) -> None:
        """Stop everything; afterwards nothing of it runs."""
        self._closing.set()
        if self._git is not None:
            self._git.terminate()
            self._git.wait()
        if self._keeper.is_alive():
            self._keeper.join()
        if self.second_worker is not None:
            self.second_worker.terminate()
            self.second_worker.wait(30)
        if self.platform.process is not None and self.platform.process.poll() is None:
            self.platform.stop()
        self.points.close()

    def remove(self) -> None:
        if self.has_small_disk:
            command = ["umount", "-l", str(self.home)]
            subprocess.run(command, check=True, start_new_session=True)
        shutil.rmtree(self.platform.folder, ignore_errors=True)

    def process_of(self, name: str) -> psutil.Process:
        """The process of a part. Raises ``LookupError`` when it does not run now."""
        assert self.platform.process is not None
        if name == "supervisor":
            return psutil.Process(self.platform.process.pid)
        programs = {"caddy": "/caddy", "valkey": "/valkey-server", "postgres": "/postgres"}
        commands = {"api": "serve", "worker": "worker", "runtime": "runtime"}
        parts = psutil.Process(self.platform.process.pid).children()
        if name == "apps-postgres":
            runtime = self.process_of("runtime")
            return _first(one for one in runtime.children() if one.exe().endswith("/postgres"))
        if name in programs:
            return _first(one for one in parts if one.exe().endswith(programs[name]))
        return _first(one for one in parts if commands[name] in one.cmdline())

    @property
    def git_url(self) -> str:
        """Below which repositories are that the platform fetches from."""
        return f"git://127.0.0.1:{self.git_port}"

    def tell_pushed(self, commit: str) -> None:
        """Of the newest commit of a repository. Here nobody else fetches it."""

    def fail_call(self, point: str, kind: str) -> None:
        """Have the call that follows a fault point fail. Raises ``LookupError`` where none does."""
        raise LookupError(f"no provider elsewhere is called after {point}")

    def _keep(self) -> None:
        """Start again what has died and has nobody else who would."""
        _go_first()
        while not self._closing.wait(_PAUSE_SECONDS):
            process = self.platform.process
            if process is not None and process.poll() not in (None, 0):
                self.platform.process = None
                self.platform.start()
                self.up_since = time.monotonic()
            if self.second_worker is None or self.second_worker.poll() is not None:
                with self.platform.output.open("ab") as output:
                    self.second_worker = subprocess.Popen(
                        [sys.executable, "-m", "autodeploy", "worker"],
                        env=self.platform.environment,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )

    def get(self, path: str) -> Json:
        return self._ask("GET", path)

    def delete(self, path: str) -> Json:
        return self._ask("DELETE", path)

    def put(self, path: str, body: Json) -> Json:
        return self._ask("PUT", path, json.dumps(body).encode())

    def upload(self, folder: Path, repository_id: str | None = None) -> Json:
        """Upload a folder, to the repository if there is one. Doing it twice changes nothing."""
        archive = self.platform.folder / "upload.tar.gz"
        pack(folder, archive)
        more = f"&repositoryId={repository_id}" if repository_id else ""
        return self._ask(
            "POST",
            f"/repositories/upload?name={folder.name}{more}",
            archive.read_bytes(),
            content_type="application/gzip",
        )

    def post(self, path: str, body: Json | None = None) -> Json:
        """Ask for something once: repetitions have the same Idempotency-Key."""
        return self._ask("POST", path, json.dumps(body or {}).encode(), key=str(uuid.uuid4()))

    def deploy(self, project_id: str, body: Json | None = None, *, path: str | None = None) -> Json:
        """Ask for one deployment. Where the API died over it, a look tells whether it has begun."""
        listing = f"/projects/{project_id}/deployments"
        before = {one["id"] for one in self.get(listing)["items"]}
        while True:
            try:
                return self.post(path or listing, body)
            except Refused as refused:
                if refused.body.get("code") != "request_in_progress":
                    raise
            begun = [one for one in self.get(listing)["items"] if one["id"] not in before]
            if begun:
                return begun[0]

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        key: str | None = None,
    ) -> Json:
        """The API's answer, however often it has to be asked. Raises ``Refused``."""
        begun = time.monotonic()
        while True:
            status, answer = self._ask_once(method, path, body, content_type, key)
            if 200 <= status < 300:
                return answer
            waited = time.monotonic() - begun
            under_way = answer.get("code") == "request_in_progress"
            away = status in (0, 502, 503, 504, 507)  # 507: the disk is full for a while
            if not (
                (away and waited < PATIENCE_SECONDS) or (under_way and waited < _UNDER_WAY_SECONDS)
            ):
                raise Refused(status, answer)
            time.sleep(_PAUSE_SECONDS)

    def _ask_once(
        self, method: str, path: str, body: bytes | None, content_type: str, key: str | None
    ) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": content_type}
        if key is not None:
            headers["Idempotency-Key"] = key
        connection = http.client.HTTPConnection("127.0.0.1", self.platform.api_port, timeout=15)
        with contextlib.closing(connection):
            try:
                connection.request(method, f"/api/v1{path}", body, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                return 0, {}
        return answer.status, json.loads(text) if text else {}

    def _token(self) -> str:
        stored = self.platform.folder / "config/autodeploy/credentials.json"
        content = json.loads(stored.read_text())
        token: str = content["tokens"][content["current"]]
        return token

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the control plane's database, as its owner sees them."""
        return _rows(self.home, "postgres", "autodeploy", statement, values)

    def app_databases(self) -> set[str]:
        """The databases in the apps' cluster, which may not have been needed yet."""
        if not (self.home / "apps-postgres.port").exists():
            return set()
        port = int((self.home / "apps-postgres.port").read_text())
        statement = "SELECT datname FROM pg_database WHERE datname LIKE 'app\\_%%'"
        found = _rows(self.home, "apps-postgres", "postgres", statement, (), port)
        return {name for (name,) in found}

    def routes(self) -> str:
        """What Caddy is told to serve."""
        transport = self.home / "run/caddy/admin.sock"
        with contextlib.closing(_UnixConnection(transport)) as connection:
            connection.request("GET", "/config/", headers={"Host": "caddy"})
            return connection.getresponse().read().decode()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        import socket

        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(str(self._path))


def _rows(
    home: Path,
    server: str,
    database: str,
    statement: str,
    values: tuple[object, ...],
    port: int | None = None,
) -> list[tuple[Any, ...]]:
    password = (home / f"secrets/{server}.password").read_text().strip()
    with psycopg.connect(
        dbname=database,
        user="postgres",
        password=password,
        host=str(home / "run" / server),
        port=port or 5432,
        connect_timeout=5,
    ) as connection:
        return connection.execute(statement, values).fetchall()


def _first(processes: Iterator[psutil.Process]) -> psutil.Process:
    found = next(processes, None)
    if found is None:
        raise LookupError("it does not run now")
    return found


def _go_first() -> None:
    """Have what this thread starts go before the machine's other work, where this machine lets us.

    A lease of 1 s would else say more about that work than about the platform.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def _mount(folder: Path) -> bool:
    """Give the folder a small disk of its own, where this machine lets us."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "none", str(folder)]
    return os.geteuid() == 0 and not subprocess.call(command, start_new_session=True)
