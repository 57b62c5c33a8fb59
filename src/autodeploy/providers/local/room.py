"""Room on the disk: where little is left, what only makes builds and releases quick goes.

That is what builds left for the next one (``caches``, kept dependencies) and the trees that stand
by, of whichever app used them longest ago. Releases and stored builds are never touched.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import structlog

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.sandbox import GIB
from autodeploy.providers.local.layout import Layout

_GONE = ".gone-"
_LEAST_FREE_BYTES = GIB
_MOST_FREE_BYTES = 10 * GIB

_log = structlog.get_logger(__name__)


def wanted_free(total_bytes: int) -> int:
    """How many bytes of a disk are to be free before a build: a tenth, from 1 to 10 GiB."""
    return min(_MOST_FREE_BYTES, max(_LEAST_FREE_BYTES, total_bytes // 10))


@fault_point("local.make_room")
async def make_room(layout: Layout) -> None:
    """Remove caches and trees that stand by until the disk has the room that is wanted, but for
    caches that a build uses. Idempotent."""
    await asyncio.to_thread(_make_room, layout)


def _make_room(layout: Layout) -> None:
    _remove_gone(layout)
    for folder in _by_last_use(layout):
        disk = shutil.disk_usage(layout.home)
        if disk.free >= wanted_free(disk.total):
            return
        if _set_aside(folder):
            _log.info("room.made", folder=f"{folder.parent.name}/{folder.name}")
            _remove_gone(layout)


@contextlib.contextmanager
def in_use(cache: Path) -> Iterator[None]:
    """Keep the cache of an app from being removed. The folder must exist, or is made."""
    held = _hold(cache)
    try:
        os.utime(held)  # when it was used last
        yield
    finally:
        os.close(held)


def _hold(cache: Path) -> int:
    """The folder, opened and locked with others that use it; the lock ends with the process."""
    while True:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(cache, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), cache.stat()):
                return descriptor
        os.close(descriptor)  # it was set aside a moment ago


def _by_last_use(layout: Layout) -> list[Path]:
    """The folders that may go, the first one first: caches before what stands by, since a build
    that takes longer harms less than a rollback that does."""
    found: list[Path] = []
    for kind in ("cache", "standby"):
        folders = [each for each in (layout.home / kind).glob("*") if each.name.isdigit()]
        found += sorted(folders, key=_last_use)
    return found


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another build makes room too
        return 0.0


def _set_aside(folder: Path) -> bool:
    """Rename the folder, in one step, unless somebody uses it; whether that was done."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.rename(folder.with_name(f"{_GONE}{folder.name}-{uuid4().hex[:8]}"))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove_gone(layout: Layout) -> None:
    """Remove what was set aside, also by a process that died then."""
    for kind in ("cache", "standby"):
        for folder in (layout.home / kind).glob(f"{_GONE}*"):
            shutil.rmtree(folder, ignore_errors=True)
