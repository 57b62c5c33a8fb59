"""A provider whose machine is a folder: stateful, idempotent, and able to fail where told to."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import (
    App,
    Artifact,
    BuildRequest,
    BuildSpec,
    CronStatus,
    Endpoint,
    KeptLog,
    LogSink,
    Release,
    ReleaseRequest,
    ReplicaCount,
    RuntimeLines,
    RuntimeStatus,
    Traffic,
)
from autodeploy.providers.commands import CommandEnd, CommandStdin, CommandTerminal, OutputSink
from autodeploy.providers.databases import (
    DatabaseDump,
    DatabaseHandle,
    DatabaseMetrics,
    DatabaseRequest,
    StatementMetrics,
    TableContents,
)
from autodeploy.providers.manifests import Capability, DatabaseEngine, Manifest
from autodeploy.providers.metrics import AppMetrics
from autodeploy.providers.resources import FoundResource, ResourceKind


class Crash(BaseException):
    """The worker's process dies here: nothing of it runs any more."""


Command = Callable[[Sequence[str], OutputSink], Awaitable[CommandEnd]]


async def echo(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
    """A command that says what it was given."""
    await on_line("stdout", " ".join(argv))
    return CommandEnd(0)


class FolderProvider:
    """Releases are files in ``machine``; ``traffic/<number>`` names the one that has traffic.

    ``at`` maps the name of a call to a function that is run (and awaited) when it begins, and
    ``after`` to one that is run when its effect is there but its answer is not.
    """

    def __init__(self, machine: Path, objects: ObjectStore):
        self.machine = machine
        self.objects = objects
        self.calls: Counter[str] = Counter()
        self.at: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}
        self.environments: dict[str, dict[str, str]] = {}
        self.prepared: dict[int, list[str]] = {}
        self.state = "running"
        self.counted = Traffic(0, 0)
        self.check_urls: tuple[str, ...] = ()
        self.output: list[tuple[float, str, str]] = []
        self.build_lines: list[str] = []
        self.logins: dict[str, set[str]] = {}
        self.paused: set[str] = set()
        self.marks: dict[str, str] = {}
        self.command: Command = echo
        self.stdin: CommandStdin | None = None
        self.terminal: CommandTerminal | None = None
        self.crons: tuple[CronStatus, ...] = ()
        (machine / "releases").mkdir(parents=True, exist_ok=True)
        (machine / "traffic").mkdir(exist_ok=True)
        (machine / "databases").mkdir(exist_ok=True)

    manifest = Manifest(
        name="local",
        title="A folder",
        capabilities=frozenset(
            {
                Capability.DEPLOY,
                Capability.DATABASE,
                Capability.DATABASE_BACKUPS,
                Capability.DATABASE_METRICS,
                Capability.DATABASE_PAUSES,
                Capability.DATABASE_ROTATION,
                Capability.METRICS,
                Capability.RESOURCES,
                Capability.RUN,
                Capability.SCALE,
                Capability.TRAFFIC,
            }
        ),
        regions=(),
        pricing=(),
        engines=(DatabaseEngine.POSTGRESQL,),
        private_databases=True,
        private_apps=True,
    )

    def traffic(self, number: int) -> str | None:
        file = self.machine / "traffic" / str(number)
        return file.read_text() if file.exists() else None

    def releases(self) -> set[str]:
        return {file.name for file in (self.machine / "releases").iterdir()}

    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        await self._call("build")
        await request.fetch()
        self.environments["build"] = dict(request.environment)
        await log("info", "build", "building")
        for line in self.build_lines:
            await log("info", "build", line)
        for name in sorted(request.environment):
            await log("info", "build", f"{name}={request.environment[name]}")
        key = f"artifacts/{request.app.number}/{request.deployment_id}"
        await self.objects.put_bytes(key, b"built")
        await self._effect("build")
        return Artifact(key, 5)

    async def has_build(self, key: str) -> bool:
        return await self.objects.exists(key)

    async def deploy(self, request: ReleaseRequest, log: KeptLog) -> Release:
        await self._call("deploy")
        self.environments["run"] = dict(request.environment)
        file = self.machine / "releases" / str(request.deployment_id)
        made = {"artifact": request.artifact_key, "number": request.app.number}
        if request.spec.kind == "server":
            made["replicas"] = request.spec.replicas
        file.write_text(json.dumps(made))
        await self._effect("deploy")
        return Release(request.deployment_id, {"file": file.name}, self.check_urls)

    async def status(self, release: Release) -> RuntimeStatus:
        await self._call("status")
        file = self.machine / "releases" / str(release.deployment_id)
        state = self.state if file.exists() else "absent"
        code = 1 if state == "crashed" else None
        wanted = json.loads(file.read_text() or "{}").get("replicas") if file.exists() else None
        replicas = ReplicaCount(wanted, wanted) if wanted else None
        return RuntimeStatus(
            state,
            0,
            code,
            ("last words",),
            crons=self.crons,
            replicas=replicas,
            check_urls=self.check_urls,
        )

    async def scale(self, release: Release, replicas: int) -> None:
        await self._call("scale")
        file = self.machine / "releases" / str(release.deployment_id)
        file.write_text(json.dumps({**json.loads(file.read_text()), "replicas": replicas}))
        await self._effect("scale")

    async def promote(self, request: ReleaseRequest, release: Release) -> Endpoint:
        await self._call("promote")
        file = self.machine / "traffic" / str(request.app.number)
        file.write_text(str(release.deployment_id))
        await self._effect("promote")
        port = 20000 + request.app.number
        local_url = f"http://127.0.0.1:{port}"
        public_url = f"http://{request.app.project_slug}.localhost"
        return Endpoint(local_url if request.spec.private else public_url, local_url, port)

    async def measure_traffic(self) -> Mapping[int, Traffic]:
        await self._call("measure_traffic")
        return {int(file.name): self.counted for file in (self.machine / "traffic").iterdir()}

    async def measure_app(self, app: App, release: Release) -> AppMetrics:
        await self._call("measure_app")
        if self.traffic(app.number) != str(release.deployment_id):
            raise NotFound("not there")
        return AppMetrics(
            1_800_000_000.0, instances=1, cpu_cores=0.25, memory_bytes=64_000_000,
            memory_limit_bytes=512_000_000, requests_per_minute=12.5, failures_per_minute=0.5,
        )  # fmt: skip

    async def retire(self, app: App, deployment_id: UUID) -> None:
        await self._call("retire")
        (self.machine / "releases" / str(deployment_id)).unlink(missing_ok=True)

    async def leave(self, app: App) -> None:
        await self._call("leave")
        await self.destroy(app)

    async def prepare(self, app: App, artifacts: Mapping[str, BuildSpec]) -> None:
        await self._call("prepare")
        self.prepared.pop(app.number, None)
        if artifacts:
            self.prepared[app.number] = list(artifacts)

    async def destroy(self, app: App) -> None:
        await self._call("destroy")
        (self.machine / "traffic" / str(app.number)).unlink(missing_ok=True)
        for file in (self.machine / "releases").iterdir():
            if json.loads(file.read_text())["number"] == app.number:
                file.unlink()

    async def remove_builds(self, app: App) -> None:
        await self._call("remove_builds")
        await self.objects.delete_below(f"artifacts/{app.number}")

    async def runtime_lines(
        self, release: Release, cursor: str | None, wait_seconds: float
    ) -> RuntimeLines:
        if not (self.machine / "releases" / str(release.deployment_id)).exists():
            raise NotFound("not running")
        begin = int(cursor or 0)
        return RuntimeLines(str(len(self.output)), tuple(self.output[begin:]))

    async def run_command(
        self,
        request: ReleaseRequest,
        argv: Sequence[str],
        on_line: OutputSink,
        *,
        stdin: CommandStdin | None = None,
        terminal: CommandTerminal | None = None,
    ) -> CommandEnd:
        await self._call("run_command")
        self.stdin, self.terminal = stdin, terminal
        self.environments["command"] = dict(request.environment)
        if not (self.machine / "releases" / str(request.deployment_id)).exists():
            raise NotFound("not here")
        return await self.command(argv, on_line)

    async def ensure_database(self, request: DatabaseRequest, log: LogSink) -> DatabaseHandle:
        await self._call("ensure_database")
        file = self.machine / "databases" / str(request.database_id)
        if not file.exists():
            file.write_text("{}")
        self.paused.discard(file.name)
        await self._effect("ensure_database")
        return DatabaseHandle(file.name, f"postgresql://app:dbpass-{file.name}@db/app")

    async def pause_database(self, external_id: str) -> None:
        await self._call("pause_database")
        self.paused.add(external_id)
        await self._effect("pause_database")

    async def destroy_database(self, external_id: str) -> None:
        await self._call("destroy_database")
        (self.machine / "databases" / external_id).unlink(missing_ok=True)
        await self._effect("destroy_database")

    def database(self, external_id: str) -> Path:
        """The database: a file of JSON, a list of rows by table. Its copy lies beside it."""
        return self.machine / "databases" / external_id

    def databases(self) -> set[str]:
        """The databases and copies that there are."""
        return {file.name for file in (self.machine / "databases").iterdir()}

    async def measure_database(self, external_id: str) -> DatabaseMetrics:
        await self._call("measure_database")
        size = self.database(external_id).stat().st_size
        statement = StatementMetrics("SELECT $1", 2, 3.0, 1.5, 2)
        return DatabaseMetrics(
            1_800_000_000.0, size, 3, 1, 1, 40, 10, 2, 0, 0.5, 0, None, (statement,)
        )

    async def open_login(self, external_id: str, beside: str) -> DatabaseHandle:
        await self._call("open_login")
        login = "a" if beside != "a" else "b"
        self.logins[external_id] = self.logins.get(external_id, {"app"}) | {login}
        await self._effect("open_login")
        return DatabaseHandle(
            external_id, f"postgresql://{login}:{self.calls['open_login']}@db/app"
        )

    async def close_login(self, external_id: str, login: str) -> None:
        await self._call("close_login")
        self.logins[external_id] = self.logins.get(external_id, {"app"}) - {login}
        await self._effect("close_login")

    @asynccontextmanager
    async def dump_database(self, external_id: str) -> AsyncIterator[DatabaseDump]:
        await self._call("dump_database")
        data = self.database(external_id).read_bytes()

        async def chunks() -> AsyncIterator[bytes]:
            for begin in range(0, len(data), 7):
                yield data[begin : begin + 7]
            await self._effect("dump_database")

        yield DatabaseDump(_contents(data), chunks())

    async def restore_copy(
        self, external_id: str, chunks: AsyncIterator[bytes], *, keep_as: str | None = None
    ) -> tuple[TableContents, ...]:
        await self._call("restore_copy")
        data = b"".join([chunk async for chunk in chunks])
        try:
            found = _contents(data)
        except ValueError:
            raise Conflict("The backup does not restore.") from None
        if keep_as is not None:
            copy = self.machine / "databases" / f"{external_id}.copy"
            copy.write_bytes(data)
            self.marks[copy.name] = keep_as
        await self._effect("restore_copy")
        return found

    async def adopt_copy(self, external_id: str, restore: str) -> None:
        await self._call("adopt_copy")
        copy = self.machine / "databases" / f"{external_id}.copy"
        if self.marks.get(external_id) != restore:
            if self.marks.get(copy.name) != restore or not copy.exists():
                raise NotFound("the copy is gone")
            copy.replace(self.database(external_id))
            self.marks[external_id] = restore
        await self._effect("adopt_copy")

    async def discard_copy(self, external_id: str) -> None:
        await self._call("discard_copy")
        (self.machine / "databases" / f"{external_id}.copy").unlink(missing_ok=True)

    async def restored_by(self, external_id: str) -> str | None:
        return self.marks.get(external_id)

    async def list_resources(self) -> AsyncIterator[FoundResource]:
        await self._call("list_resources")
        for kind in (ResourceKind.RELEASE, ResourceKind.DATABASE):
            for file in (self.machine / f"{kind.value}s").iterdir():
                changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                yield FoundResource(
                    kind=kind, external_id=file.name, made_at=changed, made_for=UUID(file.name)
                )
        async for stored in self.objects.list("artifacts"):
            _, number, name = stored.key.split("/")
            yield FoundResource(
                kind=ResourceKind.BUILD,
                external_id=stored.key,
                made_at=stored.modified_at,
                made_for=UUID(name),
                app_number=int(number),
                size_bytes=stored.size_bytes,
            )

    async def remove_resource(self, kind: ResourceKind, external_id: str) -> None:
        await self._call("remove_resource")
        if kind == ResourceKind.BUILD:
            await self.objects.delete(external_id)
        else:
            (self.machine / f"{kind.value}s" / external_id).unlink(missing_ok=True)
        await self._effect("remove_resource")

    async def _call(self, name: str) -> None:
        self.calls[name] += 1
        await _run(self.at.get(name))

    async def _effect(self, name: str) -> None:
        await _run(self.after.get(name))


def _contents(data: bytes) -> tuple[TableContents, ...]:
    tables: dict[str, list[object]] = json.loads(data)
    return tuple(
        TableContents(name, len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())
        for name, rows in sorted(tables.items())
    )


async def _run(action: Callable[[], object] | None) -> None:
    if action is not None:
        result = action()
        if asyncio.iscoroutine(result):
            await result


def crash_once() -> Callable[[], object]:
    """An action that kills the worker the first time."""
    left = [Crash("killed")]

    def action() -> None:
        if left:
            raise left.pop()

    return action


def fail_with(error: Exception, *, times: int = 1_000_000) -> Callable[[], object]:
    """An action that raises ``error`` so many times."""
    left = [times]

    def action() -> None:
        if left[0] > 0:
            left[0] -= 1
            raise error

    return action
