"""Limits on memory, processes and CPU for a whole sandbox, by cgroups of version 1 or 2."""

import asyncio
import contextlib
import errno
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from autodeploy.kernel.sandbox.spec import Limits

_ROOT = Path("/sys/fs/cgroup")
_CPU_PERIOD_MICROSECONDS = 100_000
# A quarter of the usual share: where the CPU is short the platform goes first, and only there.
_CPU_SHARES = 256  # of 1,024, in version 1
_CPU_WEIGHT = 25  # of 100, in version 2
_PREFIX = "autodeploy"


@dataclass(frozen=True)
class Cgroup:
    """One group; in version 1 it is a folder in each controller's hierarchy."""

    folders: tuple[Path, ...]

    def add(self, pid: int) -> None:
        """Put a process into the group; its later children follow."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of this group for its memory."""
        return self._counted("oom_kill", "memory.events", "memory.oom_control")

    def too_many_processes(self) -> bool:
        """Whether the kernel refused this group a process."""
        return self._counted("max", "pids.events")

    def _counted(self, event: str, *files: str) -> bool:
        for folder in self.folders:
            for name in files:
                with contextlib.suppress(OSError):
                    counters = dict(
                        line.split()[:2] for line in (folder / name).read_text().splitlines()
                    )
                    if int(counters.get(event, 0)) > 0:
                        return True
        return False

    async def remove(self) -> None:
        """Remove the group once its last process is gone; the kernel may need a moment."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY:
                        break
                    await asyncio.sleep(0.02)
                else:
                    break


@dataclass(frozen=True)
class Cgroups:
    """Where groups can be made: ``version`` 1 has one parent a controller, 2 has one parent."""

    version: int
    parents: tuple[Path, ...]

    def create(self, name: str, limits: Limits) -> Cgroup:
        """A new group with ``limits``; its name says who made it. Raises ``OSError``."""
        unique = f"{_PREFIX}.{os.getpid()}.{_started(os.getpid())}.{name}-{uuid4().hex[:8]}"
        group = Cgroup(tuple(parent / unique for parent in self.parents))
        for folder in group.folders:
            folder.mkdir()
            for file, value in _settings(self.version, limits):
                if (folder / file).exists():
                    (folder / file).write_text(value)
        return group


def find_cgroups() -> Cgroups | None:
    """The machine's cgroups when we may write them, else None: then rlimits stand in.

    Groups whose maker was killed are ended and removed.
    """
    for find in (_find_version_2, _find_version_1):
        try:
            found = find()
            if found is not None:
                probe = found.create("autodeploy-probe", Limits())
                for folder in probe.folders:
                    folder.rmdir()
                for parent in found.parents:
                    _end_leftovers(parent)
                return found
        except OSError:
            continue
    return None


def _end_leftovers(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}.*.*.*"):
        _, pid, started, _ = folder.name.split(".", 3)
        if _started(int(pid)) == started:
            continue
        with contextlib.suppress(OSError):
            for process in (folder / "cgroup.procs").read_text().split():
                os.kill(int(process), signal.SIGKILL)
            folder.rmdir()


def _started(pid: int) -> str | None:
    """When a process started, in the kernel's ticks: with its id it names one process only."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _settings(version: int, limits: Limits) -> list[tuple[str, str]]:
    quota = int(limits.cpus * _CPU_PERIOD_MICROSECONDS) if limits.cpus else None
    if version == 1:
        settings = [
            ("memory.limit_in_bytes", str(limits.memory_bytes)),
            ("memory.memsw.limit_in_bytes", str(limits.memory_bytes)),
            ("pids.max", str(limits.processes)),
            ("cpu.shares", str(_CPU_SHARES)),
        ]
        return settings + ([("cpu.cfs_quota_us", str(quota))] if quota else [])
    settings = [
        ("memory.max", str(limits.memory_bytes)),
        ("memory.swap.max", "0"),
        ("pids.max", str(limits.processes)),
        ("cpu.weight", str(_CPU_WEIGHT)),
    ]
    return settings + ([("cpu.max", f"{quota} {_CPU_PERIOD_MICROSECONDS}")] if quota else [])


def _find_version_2() -> Cgroups | None:
    controllers = _ROOT / "cgroup.controllers"
    if not controllers.exists() or not {"memory", "pids"} <= set(controllers.read_text().split()):
        return None
    parent = _ROOT / "autodeploy"
    wanted = [name for name in ("memory", "pids", "cpu") if name in controllers.read_text().split()]
    (_ROOT / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))
    parent.mkdir(exist_ok=True)
    (parent / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))
    return Cgroups(2, (parent,))


def _find_version_1() -> Cgroups | None:
    own = _own_groups()
    parents = []
    for controller in ("memory", "pids", "cpu"):
        hierarchy = _ROOT / controller
        if not (hierarchy / "cgroup.procs").exists():
            if controller == "cpu":
                continue
            return None
        # Inside a container the path of /proc/self/cgroup is the host's and not to be seen.
        folder = hierarchy / own.get(controller, "/").lstrip("/")
        parents.append(folder if folder.is_dir() else hierarchy)
    if not all(os.access(parent, os.W_OK) for parent in parents):
        return None
    return Cgroups(1, tuple(parents))


def _own_groups() -> dict[str, str]:
    groups = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    return groups
