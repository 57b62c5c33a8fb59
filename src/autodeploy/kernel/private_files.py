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
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
