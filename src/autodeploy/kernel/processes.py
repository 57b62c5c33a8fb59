"""Who started whom, and what they use of the machine."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Usage:
    """What several processes use together: CPU since they began, and memory now, each its share of
    what they share. ``memory_bytes`` is None where the kernel does not tell it."""

    cpu_seconds: float
    memory_bytes: int | None


def children(pid: int) -> list[int]:
    """The processes that a process started by its main thread; none of one that is gone."""
    with contextlib.suppress(OSError):
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    return []


def descendants(pid: int) -> list[int]:
    """All processes below a process, its own children first."""
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def usage_below(pid: int) -> Usage:
    """What all processes below a process use, whichever thread started them. The CPU time of those
    that have ended is with the one who has waited for them."""
    try:
        top = psutil.Process(pid)
        below = top.children(recursive=True)
    except psutil.Error:
        return Usage(0.0, 0)
    sizes = [size for each in below if (size := _memory_bytes(each)) is not None]
    return Usage(
        cpu_seconds=sum(map(_cpu_seconds, (top, *below))),
        memory_bytes=sum(sizes) if sizes or not below else None,
    )


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _memory_bytes(process: psutil.Process) -> int | None:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return None
