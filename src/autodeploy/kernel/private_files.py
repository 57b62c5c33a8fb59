"""Files that only we may read, there whole or not at all."""

import os
import secrets
from pathlib import Path


def create_private_file(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600. Raises ``FileExistsError``, never overwrites.

    It gets its name when it is complete and on the disk: on a full disk or after a power cut an
    empty key file would stop every later start.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(part, content)
        os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def replace_private_file(path: Path, content: bytes) -> None:
    """Put new content in the place of a private file, whole or not at all; its owner stays.

    A reader meets the old file or the new one, also after a power cut.
    """
    path = path.resolve()  # a link stays one
    owner = path.stat()
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(part, content)
        if os.geteuid() == 0:  # else it is ours, or could not be given away
            os.chown(part, owner.st_uid, owner.st_gid)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
