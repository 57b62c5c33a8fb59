"""What there is of what runs out: disk, files on it, memory, descriptors; and the time."""

import os
import resource
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from autodeploy.cli.operator.checks.check import Check, Verdict, existing
from autodeploy.settings import Settings

_GIB = 1024**3
# One large app in JavaScript installs some 50,000 files.
_FEWEST_INODES, _ADVISED_INODES = 20_000, 200_000
# A connection to an app is two descriptors in the proxy; each part of the platform has its own.
_FEWEST_FILES, _ADVISED_FILES = 1024, 4096
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # AutoDeploy is younger
_CLOCK_TOLERANCE_SECONDS = 300.0


def disk(settings: Settings) -> Iterator[Check]:
    """Space, and how many files still fit."""
    place = existing(settings.home)
    remedy = "Free some space, or move AUTODEPLOY_HOME to a larger disk."
    free = shutil.disk_usage(place).free
    yield _amount("disk", free, at_least=1 * _GIB, advised=5 * _GIB, remedy=remedy)
    status = os.statvfs(place)
    if status.f_files == 0:  # btrfs and others make inodes as they go
        yield Check("inodes", Verdict.OK, "as many as fit")
        return
    left = status.f_favail
    found = f"{left:,} free"
    if left >= _ADVISED_INODES:
        yield Check("inodes", Verdict.OK, found)
        return
    verdict = Verdict.ADVICE if left >= _FEWEST_INODES else Verdict.MISSING
    remedy = "Remove folders of many small files, or move AUTODEPLOY_HOME to another disk."
    yield Check("inodes", verdict, found, remedy)


def memory(_: Settings) -> Iterator[Check]:
    """What programs can still get."""
    available = psutil.virtual_memory().available
    remedy = "Stop other programs; the platform needs 0.4 GiB, a build of a large app 1 to 2 GiB."
    yield _amount("memory", available, at_least=_GIB // 2, advised=_GIB, remedy=remedy)


def open_files(_: Settings) -> Iterator[Check]:
    """How many descriptors a process may have."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _ADVISED_FILES:
        yield Check("open files", Verdict.OK, "no limit" if soft < 0 else f"up to {soft:,}")
        return
    verdict = Verdict.ADVICE if soft >= _FEWEST_FILES else Verdict.MISSING
    remedy = "Raise it before `up`: ulimit -n 65536, or LimitNOFILE=65536 in a systemd unit."
    yield Check("open files", verdict, f"only {soft:,} for each process", remedy)


def clock(settings: Settings) -> Iterator[Check]:
    """Whether the time can be right: certificates, tokens and logs rest on it."""
    now = time.time()
    remedy = "Set the clock (timedatectl set-ntp true), then start the platform again."
    ahead = _newest(settings.home) - now
    if now < _EARLIEST.timestamp():
        found = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC, which is past"
        yield Check("clock", Verdict.MISSING, found, remedy)
    elif ahead > _CLOCK_TOLERANCE_SECONDS:
        found = f"{ahead / 60:.0f} minutes behind what the platform wrote: it was set back"
        yield Check("clock", Verdict.ADVICE, found, remedy)
    else:
        yield Check("clock", Verdict.OK, f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC")


def _newest(home: Path) -> float:
    """When the platform last wrote, by the files that it writes at its start and while it runs."""
    return max((_changed(path) for path in (home / "up.json", *home.glob("logs/*.log"))), default=0)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _amount(name: str, amount: int, *, at_least: int, advised: int, remedy: str) -> Check:
    found = f"{amount / _GIB:.1f} GiB free"
    if amount >= advised:
        return Check(name, Verdict.OK, found)
    return Check(name, Verdict.ADVICE if amount >= at_least else Verdict.MISSING, found, remedy)
