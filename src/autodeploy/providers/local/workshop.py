"""Where one build happens: its folder, what its commands see, and how they are reported."""

import signal
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.outputs import lines_that_matter
from autodeploy.kernel.sandbox import Bind, Limits, Outcome, Sandbox, SandboxSpec
from autodeploy.providers.base import BuildRequest, LogSink
from autodeploy.providers.local.diagnosis import diagnose
from autodeploy.providers.local.errors import OutOfMemory, ProcessLimit
from autodeploy.providers.local.layout import app_uid, inside
from autodeploy.providers.local.limits import BuildLimits, size_text, too_large
from autodeploy.providers.local.scripts import find_script

_TAIL_LINES = 200
_FILE_TOO_LARGE = 128 + signal.SIGXFSZ

# The app's own tools, as its sandboxes see them.
TOOLS = "/cache/tools"


@dataclass(frozen=True)
class Workshop:
    """Runs the commands of one build. ``root`` is the source, ``cache`` the app's own cache."""

    sandbox: Sandbox
    request: BuildRequest
    root: Path
    workdir: Path
    cache: Path
    binds: tuple[Bind, ...]
    environment: dict[str, str]
    log: LogSink
    limits: BuildLimits

    @property
    def inside(self) -> str:
        """The working folder as the commands see it."""
        return inside(self.request.spec.root_directory)

    def folders(self) -> list[Path]:
        """The working folder and those above it, up to the root of the repository."""
        above = [path for path in self.workdir.parents if path.is_relative_to(self.root)]
        return [self.workdir, *above]

    async def command(
        self,
        command: str,
        failure: type[DeploymentFailed],
        what: str,
        *,
        binds: tuple[Bind, ...] = (),
    ) -> None:
        """Run one of the user's own lines. Raises ``failure`` or a kind of it."""
        await self.log("info", "build", f"$ {command}")
        title = f"The {what} command `{command}`"
        shop = replace(self, binds=(*self.binds, *binds))
        request = self.request
        directory = request.spec.root_directory
        script = find_script(self.root, directory, command, request.environment)
        if script is not None:
            await self.log("info", "build", f"> {script.command}")
            shop = replace(shop, environment={**self.environment, **script.environment})
        line = script.command if script else command
        await shop.run(("/bin/sh", "-c", line), failure, title=title)

    async def run(
        self,
        argv: tuple[str, ...],
        failure: type[DeploymentFailed],
        *,
        title: str | None = None,
        cwd: str | None = None,
    ) -> None:
        """Run one command in the sandbox, its output to the log. Raises ``failure``."""
        tail: deque[str] = deque(maxlen=_TAIL_LINES)

        async def on_line(_stream: str, text: str) -> None:
            tail.append(text)
            await self.log("info", "build", text)

        number = self.request.app.number
        spec = SandboxSpec(
            name=f"build-{number}",
            argv=argv,
            cwd=cwd or self.inside,
            uid=app_uid(number),
            gid=app_uid(number),
            binds=self.binds,
            environment=self.environment,
            limits=Limits(
                memory_bytes=self.limits.memory_bytes,
                processes=self.limits.processes,
                file_bytes=self.limits.disk_bytes,
            ),
        )
        outcome = await self.sandbox.run(spec, on_line)
        name = title or f"`{' '.join(argv)}`"
        if outcome.exit_code != 0:
            raise self._failure(name, outcome, tail, failure)

    def _failure(
        self, name: str, outcome: Outcome, said: Iterable[str], failure: type[DeploymentFailed]
    ) -> DeploymentFailed:
        """Why a command failed: what the kernel saw of it counts more than what it said."""
        tail = lines_that_matter(said)
        if outcome.out_of_memory:
            return OutOfMemory(
                f"{name} needed more than {size_text(self.limits.memory_bytes)} of memory.",
                remedy="Reduce what the build does at once, or build with fewer workers. The "
                "operator can raise AUTODEPLOY_BUILD_MEMORY_MB.",
                log_tail=tail,
            )
        if outcome.exit_code == _FILE_TOO_LARGE:
            return too_large(self.limits, tail)
        if outcome.too_many_processes:
            return ProcessLimit(
                f"{name} started more than {self.limits.processes} processes or threads.",
                remedy="Have it do less at once: fewer workers, no script that starts itself "
                "again. The operator can raise AUTODEPLOY_BUILD_PROCESSES.",
                log_tail=tail,
            )
        message = f"{name} ended with exit code {outcome.exit_code}."
        return diagnose(said, failure).error(message)
