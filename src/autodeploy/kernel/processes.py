"""Who started whom, and what they use of the machine, as /proc tells it (proc(5), Linux 6)."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# Of the fields of /proc/PID/stat behind the name: utime, stime, cutime and cstime.
_TIMES = slice(11, 15)


@dataclass(frozen=True)
class Usage:
    """What several processes use together: CPU since they began, and memory now, each its share of
    what they share. ``memory_bytes`` is None where the kernel does not tell it."""

    cpu_seconds: float
    memory_bytes: int | None


def children(pid: int) -> list[int]:
    """The processes that a process started by its main thread; none of one that is gone."""
    return _started_by(Path(f"/proc/{pid}/task/{pid}"))


def descendants(pid: int) -> list[int]:
    """All processes below a process, its own children first."""
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def usage_below(pid: int) -> Usage:
    """What all processes below a process use, whichever thread started them. The CPU time of those
    that have ended is with the one who has waited for them."""
    below = _all_below(pid)
    sizes = [size for each in below if (size := _memory_bytes(each)) is not None]
    return Usage(
        cpu_seconds=sum(map(_ticks, (pid, *below))) / _TICKS_A_SECOND,
        memory_bytes=sum(sizes) if sizes or not below else None,
    )


def _all_below(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += _started_by(thread)
    return found + [below for child in found for below in _all_below(child)]


def _started_by(thread: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in (thread / "children").read_text().split()]
    return []


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[_TIMES]))


def _memory_bytes(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    shares = [line for line in lines if line.startswith("Pss:")]
    return 1024 * int(shares[0].split()[1]) if shares else None
