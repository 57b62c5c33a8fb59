"""Starts sandboxes and streams their output."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.process import find_program
from autodeploy.kernel.sandbox.cgroups import Cgroup, Cgroups, find_cgroups
from autodeploy.kernel.sandbox.command import (
    LAUNCH_ENVIRONMENT,
    Descriptors,
    Programs,
    System,
    environment_script,
    group_file,
    passwd_file,
    sandbox_command,
)
from autodeploy.kernel.sandbox.lines import LineSplitter
from autodeploy.kernel.sandbox.orphans import mark_of_ours
from autodeploy.kernel.sandbox.process import SandboxProcess
from autodeploy.kernel.sandbox.spec import (
    Bind,
    Limits,
    Network,
    Outcome,
    SandboxSpec,
    SandboxStatus,
)
from autodeploy.kernel.sandbox.syscalls import seccomp_filter
from autodeploy.kernel.sandbox.virtualenvs import moved_environments

# Takes (stream, text); stream is "stdout" or "stderr".
OnLine = Callable[[str, str], Awaitable[None]]

_READ_BYTES = 65536
_NOBODY = 65534
_TIE_ATTEMPTS = 1000


async def _ignore(_stream: str, _text: str) -> None:
    """An environment that cannot be mended shows in the command that needs it."""


class SandboxUnavailable(Unavailable):
    """This machine does not let us make sandboxes, so nothing of a user's code is run."""

    code = "sandbox_unavailable"
    retryable = False


class Sandbox:
    """Makes sandboxes with one set of programs. Holds no state between runs."""

    #: What the owner gave up, to be told with each deployment.
    warning: str | None = None

    def __init__(self, programs: Programs, cgroups: Cgroups | None):
        self._programs = programs
        self._cgroups = cgroups
        self._system = System.read()
        self._as_root = os.geteuid() == 0

    @classmethod
    def open(cls, bwrap: Path | None = None) -> "Sandbox":
        """A sandbox with the machine's programs. Raises ``ProgramMissing``."""
        return cls(Programs(bwrap=find_program("bwrap", override=bwrap)), find_cgroups())

    @fault_point("sandbox.start")
    async def start(
        self,
        spec: SandboxSpec,
        *,
        stdin: int = asyncio.subprocess.DEVNULL,
        stdout: int = asyncio.subprocess.PIPE,
        stderr: int = asyncio.subprocess.PIPE,
    ) -> SandboxProcess:
        """Start ``spec``; its process is in its limits before the first line of it runs.

        Raises ``SandboxUnavailable`` when the machine refuses the namespaces.
        """
        spec = replace(spec, limits=spec.limits.within_our_own())
        for mending in moved_environments(spec, self.place_of):
            await self.run(mending, _ignore)
        return await self._start(spec, stdin, stdout, stderr)

    def place_of(self, bind: Bind) -> str:
        """Where a command sees what is bound."""
        return bind.target

    async def _start(
        self, spec: SandboxSpec, stdin: int, stdout: int, stderr: int
    ) -> SandboxProcess:
        cgroup = self._create_cgroup(spec)
        try:
            async with _descriptors(spec) as (descriptors, info, unblock):
                program, *arguments = sandbox_command(
                    spec,
                    self._programs,
                    self._system,
                    descriptors,
                    as_root=self._as_root,
                    rlimits=cgroup is None,
                )
                outer = await asyncio.create_subprocess_exec(
                    program,
                    *mark_of_ours(),
                    *arguments,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    env=LAUNCH_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                    pass_fds=[fd for fd in vars(descriptors).values() if fd is not None],
                )
                return await _enter(outer, descriptors, info, unblock, cgroup)
        except BaseException:
            if cgroup is not None:
                await cgroup.remove()
            raise

    async def run(self, spec: SandboxSpec, on_line: OnLine) -> Outcome:
        """Run ``spec`` to its end, passing on each line of output as it appears.

        Cancelling the task, or the time limit, kills everything in the sandbox.
        """
        process = await self.start(spec, stderr=asyncio.subprocess.STDOUT)
        try:
            async with asyncio.timeout(spec.limits.seconds):
                await stream_lines(process, on_line)
                return await process.wait()
        except TimeoutError:
            process.kill()
            return replace(await process.wait(), timed_out=True)
        finally:
            await process.destroy()

    async def status(self) -> SandboxStatus:
        """Try the smallest possible sandbox."""
        said: list[str] = []

        async def listen(_stream: str, text: str) -> None:
            said.append(text)

        spec = SandboxSpec(
            name="autodeploy-probe",
            argv=("/bin/true",),
            cwd="/",
            uid=_NOBODY,
            gid=_NOBODY,
            network=Network.HOST,
            limits=Limits(seconds=10),
        )
        try:
            outcome = await self.run(spec, listen)
        except (SandboxUnavailable, OSError) as error:
            return SandboxStatus(False, str(error), _REMEDY)
        if outcome.exit_code != 0:
            return SandboxStatus(False, " ".join(said) or "bubblewrap failed", _REMEDY)
        return SandboxStatus(True)

    def _create_cgroup(self, spec: SandboxSpec) -> Cgroup | None:
        if self._cgroups is None:
            return None
        try:
            return self._cgroups.create(spec.name, spec.limits)
        except OSError:
            return None


