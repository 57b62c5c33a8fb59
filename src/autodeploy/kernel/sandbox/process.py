"""A running sandbox: wait for it, ask it to stop, or kill it with everything in it."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from autodeploy.kernel.process import discard_output, wait_ended
from autodeploy.kernel.processes import Usage, children, descendants, usage_below
from autodeploy.kernel.sandbox.cgroups import Cgroup
from autodeploy.kernel.sandbox.spec import Outcome

_SHELLS = frozenset({"sh", "dash", "bash", "ash"})
# How long a shell that was spared may have become another program before that is told.
_LOOK_AGAIN_SECONDS = 0.25


class SandboxProcess:
    """One started sandbox.

    ``outer`` is bubblewrap on the host; ``init_pid`` is the first process of the sandbox's own
    process namespace: when it ends, the kernel ends every process in the sandbox.
    """

    def __init__(
        self,
        outer: asyncio.subprocess.Process,
        init_pid: int,
        init_descriptor: int,
        cgroup: Cgroup | None,
    ):
        self.outer = outer
        self.init_pid = init_pid
        self._init_descriptor = init_descriptor
        self._cgroup = cgroup
        self._ending: asyncio.Task[Outcome] | None = None

    async def wait(self) -> Outcome:
        """The outcome, once no process of the sandbox is left. May be awaited by many."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return await asyncio.shield(self._ending)

    def kill(self) -> None:
        """End every process in the sandbox at once. Idempotent."""
        if self._init_descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_descriptor, signal.SIGKILL)

    async def stop(self, *, grace_seconds: float) -> Outcome:
        """SIGTERM to the processes inside, and what is left after ``grace_seconds`` is killed.

        A shell that only waits for its child is spared (unless it has a trap): if it died first,
        the sandbox would end with it and the child could not finish its requests. It is told as
        soon as it does something else, such as becoming the program of its last command.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                spared = self._terminate(self._inside())
                while spared:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                            return await self.wait()
                    spared = self._terminate([pid for pid in self._inside() if pid in spared])
                return await self.wait()
        self.kill()
        return await self.wait()

    def usage(self) -> Usage | None:
        """What the processes inside use now; None once they have ended."""
        return usage_below(self.init_pid) if self._init_descriptor >= 0 else None

    def _inside(self) -> list[int]:
        return descendants(self.init_pid) if self._init_descriptor >= 0 else []

    def _terminate(self, pids: Sequence[int]) -> set[int]:
        """Send SIGTERM; the shells that were spared are returned."""
        spared = set()
        for pid in pids:
            with contextlib.suppress(OSError):
                if _name(pid) in _SHELLS and children(pid) and not _catches_sigterm(pid):
                    spared.add(pid)
                else:
                    os.kill(pid, signal.SIGTERM)
        return spared

    async def destroy(self) -> None:
        """Kill what is left, and let go of output that nobody has read. Idempotent.

        For the one who read the output, once that has stopped.
        """
        self.kill()
        await self.wait()
        await discard_output(self.outer)

    async def _end(self) -> Outcome:
        try:
            await _readable(self._init_descriptor)
            code = await wait_ended(self.outer)  # which ends with the one inside
            oom = self._cgroup.out_of_memory() if self._cgroup else False
            refused = self._cgroup.too_many_processes() if self._cgroup else False
            return Outcome(
                128 - code if code < 0 else code, out_of_memory=oom, too_many_processes=refused
            )
        finally:
            descriptor, self._init_descriptor = self._init_descriptor, -1
            os.close(descriptor)
            if self._cgroup:
                await self._cgroup.remove()


async def _readable(descriptor: int) -> None:
    """Wait until a process descriptor says that its process has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _catches_sigterm(pid: int) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False
