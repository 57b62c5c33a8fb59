"""This machine as a provider of deployments and databases."""

import shlex
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from uuid import UUID

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.outputs import lines_that_matter
from autodeploy.kernel.sandbox import Limits, Sandbox
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
from autodeploy.providers.crashes import explain_crash
from autodeploy.providers.local.artifact import ArtifactStore
from autodeploy.providers.local.builder import Builder
from autodeploy.providers.local.client import AgentClient
from autodeploy.providers.local.commands import run_to_its_end
from autodeploy.providers.local.databases import LocalDatabases
from autodeploy.providers.local.errors import ReleaseCommandFailed, RuntimeMissing
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.limits import BuildLimits
from autodeploy.providers.local.listing import Holdings
from autodeploy.providers.local.manifest import read_interpreters
from autodeploy.providers.local.runtime import APP_LIMITS, AppCommand, app_sandbox
from autodeploy.providers.local.standby import Standby
from autodeploy.providers.manifests import Capability, DatabaseEngine, Manifest, Price, Region
from autodeploy.providers.metrics import AppMetrics
from autodeploy.providers.resources import FoundResource, ResourceKind

DRAIN_SECONDS = 5.0
_RELEASE_SECONDS = 15 * 60.0
_TAIL_LINES = 200

MANIFEST = Manifest(
    name="local",
    title="This machine",
    capabilities=frozenset(
        {
            Capability.DEPLOY,
            Capability.DATABASE,
            Capability.DATABASE_METRICS,
            Capability.DATABASE_BACKUPS,
            Capability.DATABASE_ROTATION,
            Capability.ENVIRONMENT_VARIABLES,
            Capability.LOGS,
            Capability.METRICS,
            Capability.TRAFFIC,
            Capability.SCALE,
            Capability.RUN,
            Capability.ROLLBACK,
            Capability.RESOURCES,
        }
    ),
    regions=(Region("local", "This machine"),),
    pricing=(
        Price("free", "deploy", 0, "USD", "this machine", "2026-11-01"),
        Price("free", "database", 0, "USD", "this machine", "2026-11-01"),
    ),
    app_plans=dict.fromkeys(("static", "service", "private", "worker"), "free"),
    engines=(DatabaseEngine.POSTGRESQL,),
    private_databases=True,
    private_apps=True,
)


