"""Source trees: the only way in which the analyzer sees a repository.

A tree answers three questions: what is in a folder, which files are there, what is in a file.
Whatever holds the files (a folder, git objects, an archive) implements ``SourceTree``, with the
same limits: nothing outside the root is seen, only regular files are, and never without bound.
"""

import errno
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Folders that hold what tools made or fetched. They never say what the repository is.
IGNORED_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", "node_modules", "bower_components", ".venv", "venv", "__pycache__",
        ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".next", ".nuxt", ".turbo",
        ".cache", ".parcel-cache", ".gradle", ".terraform", ".yarn", ".pnpm-store", ".svelte-kit",
    }
)  # fmt: skip


MOST_WARNINGS = 100


@dataclass(frozen=True)
class TreeLimits:
    """Bounds of one analysis; beyond them a tree says so in ``warnings`` and goes on."""

    file_bytes: int = 1 << 20
    total_bytes: int = 64 << 20
    files: int = 100_000
    depth: int = 32
    seconds: float = 30.0


class SourceTree(Protocol):
    """The files of one commit. Paths are relative to the root, with ``/``; the root is ''."""

    @property
    def warnings(self) -> list[str]:
        """What was left out and why, for the person who reads the plan."""
        ...

    @property
    def memo(self) -> dict[tuple[object, ...], object]:
        """What was worked out from the files, so that nobody who sees the tree does it again."""
        ...

    def entries(self, folder: str) -> Mapping[str, bool]:
        """Names in a folder, each with whether it is a file (else a folder). {} when absent."""
        ...

    def walk(self, folder: str = "") -> Iterator[str]:
        """Paths of all files below a folder, sorted within each, outer folders first."""
        ...

    def read(self, path: str) -> bytes | None:
        """Content of a file, or None when there is none or it is over the limit."""
        ...


