"""The running apps of this machine: started, watched, started again, stopped."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.ports import is_free
from autodeploy.kernel.sandbox import Sandbox, SandboxProcess, stream_lines
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
_TAIL_LINES = 200
_WORKER_SETTLES_SECONDS = 1.0


@dataclass(frozen=True)
class RestartPolicy:
    """When an app that ended is started again.

    An exit within ``quick_seconds`` of the start doubles the pause; after ``crash_after`` of
    them in a row the app counts as crashed and is tried again only each ``longest_seconds``.
    """

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    quick_seconds: float = 10.0
    crash_after: int = 5

    def pause(self, quick_exits: int) -> float:
        if quick_exits >= self.crash_after:
            return self.longest_seconds
        return min(self.longest_seconds, self.first_seconds * 2.0 ** max(0, quick_exits - 1))


class Instance:
    """One release as a process that is kept alive. States: see ``RuntimeStatus``."""

    def __init__(
        self, app: AppCommand, port: int, sandbox: Sandbox, layout: Layout, policy: RestartPolicy
    ):
        self.app = app
        self.port = port
        self.output = Output()
        self._sandbox = sandbox
        self._layout = layout
        self._policy = policy
        self._state = "starting"
        self._restarts = 0
        self._exit_code: int | None = None
        self._out_of_memory = False
        self._process: SandboxProcess | None = None
        self._life = asyncio.create_task(self._keep_alive())

    def status(self) -> RuntimeStatus:
        """How the app fares now."""
        tail = tuple(self.output.tail(_TAIL_LINES))
        process = self._process if self._state == "starting" else None
        return RuntimeStatus(
            self._state,
            self._restarts,
            self._exit_code,
            tail,
            out_of_memory=self._out_of_memory,
            listening=listening(process.init_pid) if process is not None else (),
        )

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """SIGTERM, then SIGKILL after the grace. No restart follows."""
        self._state = "stopped"
        process = self._process
        if process is not None:
            outcome = await process.stop(grace_seconds=grace_seconds)
            self._exit_code = outcome.exit_code
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life

    async def _keep_alive(self) -> None:
        quick_exits = 0
        while self._state != "stopped":
            started = time.monotonic()
            await self._run_once()
            if self._stopping():
                return
            quick = time.monotonic() - started < self._policy.quick_seconds
            quick_exits = quick_exits + 1 if quick else 1
            crashed = quick_exits >= self._policy.crash_after
            self._state = "crashed" if crashed else "backoff"
            await asyncio.sleep(self._policy.pause(quick_exits))
            self._restarts += 1
            if not is_free(self.port):
                self.port = free_port(INSTANCE_PORTS, ())

    def _stopping(self) -> bool:
        return self._state == "stopped"

    async def _run_once(self) -> None:
        self._state = "starting"
        watching = asyncio.create_task(self._watch_port())
        try:
            process = await self._sandbox.start(app_sandbox(self._layout, self.app, port=self.port))
            self._process = process
            try:
                await stream_lines(process, self._on_line)
                outcome = await process.wait()
            finally:
                await process.destroy()
            self._exit_code = outcome.exit_code
            self._out_of_memory = outcome.out_of_memory
            reason = " (out of memory)" if outcome.out_of_memory else ""
            self.output.append(
                "system", f"The app ended with exit code {outcome.exit_code}{reason}."
            )
        except Exception as error:
            log.exception("instance.start_failed", deployment_id=str(self.app.deployment_id))
            self.output.append("system", f"The app could not be started: {error}")
        finally:
            self._process = None
            watching.cancel()

    async def _on_line(self, stream: str, text: str) -> None:
        self.output.append(stream, text)

    async def _watch_port(self) -> None:
        """Call the app running once it accepts connections, or, as a worker, once it lasts."""
        if not self.app.listens:
            await asyncio.sleep(_WORKER_SETTLES_SECONDS)
            self._state = "running"
            return
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            if taken_by_others(self.port, host_uid(self.app.number)):
                await asyncio.sleep(0.5)
                continue
            if self._state == "starting":
                self._state = "running"
            return


class Instances:
    """All instances, by deployment."""

    def __init__(self, layout: Layout, sandbox: Sandbox, policy: RestartPolicy | None = None):
        self._layout = layout
        self._sandbox = sandbox
        self._policy = policy or RestartPolicy()
        self._running: dict[UUID, Instance] = {}
        self._retiring: dict[UUID, asyncio.Task[None]] = {}
        self._stopping: set[UUID] = set()

    def find(self, deployment_id: UUID) -> Instance | None:
        return self._running.get(deployment_id)

    def ensure(self, app: AppCommand) -> Instance:
        """The instance of this deployment, started when there is none. Ends a retirement.

        Raises ``Unavailable`` when a retirement is already removing it.
        """
        if app.deployment_id in self._stopping:
            raise Unavailable("This release is just being removed; try again in a few seconds.")
        retirement = self._retiring.pop(app.deployment_id, None)
        if retirement is not None:
            retirement.cancel()
        self._layout.retired(app.deployment_id).unlink(missing_ok=True)
        instance = self._running.get(app.deployment_id)
        if instance is None or instance.status().state == "stopped":
            taken = {other.port for other in self._running.values()}
            port = free_port(INSTANCE_PORTS, taken)
            instance = Instance(app, port, self._sandbox, self._layout, self._policy)
            self._running[app.deployment_id] = instance
        return instance

    def retire(self, deployment_id: UUID, drain_seconds: float) -> None:
        """After ``drain_seconds`` for requests under way, stop it and remove its files."""
        if deployment_id in self._retiring:
            return
        with contextlib.suppress(FileNotFoundError):
            self._layout.retired(deployment_id).touch()
        task = asyncio.create_task(self._retire(deployment_id, drain_seconds))
        self._retiring[deployment_id] = task
        task.add_done_callback(lambda _: self._retiring.pop(deployment_id, None))

    async def remove(self, deployment_ids: Iterable[UUID]) -> None:
        """Stop these at once and remove their files."""
        for deployment_id in deployment_ids:
            retirement = self._retiring.pop(deployment_id, None)
            if retirement is not None:
                retirement.cancel()
        await asyncio.gather(*(self._retire(one, 0) for one in deployment_ids))

    def of_app(self, number: int) -> set[UUID]:
        """The deployments of an app that run or have files here."""
        found = {key for key, one in self._running.items() if one.app.number == number}
        for marker in self._layout.home.glob("releases/*/app-number"):
            with contextlib.suppress(OSError, ValueError):
                if int(marker.read_text()) == number:
                    found.add(UUID(marker.parent.name))
        return found

    async def close(self) -> None:
        """Stop everything; the files stay."""
        for task in self._retiring.values():
            task.cancel()
        await asyncio.gather(*(one.stop(5) for one in self._running.values()))

    async def _retire(self, deployment_id: UUID, drain_seconds: float) -> None:
        await asyncio.sleep(drain_seconds)
        self._stopping.add(deployment_id)
        try:
            instance = self._running.pop(deployment_id, None)
            if instance is not None:
                await instance.stop()
            release = self._layout.release(deployment_id)
            await asyncio.to_thread(shutil.rmtree, release, ignore_errors=True)
        finally:
            self._stopping.discard(deployment_id)
