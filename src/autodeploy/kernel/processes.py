"""Who started whom, as /proc tells it."""

import contextlib
from pathlib import Path


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