class LazyFiles(Protocol):
    """The files of a commit below ``folder``; those of ``missing`` are empty until brought."""

    @property
    def folder(self) -> Path: ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the commit could not be had."""
        ...

    @property
    def missing(self) -> frozenset[str]:
        """Paths, relative to ``folder``."""
        ...

    async def bring(self, paths: Iterable[str]) -> None:
        """Fetch and write files. ``folder`` may be another one afterwards."""
        ...

    async def marked(self, attribute: str, value: str) -> list[str]:
        """The missing files of which ``.gitattributes``, if it is here, says this; others may be
        among them."""
        ...


def normal_path(path: str) -> str | None:
    """The path without ``.`` and ``..``, or None when it leaves the root or names no file."""
    if path.startswith("/") or not _is_name(path):
        return None
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _is_name(path: str) -> bool:
    """Whether a file may be called so: not by half a character, which no name can hold."""
    return "\0" not in path and "\\" not in path and (path.isascii() or path.isprintable())


def add_warning(warnings: list[str], text: str) -> None:
    """Add what is not said yet. Nobody reads more than a few: the rest is left out."""
    if len(warnings) < MOST_WARNINGS and text not in warnings:
        last = len(warnings) == MOST_WARNINGS - 1
        warnings.append("There is more to warn of than is listed here." if last else text)


class FolderTree:
    """The source tree of a folder on this machine.

    Its time runs from when it is made; a tree whose time is over is empty. The content of
    ``missing`` files is not there yet: they read as absent, and ``asked_for`` names those of them
    that somebody wanted to read.
    """

    def __init__(
        self,
        path: Path | str,
        limits: TreeLimits | None = None,
        missing: Collection[str] = frozenset(),
    ):
        self._root = os.path.realpath(path)
        self._missing = missing
        self.asked_for: set[str] = set()
        self._limits = limits or TreeLimits()
        self._deadline = time.monotonic() + self._limits.seconds
        self._folders: dict[str, dict[str, bool]] = {}
        self._real_folders: dict[str, str | None] = {"": self._root}
        self._bytes_read = 0
        self.warnings: list[str] = []
        self.memo: dict[tuple[object, ...], object] = {}

    def entries(self, folder: str) -> Mapping[str, bool]:
        if self._is_late():
            return {}
        found = self._folders.get(folder)
        if found is not None:  # mostly it was asked for in its normal form
            return found
        normal = normal_path(folder)
        if normal is None:
            return {}
        if normal not in self._folders:
            self._folders[normal] = self._scan(normal)
        return self._folders[normal]

    def walk(self, folder: str = "") -> Iterator[str]:
        pending, count = [folder], 0
        for below in pending:
            for name, is_file in self.entries(below).items():
                path = f"{below}/{name}" if below else name
                if not is_file:
                    if path.count("/") < self._limits.depth:
                        pending.append(path)
                    continue
                count += 1
                if count > self._limits.files:
                    self._warn(f"Only the first {self._limits.files} files were looked at.")
                    return
                yield path

    def read(self, path: str) -> bytes | None:
        if self._is_late():
            return None
        handle = self._open(path)
        if handle is None:
            return None
        try:
            return self._read_open(handle, path)
        finally:
            os.close(handle)

    def _open(self, path: str) -> int | None:
        folder, _, name = path.rpartition("/")
        if self._folders.get(folder, {}).get(name) is not True:  # of an entry the path is normal
            folder, _, name = (normal_path(path) or "").rpartition("/")
        above = self._real_folder(folder)
        if above is None or not name:
            return None
        try:
            return self._open_file(f"{above}/{name}")
        except OSError as error:
            if error.errno != errno.ELOOP:
                return None
        target = os.path.realpath(f"{above}/{name}")  # a link, to be followed inside alone
        try:
            return self._open_file(target) if self._holds(target) else None
        except OSError:
            return None

    def _open_file(self, real: str) -> int | None:
        """Open it for reading; neither blocks on a FIFO nor follows a link at the path's end."""
        if self._missing:
            path = real[len(self._root.rstrip("/")) + 1 :]
            if path in self._missing:
                self.asked_for.add(path)
                return None
        return os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)

    def _scan(self, folder: str) -> dict[str, bool]:
        inside = self._real_folder(folder)
        if inside is None:
            return {}
        found: dict[str, bool] = {}
        try:
            with os.scandir(inside) as entries:
                for entry in entries:
                    is_file = self._kind(entry)
                    if is_file is not None:
                        found[entry.name] = is_file
                    if len(found) > self._limits.files:
                        self._warn(f"Only the first {self._limits.files} files were looked at.")
                        break
        except OSError:
            return {}
        return dict(sorted(found.items()))

    def _kind(self, entry: os.DirEntry[str]) -> bool | None:
        """Whether the entry is a file (a link to one inside counts), a folder, or neither."""
        if not entry.name.isprintable():  # nor would it survive JSON: surrogates are unprintable
            return None
        if entry.is_file(follow_symlinks=False):
            return True
        if entry.is_dir(follow_symlinks=False):
            return None if entry.name in IGNORED_FOLDERS else False
        if not entry.is_symlink():
            return None
        target = os.path.realpath(entry.path)
        return True if self._holds(target) and os.path.isfile(target) else None  # noqa: PTH113

    def _real_folder(self, folder: str) -> str | None:
        """Where a folder is when all links are followed; None when that is outside."""
        if folder not in self._real_folders:
            above, _, name = folder.rpartition("/")
            real_above = self._real_folders.get(above)
            if real_above is None:
                real = os.path.realpath(f"{self._root}/{folder}")
            elif self._folders.get(above, {}).get(name) is False:  # a scan saw that it is no link
                real = f"{real_above}/{name}"
            else:
                real = _followed(f"{real_above}/{name}")
            self._real_folders[folder] = real if self._holds(real) else None
        return self._real_folders[folder]

    def _holds(self, real: str) -> bool:
        return real == self._root or real.startswith(self._root.rstrip("/") + "/")

    def _read_open(self, handle: int, path: str) -> bytes | None:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > self._limits.file_bytes:
            self._warn(f"{path} is over {self._limits.file_bytes} bytes and was not read.")
            return None
        if self._bytes_read + status.st_size > self._limits.total_bytes:
            self._warn(f"Not all files were read: over {self._limits.total_bytes} bytes together.")
            return None
        content = os.read(handle, self._limits.file_bytes + 1)
        self._bytes_read += len(content)
        return content

    def _is_late(self) -> bool:
        late = time.monotonic() > self._deadline
        if late:
            self._warn(f"Not all was looked at within {self._limits.seconds:.0f} seconds.")
        return late

    def _warn(self, text: str) -> None:
        add_warning(self.warnings, text)


def _followed(path: str) -> str:
    """Where the last part of a path leads. Most of what is asked for is not there: one look."""
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return ""
    return os.path.realpath(path) if is_link else path