_REMEDY = (
    "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, and "
    "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu), or run AutoDeploy as root "
    "outside an unprivileged container. Or choose to go without one, for apps that you trust: "
    "`autodeploy up --allow-unsandboxed`, or AUTODEPLOY_ALLOW_UNSANDBOXED=1 for `make deploy`."
)


async def stream_lines(process: SandboxProcess, on_line: OnLine) -> None:
    """Pass on the output of a sandbox line by line until its streams end."""
    outer = process.outer
    streams = [("stdout", outer.stdout), ("stderr", outer.stderr)]
    async with asyncio.TaskGroup() as group:
        for name, stream in streams:
            if stream is not None:
                group.create_task(_stream(name, stream, on_line))


async def _stream(name: str, stream: asyncio.StreamReader, on_line: OnLine) -> None:
    splitter = LineSplitter()
    while data := await stream.read(_READ_BYTES):
        for line in splitter.feed(data):
            await on_line(name, line)
    for line in splitter.end():
        await on_line(name, line)


@asynccontextmanager
async def _descriptors(spec: SandboxSpec) -> AsyncIterator[tuple[Descriptors, int, int]]:
    """The files that bubblewrap reads, its end of two pipes, and our ends of them."""
    opened: list[int] = []

    def memory(content: bytes) -> int:
        descriptor = os.memfd_create("sandbox", 0)
        opened.append(descriptor)
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    try:
        info_read, info_write = os.pipe()
        block_read, block_write = os.pipe()
        opened += [info_read, info_write, block_read, block_write]
        rules = seccomp_filter()
        descriptors = Descriptors(
            environment=memory(environment_script(spec.environment).encode()),
            passwd=memory(passwd_file(spec.uid, spec.gid).encode()),
            group=memory(group_file(spec.gid).encode()),
            info=info_write,
            block=block_read,
            seccomp=memory(rules) if rules is not None else None,
        )
        yield descriptors, info_read, block_write
    finally:
        for descriptor in opened:
            # The pipes' ends that were handed over are closed already.
            with contextlib.suppress(OSError):
                os.close(descriptor)


async def _enter(
    outer: asyncio.subprocess.Process,
    descriptors: Descriptors,
    info: int,
    unblock: int,
    cgroup: Cgroup | None,
) -> SandboxProcess:
    """Read who the sandbox's first process is, limit it, and let it go on."""
    try:
        os.dup2(info, descriptors.info)  # our copy of the write end must not keep the pipe open
        said = await asyncio.to_thread(_read_all, info)
        if not said:
            stream = outer.stderr or outer.stdout
            text = await stream.read(2000) if stream else b""
            raise SandboxUnavailable(
                f"The sandbox did not start: {text.decode(errors='replace').strip()}",
                remedy=_REMEDY,
            )
        init_pid = int(json.loads(said)["child-pid"])
        init_descriptor = os.pidfd_open(init_pid)
        if cgroup is not None:
            cgroup.add(init_pid)
        os.write(unblock, b"1")
        await _tied_to_us(init_pid)
        return SandboxProcess(outer, init_pid, init_descriptor, cgroup)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            outer.kill()
        await outer.wait()
        raise


async def _tied_to_us(init_pid: int) -> None:
    """Wait until the first process inside has bound its life to ours.

    It does so just before it sleeps until its child ends; if we die earlier, it is an orphan.
    """
    for _ in range(_TIE_ATTEMPTS):
        try:
            state = Path(f"/proc/{init_pid}/stat").read_text().rpartition(")")[2].split()[0]
            children = Path(f"/proc/{init_pid}/task/{init_pid}/children").read_text()
        except OSError:
            return  # it has ended already
        if state in "SZX" and (children or state != "S"):
            return
        await asyncio.sleep(0.001)


def _read_all(descriptor: int) -> bytes:
    content = b""
    while chunk := os.read(descriptor, 4096):
        content += chunk
    return content
