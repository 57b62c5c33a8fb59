"""The releases that run on this machine: each an app's process and the workers beside it."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.sandbox import Limits, Sandbox
from autodeploy.providers.base import RuntimeStatus
from autodeploy.providers.local.agent.crons import CronProcess
from autodeploy.providers.local.agent.kept import (
    STOP_GRACE_SECONDS,
    KeptProcess,
    RestartPolicy,
    Workplace,
)
from autodeploy.providers.local.agent.output import Output
from autodeploy.providers.local.agent.ports import INSTANCE_PORTS, free_port
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.runtime import AppCommand

# The worse comes first: what a release with several processes is said to be.
_WORST_FIRST = ("crashed", "backoff", "starting", "running")


class Instance:
    """One release. Its workers run only while it has the traffic: two versions of them at a time
    would take each other's work."""

    def __init__(self, place: Workplace, app: AppCommand, port: int):
        self.app = app
        self.output = Output()
        self._place = place
        self._main = KeptProcess(place, app, port, self.output)
        self._workers: list[KeptProcess] = []
        self._crons: list[CronProcess] = []
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int | None:
        """Where its app listens now; a restart may change it."""
        return self._main.port

    def status(self) -> RuntimeStatus:
        """How its app fares; where that runs well, how the worst of its workers does."""
        main = self._main.status()
        every = [main]
        if main.state == "running":
            every += [worker.status() for worker in self._workers]
        worst = min(every, key=lambda one: _WORST_FIRST.index(one.state)) if every[1:] else main
        return replace(worst, crons=tuple(cron.status() for cron in self._crons))

    def start_workers(self) -> None:
        """Run the workers beside the app, and the commands that have their times. Idempotent."""
        if self._workers or self._crons:
            return
        for name, cron in self.app.crons.items():
            timed = replace(self.app, listens=False, process=name)
            self._crons.append(CronProcess(self._place, timed, cron, self.output))
        for name, command in self.app.workers.items():
            worker = replace(self.app, command=command, listens=False, process=name)
            self._workers.append(KeptProcess(self._place, worker, None, self.output))

    def stop_workers(self) -> None:
        """Begin to stop the workers; ``stop`` waits for their end."""
        _, *beside = self._processes()
        for worker in beside:
            ending = asyncio.create_task(worker.stop())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        self._workers, self._crons = [], []

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """SIGTERM to every process, then SIGKILL after the grace. No restart follows."""
        stopping = [each.stop(grace_seconds) for each in self._processes()]
        await asyncio.gather(*stopping, *self._ending)

    def _processes(self) -> tuple[KeptProcess | CronProcess, ...]:
        return (self._main, *self._workers, *self._crons)


class Instances:
    """All instances, by deployment."""

    def __init__(self, layout: Layout, sandbox: Sandbox, limits: Limits):
        self._layout = layout
        self._place = Workplace(layout, sandbox, RestartPolicy(), limits)
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
            taken = {other.port for other in self._running.values() if other.port}
            port = free_port(INSTANCE_PORTS, taken)
            instance = Instance(self._place, app, port)
            self._running[app.deployment_id] = instance
        return instance

    def make_live(self, deployment_id: UUID) -> None:
        """Run this release's workers, and no other's of its app. Idempotent.

        Raises ``Unavailable`` when the release does not run here.
        """
        instance = self._running.get(deployment_id)
        if instance is None:
            raise Unavailable("This release does not run here any more.")
        for other in self._running.values():
            if other is not instance and other.app.number == instance.app.number:
                other.stop_workers()
        instance.start_workers()

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

    @fault_point("instances.retire")
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