class LocalProvider(LocalDatabases):
    """Builds and runs apps beside AutoDeploy. Holds no state: files and the agent do."""

    def __init__(
        self,
        *,
        home: Path,
        proxy_port: int,
        objects: ObjectStore,
        sandbox: Sandbox | None = None,
        build_limits: BuildLimits | None = None,
        app_limits: Limits = APP_LIMITS,
    ):
        self._layout = Layout(home)
        self._proxy_port = proxy_port
        self._sandbox = sandbox or Sandbox.open()
        self._artifacts = ArtifactStore(objects, self._sandbox)
        self._standby = Standby(self._layout, self._artifacts)
        self._builder = Builder(
            self._layout, self._sandbox, self._artifacts, build_limits or BuildLimits()
        )
        self._app_limits = app_limits
        self._release_limits = replace(app_limits, seconds=_RELEASE_SECONDS)
        super().__init__(AgentClient(self._layout.agent_socket))
        self._holdings = Holdings(self._layout, objects, self._agent)

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    @fault_point("local.build")
    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        """Build in a sandbox and store the result. The source folder is consumed."""
        return await self._builder.build(request, log)

    async def has_build(self, key: str) -> bool:
        """Whether the artifact is still stored."""
        return await self._artifacts.exists(key)

    @fault_point("local.deploy")
    async def deploy(self, request: ReleaseRequest, log: KeptLog) -> Release:
        """Unpack the artifact and start the app. Static files start no process."""
        await self._ensure_unpacked(request, log)
        if request.spec.kind == "static":
            return Release(request.deployment_id, {"kind": "static"})
        await self._run_release_command(request, log)
        listens = request.spec.kind == "server"
        command = _app_command(request, request.spec.start_command or "")
        answer = await self._agent.call(
            "PUT",
            f"/instances/{request.deployment_id}",
            body={
                "number": command.number,
                "command": command.command,
                "root_directory": command.root_directory,
                "environment": dict(command.environment),
                "listens": listens,
                "workers": dict(request.spec.workers),
                "crons": {name: asdict(cron) for name, cron in request.spec.crons.items()},
                "replicas": request.spec.replicas if listens else 1,
            },
        )
        check_urls = _check_urls(answer["ports"]) if listens else ()
        return Release(request.deployment_id, {"kind": request.spec.kind}, check_urls)

    async def status(self, release: Release) -> RuntimeStatus:
        """How the release fares; ``absent`` when it has to be deployed again."""
        if release.resources.get("kind") == "static":
            there = (self._layout.release(release.deployment_id) / "release.json").exists()
            return RuntimeStatus("running" if there else "absent", 0, None, ())
        try:
            answer = await self._agent.call("GET", f"/instances/{release.deployment_id}")
        except NotFound:
            return RuntimeStatus("absent", 0, None, ())
        return RuntimeStatus(
            answer["state"],
            answer["restarts"],
            answer["exit_code"],
            tuple(answer["log_tail"]),
            out_of_memory=answer["out_of_memory"],
            listening=tuple(answer["listening"]),
            process=answer["process"],
            crons=tuple(CronStatus(**cron) for cron in answer["crons"]),
            replicas=ReplicaCount(**answer["replicas"]) if answer["replicas"] else None,
            check_urls=_check_urls(answer["ports"]),
        )

    @fault_point("local.promote")
    async def promote(self, request: ReleaseRequest, release: Release) -> Endpoint:
        """Switch the app's traffic to the release by replacing one small file.

        A worker has no traffic: its endpoint is empty. A private app has a loopback address alone.
        """
        app = request.app
        if request.spec.kind == "worker":
            await self._run_workers(release)
            return Endpoint("", None, None)
        static = request.spec.kind == "static"
        folder = self._layout.release(release.deployment_id) / "app"
        routed = await self._agent.call(
            "PUT",
            f"/apps/{app.number}",
            body={
                "slug": app.project_slug,
                "environment": app.environment,
                "local_port": app.local_port,
                "spa_fallback": request.spec.spa_fallback,
                "private": request.spec.private,
                "root": str(folder) if static else None,
                "deployment_id": str(release.deployment_id),
            },
        )
        if not static:
            await self._run_workers(release)
        port: int = routed["local_port"]
        local_url = f"http://127.0.0.1:{port}"
        public_url = f"http://{routed['host']}:{self._proxy_port}"
        return Endpoint(local_url if request.spec.private else public_url, local_url, port)

    @fault_point("local.scale")
    async def scale(self, release: Release, replicas: int) -> None:
        """Run so many processes of the release; those too many drain as a retired one does."""
        body = {"replicas": replicas, "drain_seconds": DRAIN_SECONDS}
        await self._agent.call("PUT", f"/instances/{release.deployment_id}/replicas", body=body)

    @fault_point("local.retire")
    async def retire(self, app: App, deployment_id: UUID) -> None:
        """Stop the release after a pause for the requests under way, and remove its files."""
        query = {"drain_seconds": DRAIN_SECONDS}
        await self._agent.call("DELETE", f"/instances/{deployment_id}", query=query)

    @fault_point("local.leave")
    async def leave(self, app: App) -> None:
        """Nothing of it is to stay here: a rollback starts it anew from its artifact."""
        await self.destroy(app)

    @fault_point("local.prepare")
    async def prepare(self, app: App, artifacts: Mapping[str, BuildSpec]) -> None:
        """Keep these artifacts unpacked, and no others of the app."""
        public = {key: spec.kind == "static" for key, spec in artifacts.items()}
        await self._standby.make(public, app.number)

    @fault_point("local.destroy")
    async def destroy(self, app: App) -> None:
        """Remove the app's processes, releases, routes and cache."""
        await self._agent.call("DELETE", f"/apps/{app.number}")

    @fault_point("local.remove_builds")
    async def remove_builds(self, app: App) -> None:
        """Remove the app's artifacts, those of builds that were interrupted too."""
        await self._artifacts.remove_all(app.number)

    async def measure_traffic(self) -> Mapping[int, Traffic]:
        """What the proxy has answered since it took its configuration."""
        counts = await self._agent.call("GET", "/traffic")
        return {int(number): Traffic(**count) for number, count in counts.items()}

    async def measure_app(self, app: App, release: Release) -> AppMetrics:
        """What its processes use, and what the proxy has answered lately. Static files are served
        by the proxy, which does not tell what it needs for them."""
        if release.resources.get("kind") == "static":
            return AppMetrics(measured_at=time.time())
        answer = await self._agent.call("GET", f"/instances/{release.deployment_id}/metrics")
        return AppMetrics(**answer)

    @fault_point("local.run_command")
    async def run_command(
        self,
        request: ReleaseRequest,
        argv: Sequence[str],
        on_line: OutputSink,
        *,
        stdin: CommandStdin | None = None,
        terminal: CommandTerminal | None = None,
    ) -> CommandEnd:
        """Run a command in a sandbox like the app's, in the release's own files."""
        if not (self._layout.release(request.deployment_id) / "release.json").exists():
            raise NotFound(
                "The live release is not on this machine at the moment.",
                remedy="It is started again in a few seconds; run the command then.",
            )
        command = replace(_app_command(request, shlex.join(argv)), argv=tuple(argv))
        spec = app_sandbox(self._layout, command, port=None, limits=self._app_limits)
        return await run_to_its_end(self._sandbox, spec, on_line, stdin=stdin, terminal=terminal)

    async def runtime_lines(
        self, release: Release, cursor: str | None, wait_seconds: float
    ) -> RuntimeLines:
        """What the app wrote after ``cursor``. Raises ``NotFound`` when it does not run."""
        query: dict[str, str | float] = {"wait_seconds": wait_seconds}
        if cursor is not None:
            query["cursor"] = cursor
        path = f"/instances/{release.deployment_id}/lines"
        answer = await self._agent.call("GET", path, query=query)
        lines = tuple((at, stream, text) for at, stream, text in answer["lines"])
        return RuntimeLines(answer["cursor"], lines)

    def list_resources(self) -> AsyncIterator[FoundResource]:
        """Release folders, what is of apps, databases, and the stored builds."""
        return self._holdings.list()

    @fault_point("local.remove_resource")
    async def remove_resource(self, kind: ResourceKind, external_id: str) -> None:
        """Remove one of them; a release is gone once its process has ended."""
        if kind == ResourceKind.DATABASE:
            await self.destroy_database(external_id)
        else:
            await self._holdings.remove(kind, external_id)

    async def _ensure_unpacked(self, request: ReleaseRequest, log: LogSink) -> None:
        folder = self._layout.release(request.deployment_id)
        if not (folder / "release.json").exists():
            if self._sandbox.warning:  # a build has said so already
                await log("warn", "release", self._sandbox.warning)
            self._layout.ensure_folders()
            await self._unpack(request, folder)
        (folder / "app-number").write_text(str(request.app.number))
        for one in read_interpreters(folder):
            cached = one.is_cached and self._layout.cache(request.app.number) / Path(
                one.program
            ).relative_to("/cache")
            if not (cached or Path(one.program)).exists():
                raise RuntimeMissing(
                    f"The release was built with {one.name} {one.version}, which is gone.",
                    remedy="Deploy again, so that the app is built with what is there now.",
                )

    async def _unpack(self, request: ReleaseRequest, folder: Path) -> None:
        key, number = request.artifact_key, request.app.number
        public = request.spec.kind == "static"
        if not self._standby.take(key, folder, number, public=public):
            await self._artifacts.unpack(key, folder, number, public=public)

    async def _run_release_command(self, request: ReleaseRequest, log: KeptLog) -> None:
        """Run the command that prepares a release, once a release."""
        done = self._layout.release(request.deployment_id) / "released"
        if not request.spec.release_command or done.exists():
            return
        lines: deque[str] = deque(maxlen=_TAIL_LINES)

        async def on_line(_stream: str, text: str) -> None:
            lines.append(text)
            await log("info", "release", text)

        command = _app_command(request, request.spec.release_command)
        await log("info", "release", f"$ {command.command}")
        spec = app_sandbox(self._layout, command, port=None, limits=self._release_limits)
        outcome = await self._sandbox.run(spec, on_line)
        if outcome.timed_out:
            raise ReleaseCommandFailed(
                f"The release command `{command.command}` took longer than "
                f"{self._release_limits.seconds:.0f} seconds.",
                remedy="Check what it waits for: a prompt or a lock, for instance.",
                log_tail=lines_that_matter(lines),
            )
        if outcome.exit_code != 0:
            known = explain_crash(lines)
            raise ReleaseCommandFailed(
                f"The release command `{command.command}` ended with exit code "
                f"{outcome.exit_code}.",
                cause=known.cause if known else None,
                remedy=known.remedy if known else "Read the lines above: it must end with 0.",
                log_tail=lines_that_matter(lines),
            )
        # Whoever resumes from here finds it done, and has none of its lines.
        await log.stored()
        done.touch()

    async def _run_workers(self, release: Release) -> None:
        """Run the workers of this release, and no longer those of the one before."""
        await self._agent.call("PUT", f"/instances/{release.deployment_id}/live")


def _check_urls(ports: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"http://127.0.0.1:{port}/" for port in ports)


def _app_command(request: ReleaseRequest, command: str) -> AppCommand:
    return AppCommand(
        deployment_id=request.deployment_id,
        number=request.app.number,
        command=command,
        root_directory=request.spec.root_directory,
        environment=request.environment,
    )
