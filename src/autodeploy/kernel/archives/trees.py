"""The id that git gives a folder's files, computed without git."""

import hashlib
import os
from pathlib import Path

_CHUNK_BYTES = 1 << 20


def tree_id(folder: Path) -> str:
    """The 40-hex id that git gives the tree of these files; empty folders do not count."""
    return _tree_id(folder).hex()


def _tree_id(folder: Path) -> bytes:
    entries: list[tuple[bytes, bytes]] = []
    for entry in os.scandir(folder):
        name = os.fsencode(entry.name)
        if entry.is_symlink():
            target = os.fsencode(Path(entry.path).readlink())
            entries.append((name, b"120000 " + name + b"\0" + _object_id(b"blob", target)))
        elif entry.is_dir():
            inner = b"" if entry.name == ".git" else _tree_id(Path(entry.path))
            if inner not in (b"", _EMPTY_TREE):
                # git sorts a folder as if its name ended with a slash
                entries.append((name + b"/", b"40000 " + name + b"\0" + inner))
        elif entry.is_file():
            mode = b"100755 " if entry.stat().st_mode & 0o100 else b"100644 "
            entries.append((name, mode + name + b"\0" + _file_id(Path(entry.path))))
    return _object_id(b"tree", b"".join(line for _, line in sorted(entries)))


def _object_id(kind: bytes, content: bytes) -> bytes:
    header = b"%s %d\0" % (kind, len(content))
    return hashlib.sha1(header + content, usedforsecurity=False).digest()


def _file_id(path: Path) -> bytes:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


_EMPTY_TREE = _object_id(b"tree", b"")
