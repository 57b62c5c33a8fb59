"""The embedded Valkey: the Redis protocol on a unix socket, no port."""

import asyncio
import shutil
import signal
from pathlib import Path

from autodeploy.kernel.embedded.parts import (
    PartNotReady,
    answers,
    ensure_folder,
    open_log,
    reachable_program,
    wait_until,
)
from autodeploy.kernel.process import SystemUser, spawn, stop


class EmbeddedValkey:
    """A Valkey server with its data in ``data`` that answers on ``socket`` only."""

    name = "Valkey"
    stop_signal = signal.SIGTERM

    def __init__(self, data: Path, socket: Path, log: Path, user: SystemUser | None):
        self.data = data
        self.socket = socket
        self.log = log
        self.user = user
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def argv(self) -> list[str]:
        program = reachable_program("valkey", self.user, self.data.parent / "parts")
        return [
            str(program),
            *("--port", "0"),
            *("--unixsocket", str(self.socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self.data)),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec"),
            *("--save", ""),
            *("--maxmemory-policy", "noeviction"),
            *("--databases", "64"),
            *("--daemonize", "no"),
        ]

    async def ensure_initialised(self) -> None:
        ensure_folder(self.data, self.user)
        ensure_folder(self.socket.parent, self.user)
        self.socket.unlink(missing_ok=True)  # of a server that was killed

    async def start(self) -> asyncio.subprocess.Process:
        """Start; without the data of the disk if they are damaged, since all of it may be lost."""
        process = await self._spawn()
        try:
            await self.wait_ready()
        except PartNotReady:
            if process.returncode is not None:
                self._set_aside()
                process = await self._spawn()
        except asyncio.CancelledError:
            await self.stop()  # who waits for it does not know it yet
            raise
        return process

    def _set_aside(self) -> None:
        damaged = self.data.with_name(f"{self.data.name}.damaged")
        shutil.rmtree(damaged, ignore_errors=True)
        self.data.rename(damaged)

    async def _spawn(self) -> asyncio.subprocess.Process:
        await self.ensure_initialised()
        with open_log(self.log) as log:
            self.process = await spawn(
                self.argv(), env={}, cwd=self.data, user=self.user, stdout=log, stderr=log
            )
        return self.process

    async def wait_ready(self, timeout: float = 10) -> None:
        assert self.process is not None
        await wait_until(self._answers, self.process, name=self.name, log=self.log, timeout=timeout)

    async def _answers(self) -> bool:
        return await answers(self.socket, b"PING\r\n", b"+PONG\r\n")

    async def stop(self) -> None:
        if self.process is not None:
            await stop(self.process, grace_seconds=10, first_signal=self.stop_signal)
