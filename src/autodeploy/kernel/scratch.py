"""Folders that are gone when their maker is: it removes them, or after a SIGKILL its successor."""

import os
import re
import shutil
import socket
from pathlib import Path
from tempfile import mkdtemp

from autodeploy.kernel.process import start_time

_NAME = re.compile(r"\.scratch-(?P<host>.+)-(?P<pid>[0-9]+)-(?P<start>[0-9]+)-[^-]+")


def make_scratch(parent: Path) -> Path:
    """A new folder (0700) in ``parent``, for this process alone."""
    pid = os.getpid()
    return Path(
        mkdtemp(dir=parent, prefix=f".scratch-{socket.gethostname()}-{pid}-{start_time(pid)}-")
    )


def remove_abandoned(parent: Path) -> None:
    """Remove what processes of this machine made in ``parent`` and did not live to remove.

    Whatever starts does this for what was there before it. Idempotent.
    """
    for folder in parent.glob(".scratch-*"):
        made = _NAME.fullmatch(folder.name)
        if (
            made
            and made["host"] == socket.gethostname()
            and start_time(int(made["pid"])) != int(made["start"])
        ):
            shutil.rmtree(folder, ignore_errors=True)
