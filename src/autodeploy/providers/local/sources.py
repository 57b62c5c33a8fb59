"""Reading the files of an app with our rights: they may be links to anywhere, or without end."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

MAX_READ_BYTES = 32 * 1024**2


def read_source(path: Path, root: Path) -> bytes:
    """The content of a regular file of at most 32 MiB that lies in ``root``. Raises ``OSError``."""
    real = os.path.realpath(path)
    if not is_inside(path, root):
        raise OSError(f"{path} leaves {root}")
    # Neither waits for the writer of a pipe nor follows a link.
    handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_READ_BYTES:
            raise OSError(f"{path} is no file that can be read")
        return file.read(MAX_READ_BYTES)


def read_manifest(path: Path, root: Path) -> Mapping[str, object]:
    """A ``package.json``; empty where there is none that can be read."""
    try:
        manifest = json.loads(read_source(path, root))
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def is_inside(path: Path, root: Path) -> bool:
    """Whether ``path``, all links followed, is ``root`` or in it. Links in a circle are not."""
    real = Path(os.path.realpath(path))
    return real.is_relative_to(os.path.realpath(root)) and not real.is_symlink()
