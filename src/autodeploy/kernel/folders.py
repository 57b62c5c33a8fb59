"""Folders that others use meanwhile: having one alone, and looking at what changes."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's advisory lock: whoever else asks for it waits, threads and processes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def folder_bytes(folder: Path) -> int:
    """What all files below ``folder`` take; files that vanish meanwhile count as nothing.

    A file with holes counts with its blocks, one with several names with a part for each, and
    no link is followed.
    """
    size = 0
    pending = [os.fspath(folder)]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    size += min(status.st_size, status.st_blocks * 512) // max(status.st_nlink, 1)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    return size
