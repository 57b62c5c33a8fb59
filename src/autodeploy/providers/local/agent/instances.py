"""The releases that run on this machine: each an app's processes and the workers beside them."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.sandbox import Limits, Sandbox, SandboxProcess
from autodeploy.providers.base import ReplicaCount, RuntimeStatus
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
_WORST_FIRST = ("stopped", "crashed", "backoff", "starting", "running")


class Instance:
    """One release: as many processes of its app as ``scale`` says, its replicas. Its workers run
    once, and only while it has the traffic: two versions of them at a time would take each
    other's work.

    Args:
        new_ports: gives so many replicas their ports, or raises ``Unavailable``.
        on_change: called when other replicas than before may take requests, or elsewhere.
    """

    def __init__(
        self,
        place: Workplace,
        app: AppCommand,
        new_ports: Callable[[int], Sequence[int]],
        on_change: Callable[[], None],
    ):
        self.app = app
        self.output = Output()
        self._place = place
        self._new_ports = new_ports
        self._on_change = on_change
        self._replicas: list[KeptProcess] = []
        self._draining: dict[KeptProcess, asyncio.Task[None]] = {}
        self._workers: list[KeptProcess] = []
        self._crons: list[CronProcess] = []
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def replicas(self) -> int:
        """How many processes of its app there are to be."""
        return len(self._replicas)

    @property
    def up(self) -> int:
        """How many of them are up."""
        return sum(one.is_up for one in self._replicas)

    @property
    def ports(self) -> list[int]:
        """Where its replicas listen now, or will; restarts may change them."""
        return [one.port for one in self._replicas if one.port is not None]

    def ready_ports(self) -> list[int]:
        """The ports to send requests to: of the replicas that are up, or while none is, of all."""
        up = [one.port for one in self._replicas if one.is_up and one.port is not None]
        return up or self.ports

    def scale(self, replicas: int, drain_seconds: float) -> None:
        """Run so many replicas. Those too many get no new requests from now on, and SIGTERM after
        ``drain_seconds`` for the requests under way. Idempotent.

        Raises ``Unavailable`` when the machine has no port for one, and then starts none.
        """
        for port in self._new_ports(replicas - len(self._replicas)):
            self._replicas.append(
                KeptProcess(self._place, self.app, port, self.output, self._on_change)
            )
        leaving = self._replicas[replicas:]
        del self._replicas[replicas:]
        for one in leaving:
            self._draining[one] = asyncio.create_task(self._drain(one, drain_seconds))
        for number, one in enumerate(self._replicas, 1):
            one.name = f"web.{number}" if replicas > 1 else None
        self._on_change()

    async def _drain(self, replica: KeptProcess, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await replica.stop()
        del self._draining[replica]

    def status(self) -> RuntimeStatus:
        """How the worst of its replicas fares; where all run well, how the worst of its workers
        does."""
        every = [one.status() for one in self._replicas]
        worst = min(every, key=lambda one: (_WORST_FIRST.index(one.state), -one.restarts))
        if worst.state == "running":
            if not worst.restarts:  # no replica is worth to be named
                worst = replace(worst, process=None)
            beside = [worker.status() for worker in self._workers]
            worst = min((worst, *beside), key=lambda one: _WORST_FIRST.index(one.state))
        running = sum(one.state == "running" for one in every)
        return replace(
            worst,
            crons=tuple(cron.status() for cron in self._crons),
            replicas=ReplicaCount(running, self.replicas) if self.app.listens else None,
        )

    def processes(self) -> list[SandboxProcess]:
        """What runs of it now: its replicas, its workers, and the commands whose time it is."""
        kept = (*self._replicas, *self._draining, *self._beside())
        return [one.process for one in kept if one.process is not None]

    @property
    def memory_limit_bytes(self) -> int:
        """The most that each of those may use, with all that it starts."""
        return self._place.limits.memory_bytes

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
        for worker in self._beside():
            ending = asyncio.create_task(worker.stop())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        self._workers, self._crons = [], []

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """SIGTERM to every process, then SIGKILL after the grace. No restart follows."""
        for draining in self._draining.values():
            draining.cancel()
        stopping = [one.stop(grace_seconds) for one in (*self._replicas, *self._draining)]
        stopping += [one.stop(grace_seconds) for one in self._beside()]
        await asyncio.gather(*stopping, *self._ending)

    def _beside(self) -> tuple[KeptProcess | CronProcess, ...]:
        return (*self._workers, *self._crons)


class Instances:
    """All instances, by deployment.

    Args:
        on_change: called with an app's number when the replicas of one of its releases change.
    """

    def __init__(
        self, layout: Layout, sandbox: Sandbox, limits: Limits, on_change: Callable[[int], None]
    ):
        self._layout = layout
        self._on_change = on_change
        self._place = Workplace(layout, sandbox, RestartPolicy(), limits)
        self._running: dict[UUID, Instance] = {}
        self._retiring: dict[UUID, asyncio.Task[None]] = {}
        self._stopping: set[UUID] = set()

    def find(self, deployment_id: UUID) -> Instance | None:
        return self._running.get(deployment_id)

    def get(self, deployment_id: UUID) -> Instance:
        """The instance of this deployment. Raises ``Unavailable`` when it does not run here."""
        instance = self._running.get(deployment_id)
        if instance is None:
            raise Unavailable("This release does not run here any more.")
        return instance

    def ensure(self, app: AppCommand, replicas: int) -> Instance:
        """The instance of this deployment, started with so many replicas when there is none. Ends a
        retirement.

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
            on_change = partial(self._on_change, app.number)
            instance = Instance(self._place, app, self._new_ports, on_change)
            instance.scale(replicas, 0)
            self._running[app.deployment_id] = instance
        return instance

    def _new_ports(self, count: int) -> list[int]:
        taken = {port for one in self._running.values() for port in one.ports}
        found: list[int] = []
        for _ in range(count):
            found.append(free_port(INSTANCE_PORTS, {*taken, *found}))
        return found

    def make_live(self, deployment_id: UUID) -> None:
        """Run this release's workers, and no other's of its app. Idempotent.

        Raises ``Unavailable`` when the release does not run here.
        """
        instance = self.get(deployment_id)
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
