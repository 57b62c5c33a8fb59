"""Looking at folders that others change meanwhile."""

import contextlib
import os
from pathlib import Path


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
