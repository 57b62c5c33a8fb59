"""One command of a release as a process that is kept alive."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from autodeploy.kernel.ports import is_free
from autodeploy.kernel.sandbox import Limits, Sandbox, SandboxProcess, stream_lines
from autodeploy.providers.base import RuntimeStatus
from autodeploy.providers.local.agent.listening import listening
from autodeploy.providers.local.agent.output import Output
from autodeploy.providers.local.agent.ports import (
    INSTANCE_PORTS,
    free_port,
    host_uid,
    taken_by_others,
)
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.runtime import AppCommand, app_sandbox

log = structlog.get_logger(__name__)

STOP_GRACE_SECONDS = 10.0
_CLOSING_SECONDS = 5.0
_TAIL_LINES = 200
_WORKER_SETTLES_SECONDS = 1.0


@dataclass(frozen=True)
class RestartPolicy:
    """When a process that ended is started again.

    An exit within ``quick_seconds`` of the start doubles the pause; after ``crash_after`` of
    them in a row it counts as crashed, until it has stayed up for longer than that, and is tried
    again only each ``longest_seconds``.
    """

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    quick_seconds: float = 10.0
    crash_after: int = 5

    def pause(self, quick_exits: int) -> float:
        if quick_exits >= self.crash_after:
            return self.longest_seconds
        return min(self.longest_seconds, self.first_seconds * 2.0 ** max(0, quick_exits - 1))


@dataclass(frozen=True)
class Workplace:
    """What all processes of an agent have in common. ``alone`` keeps commands that have their
    times, by app and name, from running twice at a time, also while releases change."""

    layout: Layout
    sandbox: Sandbox
    policy: RestartPolicy
    limits: Limits
    alone: defaultdict[tuple[int, str], asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )


class KeptProcess:
    """A command that is started again whenever it ends. States: see ``RuntimeStatus``.

    Args:
        app: the command; ``app.process`` names it in the output where there are others.
        port: where it has to listen; None for a worker.
        on_change: called whenever its state has changed, and with it maybe its port.
    """

    def __init__(
        self,
        place: Workplace,
        app: AppCommand,
        port: int | None,
        output: Output,
        on_change: Callable[[], None] = lambda: None,
    ):
        self.name = app.process
        self.app = app
        self.port = port
        self._place = place
        self._output = output
        self._on_change = on_change
        self._state = "starting"
        self._restarts = 0
        self._quick_exits = 0
        self._exit_code: int | None = None
        self._out_of_memory = False
        self._process: SandboxProcess | None = None
        self._stopping = asyncio.Event()
        self._life = asyncio.create_task(self._keep_alive())

    @property
    def is_up(self) -> bool:
        """Whether it has accepted connections since it was last started."""
        return self._state == "running"

    @property
    def process(self) -> SandboxProcess | None:
        """What runs of it at the moment."""
        return self._process

    def status(self) -> RuntimeStatus:
        """How it fares now."""
        process = self._process if self._state == "starting" else None
        return RuntimeStatus(
            "crashed" if self._is_crashing() else self._state,
            self._restarts,
            self._exit_code,
            tuple(self._output.tail(_TAIL_LINES)),
            out_of_memory=self._out_of_memory,
            listening=listening(process.init_pid) if process is not None else (),
            process=self.name,
        )

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """SIGTERM, then SIGKILL after the grace. No restart follows."""
        self._turn("stopped")
        self._stopping.set()
        process = self._process
        if process is not None:
            outcome = await process.stop(grace_seconds=grace_seconds)
            self._exit_code = outcome.exit_code
        # It ends by itself, and then has let go of all that it held.
        await asyncio.wait([self._life], timeout=_CLOSING_SECONDS)
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life

    def _turn(self, state: str) -> None:
        self._state = state
        self._on_change()

    def _is_crashing(self) -> bool:
        return self._quick_exits >= self._place.policy.crash_after and not self._is_stopped()

    def _is_stopped(self) -> bool:
        return self._state == "stopped"

    async def _keep_alive(self) -> None:
        policy = self._place.policy
        while not self._is_stopped():
            started = time.monotonic()
            await self._run_once()
            if self._is_stopped():
                return
            quick = time.monotonic() - started < policy.quick_seconds
            self._quick_exits = self._quick_exits + 1 if quick else 1
            self._turn("backoff")
            pause = policy.pause(self._quick_exits)
            if self._quick_exits == policy.crash_after:
                self._say(
                    "crash",
                    f"It ended {self._quick_exits} times in a row, each within "
                    f"{policy.quick_seconds:g} s of its start: from now on it is started each "
                    f"{pause:g} s.",
                )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                return
            self._restarts += 1
            if self.port is not None and not is_free(self.port):
                self.port = free_port(INSTANCE_PORTS, ())

    async def _run_once(self) -> None:
        self._turn("starting")
        watching = [asyncio.create_task(each) for each in (self._watch_port(), self._settle())]
        try:
            spec = app_sandbox(
                self._place.layout, self.app, port=self.port, limits=self._place.limits
            )
            process = await self._place.sandbox.start(spec)
            self._process = process
            try:
                if self._is_stopped():  # while it was being started
                    await process.stop(grace_seconds=0)
                await stream_lines(process, self._on_line)
                outcome = await process.wait()
            finally:
                await process.destroy()
            self._exit_code = outcome.exit_code
            self._out_of_memory = outcome.out_of_memory
            reason = " (out of memory)" if outcome.out_of_memory else ""
            self._say("system", f"The app ended with exit code {outcome.exit_code}{reason}.")
        except Exception as error:
            log.exception("instance.start_failed", deployment_id=str(self.app.deployment_id))
            self._say("system", f"The app could not be started: {error}")
        finally:
            self._process = None
            for task in watching:
                task.cancel()

    async def _on_line(self, stream: str, text: str) -> None:
        self._say(stream, text)

    def _say(self, stream: str, text: str) -> None:
        self._output.append(stream, f"{self.name}: {text}" if self.name else text)

    async def _settle(self) -> None:
        """Forgive earlier exits once it has stayed up for long enough."""
        await asyncio.sleep(self._place.policy.quick_seconds)
        self._quick_exits = 0

    async def _watch_port(self) -> None:
        """Call it running once it accepts connections, or, as a worker, once it lasts."""
        if not self.app.listens or self.port is None:
            await asyncio.sleep(_WORKER_SETTLES_SECONDS)
        else:
            await self._wait_for_port(self.port)
        if self._state == "starting":
            self._turn("running")

    async def _wait_for_port(self, port: int) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            if not taken_by_others(port, host_uid(self.app.number)):
                return
            await asyncio.sleep(0.5)
