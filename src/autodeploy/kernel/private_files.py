"""Files that only we may read, there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def create_private_file(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600. Raises ``FileExistsError``, never overwrites.

    It gets its name when it is complete and on the disk: on a full disk or after a power cut an
    empty key file would stop every later start.
    """
    with _written(path, content) as part:
        os.link(part, path)


def replace_private_file(path: Path, content: bytes) -> None:
    """Put new content in the place of a file, in one step; its owner stays the same.

    Raises ``FileNotFoundError`` when there is none.
    """
    owner = path.stat()
    with _written(path, content) as part:
        if owner.st_uid != os.geteuid():
            os.chown(part, owner.st_uid, owner.st_gid)
        part.replace(path)


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """``content`` on the disk, mode 0600, under a name beside ``path`` that is gone afterwards."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)
