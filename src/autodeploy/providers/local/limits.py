"""What one build may use of this machine, and the watch over what it writes."""

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from autodeploy.kernel.disk import DiskFull
from autodeploy.kernel.folders import folder_bytes
from autodeploy.kernel.outputs import lines_that_matter
from autodeploy.kernel.sandbox import GIB
from autodeploy.kernel.threads import wait_out
from autodeploy.providers.base import LogSink
from autodeploy.providers.local.errors import BuildTimeout, BuildTooLarge

Result = TypeVar("Result")

_TAIL_LINES = 200
# What stays free for PostgreSQL and the apps that run: a full disk would end them all.
FREE_BYTES = 512 * 1024**2
_FIRST_PAUSE_SECONDS = 0.5
# Looking at many files takes its time: at most a twentieth of the time is spent so.
_PAUSE_FACTOR = 20


@dataclass(frozen=True)
class BuildLimits:
    """The operator's limits of one build.

    Args:
        seconds: from its first command to the stored result.
        memory_bytes: of all its processes together.
        processes: processes and threads at a time.
        disk_bytes: what it may write, kept downloads included; also the size of one file.
    """

    seconds: float = 30 * 60
    memory_bytes: int = 4 * GIB
    processes: int = 2048
    disk_bytes: int = 10 * GIB


class Recorded:
    """A log that remembers the last lines that went through it."""

    def __init__(self, log: LogSink):
        self._log = log
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)

    async def write(self, level: str, source: str, message: str) -> None:
        """Pass a line on; satisfies ``LogSink``."""
        self._lines.append(message)
        await self._log(level, source, message)

    def tail(self) -> list[str]:
        """Those of the last lines that matter."""
        return lines_that_matter(self._lines)


async def within(
    limits: BuildLimits, build: Coroutine[Any, Any, Result], folders: Sequence[Path], said: Recorded
) -> Result:
    """Run ``build``, and end it when it takes too long or writes too much to ``folders``.

    Raises:
        BuildTimeout, BuildTooLarge, DiskFull: with what ``build`` has ``said`` last.
    """
    building = asyncio.create_task(build)
    watching = asyncio.create_task(_watch_disk(folders, limits))
    try:
        async with asyncio.timeout(limits.seconds):
            await asyncio.wait([building, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        return building.result()
    except TimeoutError:
        raise BuildTimeout(
            f"The build took longer than {duration_text(limits.seconds)}.",
            remedy="Make the build smaller, or check whether a command waits for input. The "
            "operator can raise AUTODEPLOY_BUILD_SECONDS.",
            log_tail=said.tail(),
        ) from None
    except (BuildTooLarge, DiskFull) as error:
        error.log_tail = error.log_tail or said.tail()
        raise
    finally:
        for task in (building, watching):
            task.cancel()
        # However often this is cancelled: the folders are removed next.
        await wait_out(building, watching)


async def _watch_disk(folders: Sequence[Path], limits: BuildLimits) -> None:
    """Look at what a build writes to ``folders`` until this is cancelled.

    Raises:
        BuildTooLarge: the folders have grown by more than ``limits.disk_bytes``.
        DiskFull: less than ``FREE_BYTES`` are left on their disk.
    """
    before = await asyncio.to_thread(_bytes, folders)
    while True:
        started = time.monotonic()
        free = min(shutil.disk_usage(folder).free for folder in folders)
        if free < FREE_BYTES:
            raise DiskFull(f"The build was ended: only {free // 1024**2} MiB are left on the disk.")
        if await asyncio.to_thread(_bytes, folders) - before > limits.disk_bytes:
            raise too_large(limits)
        took = time.monotonic() - started
        await asyncio.sleep(max(_FIRST_PAUSE_SECONDS, _PAUSE_FACTOR * took))


def too_large(limits: BuildLimits, log_tail: list[str] | None = None) -> BuildTooLarge:
    """The error of a build that wrote more than it may."""
    return BuildTooLarge(
        f"The build wrote more than {size_text(limits.disk_bytes)}.",
        remedy="Find what writes it: a log, a core dump, or data that belongs outside the "
        "repository. The operator can raise AUTODEPLOY_BUILD_DISK_MB.",
        log_tail=log_tail,
    )


def size_text(size_bytes: int) -> str:
    """Bytes as a person says them: ``4 GiB`` or ``300 MiB``."""
    whole, rest = divmod(size_bytes, GIB)
    return f"{whole} GiB" if whole and not rest else f"{size_bytes // 1024**2} MiB"


def duration_text(seconds: float) -> str:
    """Seconds as a person says them: ``30 minutes`` or ``20 seconds``."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} minutes" if minutes > 1 and not rest else f"{seconds:g} seconds"


def _bytes(folders: Sequence[Path]) -> int:
    return sum(map(folder_bytes, folders))
