"""Keeps parts running: starts them in order, restarts what ends, stops them in reverse order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from autodeploy.kernel.embedded.parts import open_log, wait_until
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.process import spawn, stop

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 15.0
_SETTLED_SECONDS = 60.0  # who ran this long is not in a crash loop: the pause starts anew
_READY_SECONDS = 60.0
_GRACE_SECONDS = 20.0

Tell = Callable[[str], None]


class Part(Protocol):
    """A process that the platform needs."""

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> Path: ...

    @property
    def stop_signal(self) -> signal.Signals: ...

    async def start(self) -> asyncio.subprocess.Process: ...

    async def wait_ready(self, timeout: float) -> None: ...


class OwnPart:
    """One of our own processes: ``argv`` with ``env``, its output in ``log``."""

    stop_signal = signal.SIGTERM

    def __init__(
        self,
        name: str,
        argv: list[str],
        *,
        env: dict[str, str],
        log: Path,
        ready: Callable[[], Awaitable[bool]],
    ):
        self.name = name
        self.argv = argv
        self.env = env
        self.log = log
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> asyncio.subprocess.Process:
        with open_log(self.log) as log:
            self._process = await spawn(self.argv, env=self.env, stdout=log, stderr=log)
        return self._process

    async def wait_ready(self, timeout: float) -> None:
        assert self._process is not None
        await wait_until(self._ready, self._process, name=self.name, log=self.log, timeout=timeout)


class _Kept:
    """A part that runs, and the task that starts it again when it ends."""

    def __init__(self, part: Part, tell: Tell):
        self.part = part
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start and wait until it answers. Raises ``PartNotReady`` with the end of its log."""
        started = time.monotonic()
        await self._start_once()
        self._tell(f"  {self.part.name:<12} ready in {time.monotonic() - started:.1f} s")
        self._keeper = asyncio.create_task(self._keep())

    async def _start_once(self) -> None:
        self._process = await self.part.start()
        await self.part.wait_ready(_READY_SECONDS)

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            assert self._process is not None
            started = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - started > _SETTLED_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._tell(
                f"{self.part.name} ended with exit code {code}; starting it again "
                f"(its log: {self.part.log})"
            )
            await self._revive(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _revive(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                await self._start_once()
            except (AutoDeployError, OSError) as error:
                self._tell(f"{self.part.name} does not start: {error}")
                await self._stop_process()
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                return

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self._stop_process()

    async def _stop_process(self) -> None:
        if self._process is not None:
            await stop(
                self._process, grace_seconds=_GRACE_SECONDS, first_signal=self.part.stop_signal
            )


class Supervisor:
    """Starts groups of parts one after another, and stops the parts the other way round."""

    def __init__(self, tell: Tell):
        self._tell = tell
        self._kept: list[_Kept] = []

    async def start(self, *parts: Part) -> None:
        """Start parts that do not need each other, at once; all answer when this returns.

        Raises the first failure after the others of the group have come up or failed too.
        """
        group = [_Kept(part, self._tell) for part in parts]
        self._kept += group
        results = await asyncio.gather(*(kept.start() for kept in group), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def stop(self) -> None:
        """Stop everything that was started, the last part first."""
        while self._kept:
            await self._kept.pop().stop()
