"""The master keys of this machine: one seals, older ones still open what they sealed.

The file holds a key a line in base64; the first one seals. A line ``next <key>`` holds one that
other machines may use already and this one only opens with. The file is replaced as a whole, and
processes that run notice it by themselves.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autodeploy.kernel.folders import locked_folder
from autodeploy.kernel.private_files import create_private_file, replace_private_file
from autodeploy.kernel.vault.errors import MasterKeyError

KEY_BYTES = 32
_NEXT = "next"


@dataclass(frozen=True)
class MasterKey:
    """A key and its name. ``waiting`` keys open and do not seal yet."""

    secret: bytes = field(repr=False)
    waiting: bool = False

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise MasterKeyError(f"The master key has {len(self.secret)} bytes, not {KEY_BYTES}.")

    @property
    def id(self) -> str:
        """Says which key this is and nothing about it."""
        return hashlib.sha256(b"autodeploy key id\0" + self.secret).hexdigest()[:8]


class Keyring:
    """The keys that a process holds, in step with their file."""

    def __init__(self, keys: Sequence[MasterKey], path: Path | None = None):
        self._path = path
        self._seen = _look(path)
        self._hold(keys)

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Raises ``MasterKeyError`` when the file is missing, open to others or damaged."""
        ring = cls([], path)  # looked at before it is read: a change in between is noticed
        ring._hold(read_keys(path))
        return ring

    @classmethod
    def of(cls, *secret: bytes) -> "Keyring":
        """Keys without a file, the sealing one first."""
        return cls([MasterKey(each) for each in secret])

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def keys(self) -> tuple[MasterKey, ...]:
        """All of them, the sealing one first."""
        self.refresh()
        return self._keys

    @property
    def current(self) -> MasterKey:
        """The one that seals, as the file has it at this moment."""
        return self.keys[0]

    def find(self, key_id: str) -> MasterKey | None:
        """The key of this id; an unknown one is looked for in the file."""
        if key_id not in self._by_id:
            self.refresh()
        return self._by_id.get(key_id)

    def refresh(self) -> None:
        """Read the file again if it is another one by now. While it cannot be read, the keys that
        are held serve on; what it holds is told at the next start."""
        if self._path is None or (look := _look(self._path)) in (None, self._seen):
            return
        try:
            self._hold(read_keys(self._path))
        except (MasterKeyError, OSError):
            return
        self._seen = look

    def _hold(self, keys: Sequence[MasterKey]) -> None:
        self._keys = tuple(keys)
        self._by_id = {key.id: key for key in keys}


def _look(path: Path | None) -> tuple[int, int, int] | None:
    """What differs between two versions of the file, without reading it."""
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size) if status else None


def generate_master_key_file(path: Path) -> None:
    """Write a new random master key, mode 0600. Raises FileExistsError, never overwrites."""
    create_private_file(path, _text([_new_key()]))


def read_keys(path: Path) -> list[MasterKey]:
    """The keys of a file, the sealing one first. Raises ``MasterKeyError``."""
    try:
        mode = path.stat().st_mode
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise MasterKeyError(
            f"There is no master key at {path}.",
            remedy="Put your copy of it back, or make a first one with `autodeploy secrets`.",
        ) from None
    if mode & 0o077:
        raise MasterKeyError(
            f"The master key at {path} can be read by others.", remedy=f"Run: chmod 600 {path}"
        )
    keys = [_parse(line, path) for line in lines if line.strip()]
    if not keys or keys[0].waiting:
        raise _damaged(path)
    return keys


def add_key(path: Path) -> str:
    """Put a new key in front, or the one that waited; returns its id. The others stay to open."""
    with _changing(path) as keys:
        waiting = [key for key in keys if key.waiting]
        new = MasterKey(waiting[-1].secret) if waiting else _new_key()
        others = [key for key in keys if key.id != new.id]
        replace_private_file(path, _text([new, *others]))
        return new.id


def prepare_key(path: Path) -> str:
    """Add a key that only opens for now, unless one waits already; returns its id."""
    with _changing(path) as keys:
        waiting = [key for key in keys if key.waiting]
        if not waiting:
            waiting = [MasterKey(secrets.token_bytes(KEY_BYTES), waiting=True)]
            replace_private_file(path, _text([*keys, *waiting]))
        return waiting[-1].id


def drop_keys(path: Path, ids: Collection[str]) -> None:
    """Remove keys by their ids; the one that seals is never among those that go."""
    with _changing(path) as keys:
        kept = [keys[0], *(key for key in keys[1:] if key.id not in ids)]
        replace_private_file(path, _text(kept))


@contextmanager
def _changing(path: Path) -> Iterator[list[MasterKey]]:
    """The keys, which nobody else changes meanwhile."""
    with locked_folder(path.parent):
        yield read_keys(path)


def _new_key() -> MasterKey:
    return MasterKey(secrets.token_bytes(KEY_BYTES))


def _text(keys: Sequence[MasterKey]) -> bytes:
    lines = [f"{_NEXT} " * key.waiting + base64.b64encode(key.secret).decode() for key in keys]
    return "".join(f"{line}\n" for line in lines).encode()


def _parse(line: bytes, path: Path) -> MasterKey:
    *words, text = line.split()
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES or words not in ([], [_NEXT.encode()]):
        raise _damaged(path)
    return MasterKey(key, waiting=bool(words))


def _damaged(path: Path) -> MasterKeyError:
    return MasterKeyError(
        f"The file at {path} does not hold a master key.",
        remedy="Put your copy of it back: what it protects cannot be read with another one.",
    )
