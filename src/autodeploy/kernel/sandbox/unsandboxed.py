"""Commands without a sandbox, where a machine allows none and its owner chose to go on.

The same as ``Sandbox`` to its callers. As root a command still runs as the app's own user; it has
its limits, its own temporary folder, and when it ends, all that it started ends. But it sees
the machine: its files, processes and network.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autodeploy.kernel.process import ProgramNotFound, die_with_parent
from autodeploy.kernel.sandbox import keeper
from autodeploy.kernel.sandbox.cgroups import Cgroup, find_cgroups
from autodeploy.kernel.sandbox.command import LAUNCH_ENVIRONMENT
from autodeploy.kernel.sandbox.process import SandboxProcess
from autodeploy.kernel.sandbox.runner import Sandbox
from autodeploy.kernel.sandbox.spec import Bind, Outcome, SandboxSpec, SandboxStatus
from autodeploy.kernel.sandbox.translation import TEMPORARY, translated


async def open_sandbox(home: Path, *, allow_unsandboxed: bool) -> Sandbox:
    """The machine's sandbox, or, only where none works and the owner allows it, none.

    Raises ``ProgramNotFound``.
    """
    if not allow_unsandboxed:
        return Sandbox.open()
    with contextlib.suppress(ProgramNotFound):
        sandbox = Sandbox.open()
        if (await sandbox.status()).ok:
            return sandbox
    return Unsandboxed(home)


class Unsandboxed(Sandbox):
    """Runs commands directly. ``home`` is the folder that holds the sources of all binds."""

    def __init__(self, home: Path):
        self._home = home
        self._cgroups = find_cgroups()
        self._as_root = os.geteuid() == 0
        rights = (
            "can read what any user of this machine can"
            if self._as_root
            else "has all the rights of AutoDeploy and can read its secrets"
        )
        self.warning = (
            f"No sandbox, as --allow-unsandboxed asks: the code of every app {rights}. "
            "Deploy only what you trust."
        )

    async def status(self) -> SandboxStatus:
        """Ready, for it needs nothing of the machine."""
        return SandboxStatus(True)

    def place_of(self, bind: Bind) -> str:
        return str(bind.source)

    async def _start(
        self, spec: SandboxSpec, stdin: int, stdout: int, stderr: int
    ) -> SandboxProcess:
        self._open_ways(spec)
        bound = next((bind.source for bind in spec.binds if bind.target == TEMPORARY), None)
        temporary = bound or self._temporary_folder(spec)
        ended = contextlib.AsyncExitStack()
        if bound is None:
            ended.push_async_callback(asyncio.to_thread, shutil.rmtree, temporary, True)
        cgroup = self._create_cgroup(spec)
        job = self._job(translated(spec, temporary), limited=cgroup is not None)
        try:
            outer, descriptor = await _start_keeper(job, cgroup, stdin, stdout, stderr)
        except BaseException:
            if cgroup is not None:
                await cgroup.remove()
            await ended.aclose()
            raise
        return UnsandboxedProcess(outer, descriptor, cgroup, ended)

    def _job(self, spec: SandboxSpec, *, limited: bool) -> bytes:
        """What the keeper reads. ``limited`` by a cgroup, it needs less of resource limits."""
        limits = {"RLIMIT_NOFILE": spec.limits.open_files, "RLIMIT_CORE": 0}
        if spec.limits.file_bytes is not None:
            limits["RLIMIT_FSIZE"] = spec.limits.file_bytes
        if not limited:
            limits["RLIMIT_DATA"] = spec.limits.memory_bytes
            if self._as_root:  # otherwise it would count all processes of our own user
                limits["RLIMIT_NPROC"] = spec.limits.processes
        job: Mapping[str, object] = {
            "argv": spec.argv,
            "cwd": spec.cwd,
            "environment": dict(spec.environment),
            "limits": limits,
            "terminal": spec.terminal,
            "uid": spec.uid if self._as_root else None,
            "gid": spec.gid,
        }
        return json.dumps(job).encode()

    def _temporary_folder(self, spec: SandboxSpec) -> Path:
        parent = self._home / "tmp"
        parent.mkdir(exist_ok=True)
        parent.chmod(0o711)
        folder = Path(tempfile.mkdtemp(prefix=f"{spec.name}-", dir=parent))
        if self._as_root:
            os.chown(folder, spec.uid, spec.gid)
        return folder

    def _open_ways(self, spec: SandboxSpec) -> None:
        """Let the app's user pass through our own folders to those that are bound."""
        if not self._as_root:
            return
        for bind in spec.binds:
            if not bind.source.is_relative_to(self._home):
                continue
            for folder in bind.source.parents:
                state = folder.lstat()
                if state.st_uid == 0 and stat.S_ISDIR(state.st_mode) and not state.st_mode & 0o001:
                    folder.chmod(stat.S_IMODE(state.st_mode) | 0o011)
                if folder == self._home:
                    break


class UnsandboxedProcess(SandboxProcess):
    """A command and its keeper, which stands where a sandbox's first process does."""

    def __init__(
        self,
        outer: asyncio.subprocess.Process,
        descriptor: int,
        cgroup: Cgroup | None,
        ended: contextlib.AsyncExitStack,
    ):
        super().__init__(outer, outer.pid, descriptor, cgroup)
        self._ended = ended

    def kill(self) -> None:
        """Tell the keeper to end all that it started. Idempotent."""
        if self._init_descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_descriptor, signal.SIGTERM)

    async def _end(self) -> Outcome:
        async with self._ended:
            return await super()._end()


async def _start_keeper(
    job: bytes, cgroup: Cgroup | None, stdin: int, stdout: int, stderr: int
) -> tuple[asyncio.subprocess.Process, int]:
    """Start the keeper, limit it, and only then tell it what to run. Also opens its pidfd."""
    read, write = os.pipe()
    try:
        outer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", keeper.__file__, str(read)),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=LAUNCH_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            pass_fds=[read],
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        descriptor = os.pidfd_open(outer.pid)
        if cgroup is not None:
            cgroup.add(outer.pid)
    except BaseException:
        os.close(write)  # told nothing, the keeper ends
        raise
    finally:
        os.close(read)
    await asyncio.to_thread(_write, write, job)
    return outer, descriptor


def _write(descriptor: int, content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(content)
