"""An embedded PostgreSQL cluster: its own data folder, a unix socket, SCRAM for everyone."""

import asyncio
import os
import shutil
import signal
import struct
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlencode

from autodeploy.kernel.embedded.parts import (
    PartNotReady,
    answers,
    ensure_folder,
    open_log,
    reachable_program,
    wait_until,
)
from autodeploy.kernel.process import SystemUser, spawn, stop

_PORT = 5432  # of the socket file's name; nothing listens on it unless tcp_port is given

# Small, since the machine is shared with the apps; an operator who needs more names a server.
_SETTINGS = {
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "huge_pages": "off",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    # One process less: nothing is subscribed to by replication.
    "max_logical_replication_workers": "0",
}
# The I/O workers of PostgreSQL 18 hold 6 MB to read ahead on disks that our small data never
# waits for; older versions have none and refuse the setting.
_SETTINGS_OF_18 = {"io_method": "sync"}


class EmbeddedPostgres:
    """A cluster in ``data`` whose socket lies in ``sockets``.

    ``password_file`` holds the password of the superuser ``postgres`` and must exist before the
    first start. With ``tcp_port`` it also listens on 127.0.0.1. ``settings`` override ours.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown: ends sessions, loses nothing

    def __init__(
        self,
        data: Path,
        sockets: Path,
        password_file: Path,
        log: Path,
        user: SystemUser | None,
        tcp_port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ):
        self.data = data
        self.sockets = sockets
        self.password_file = password_file
        self.log = log
        self.user = user
        self.tcp_port = tcp_port
        self.settings = {**_SETTINGS, **(settings or {})}
        self.process: asyncio.subprocess.Process | None = None

    @cached_property
    def programs(self) -> Path:
        """The folder of postgres and initdb, where our user can run them."""
        return reachable_program("postgres", self.user, self.data.parent / "parts").parent

    @property
    def _socket(self) -> Path:
        return self.sockets / f".s.PGSQL.{self.tcp_port or _PORT}"

    def argv(self) -> list[str]:
        addresses = "127.0.0.1" if self.tcp_port else ""
        argv = [str(self.programs / "postgres"), "-D", str(self.data), "-k", str(self.sockets)]
        argv += ["-p", str(self.tcp_port or _PORT), "-c", f"listen_addresses={addresses}"]
        for name, value in {**self._version_settings(), **self.settings}.items():
            argv += ["-c", f"{name}={value}"]
        return argv

    def _version_settings(self) -> Mapping[str, str]:
        """Settings that only the version of this cluster knows; none before there is one."""
        try:
            major = int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return {}
        return _SETTINGS_OF_18 if major >= 18 else {}

    def url(self, database: str, user: str = "postgres", password: str | None = None) -> str:
        """A URL over the unix socket. Without ``password``, the superuser's from its file."""
        secret = password if password is not None else self.password_file.read_text().strip()
        query = {"host": str(self.sockets)} | ({"port": self.tcp_port} if self.tcp_port else {})
        return f"postgresql://{quote(user)}:{quote(secret, safe='')}@/{database}?" + urlencode(
            query, safe="/"
        )

    async def ensure_initialised(self) -> None:
        """Make the cluster unless it exists. A half-made one of an earlier start is replaced."""
        ensure_folder(self.sockets, self.user)
        if (self.data / "PG_VERSION").exists():
            return
        staging = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(staging, ignore_errors=True)
        ensure_folder(staging, self.user)
        await self._initdb(staging)
        if self.data.exists():
            self.data.rmdir()  # refuses, rather than lose files that we did not make
        staging.rename(self.data)

    async def _initdb(self, target: Path) -> None:
        password = self._lend_password()
        try:
            with open_log(self.log) as log:
                process = await spawn(
                    [
                        str(self.programs / "initdb"),
                        *("-D", str(target), "-U", "postgres", "--auth=scram-sha-256"),
                        *(f"--pwfile={password}", "--encoding=UTF8", "--data-checksums"),
                        *("--locale-provider=builtin", "--locale=C.UTF-8"),
                    ],
                    env={"PATH": os.defpath, "TZ": "UTC"},
                    cwd=target,
                    user=self.user,
                    stdout=log,
                    stderr=log,
                )
                try:
                    code = await process.wait()
                finally:
                    await stop(process, grace_seconds=5)
        finally:
            password.unlink(missing_ok=True)
        if code != 0:
            raise PartNotReady(f"initdb ended with exit code {code}.", log=self.log)

    def _lend_password(self) -> Path:
        """The password where initdb, which runs as the database's user, can read it."""
        path = self.sockets / ".initial-password"
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            if self.user is not None:
                os.chown(handle, self.user.uid, self.user.gid)
            file.write(self.password_file.read_text().strip() + "\n")
        return path

    async def start(self) -> asyncio.subprocess.Process:
        await self.ensure_initialised()
        await self._end_leftovers()
        with open_log(self.log) as log:
            self.process = await spawn(
                self.argv(),
                env={"PATH": os.defpath, "TZ": "UTC"},
                cwd=self.data,
                user=self.user,
                stdout=log,
                stderr=log,
            )
        return self.process

    async def _end_leftovers(self, timeout: float = 10) -> None:
        """Wait for the processes of a server that was killed; end those that do not go.

        A server's processes have its data folder as their working folder. They notice the death
        of their parent by themselves, but a new server refuses to start before they are gone.
        It also refuses while the old pid exists, which a zombie that nobody awaits, or another
        program after a reboot, may have for ever: so lock files without a server are removed.
        """
        polite_until = time.monotonic() + timeout / 2
        while leftovers := _processes_in(self.data):
            if time.monotonic() > polite_until:
                for pid in leftovers:
                    _kill(pid)
            if time.monotonic() > polite_until + timeout:
                raise PartNotReady(
                    f"Processes of an earlier start still use {self.data}: "
                    f"{', '.join(map(str, leftovers))}.",
                    log=self.log,
                )
            await asyncio.sleep(0.02)
        socket = self._socket
        for stale in (self.data / "postmaster.pid", socket, Path(f"{socket}.lock")):
            stale.unlink(missing_ok=True)

    async def wait_ready(self, timeout: float = 30) -> None:
        assert self.process is not None
        await wait_until(self._answers, self.process, name=self.name, log=self.log, timeout=timeout)

    async def _answers(self) -> bool:
        """Whether the server asks for a password, which it does once it takes sessions."""
        body = struct.pack("!I", 196608) + b"user\0postgres\0database\0postgres\0\0"
        return await answers(self._socket, struct.pack("!I", len(body) + 4) + body, b"R")

    async def stop(self) -> None:
        if self.process is not None:
            await stop(self.process, grace_seconds=30, first_signal=self.stop_signal)


def _processes_in(folder: Path) -> list[int]:
    """The processes whose working folder is ``folder``."""
    found = []
    wanted = str(folder.resolve())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str((entry / "cwd").readlink()) == wanted:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
