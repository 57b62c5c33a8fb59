"""Source trees: the only way in which the analyzer sees a repository.

A tree answers three questions: what is in a folder, which files are there, what is in a file.
Whatever holds the files (a folder, git objects, an archive) implements ``SourceTree``, with the
same limits: nothing outside the root is seen, only regular files are, and never without bound.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

# Folders that hold what tools made or fetched. They never say what the repository is.
IGNORED_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", "node_modules", "bower_components", ".venv", "venv", "__pycache__",
        ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".next", ".nuxt", ".turbo",
        ".cache", ".parcel-cache", ".gradle", ".terraform", ".yarn", ".pnpm-store", ".svelte-kit",
    }
)  # fmt: skip


@dataclass(frozen=True)
class TreeLimits:
    """Bounds of one analysis; beyond them a tree says so in ``warnings`` and goes on."""

    file_bytes: int = 1 << 20
    total_bytes: int = 64 << 20
    files: int = 100_000
    depth: int = 32


class SourceTree(Protocol):
    """The files of one commit. Paths are relative to the root, with ``/``; the root is ''."""

    @property
    def warnings(self) -> list[str]:
        """What was left out and why, for the person who reads the plan."""
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


def normal_path(path: str) -> str | None:
    """The path without ``.`` and ``..``, or None when it leaves the root or names no file."""
    if path.startswith("/") or "\0" in path or "\\" in path:
        return None
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            return None
    return "/".join(parts)


class FolderTree:
    """The source tree of a folder on this machine."""

    def __init__(self, path: Path | str, limits: TreeLimits | None = None):
        self._root = os.path.realpath(path)
        self._limits = limits or TreeLimits()
        self._folders: dict[str, dict[str, bool]] = {}
        self._bytes_read = 0
        self.warnings: list[str] = []

    def entries(self, folder: str) -> Mapping[str, bool]:
        normal = normal_path(folder)
        if normal is None:
            return {}
        found = self._folders.get(normal)
        if found is None:
            found = self._folders[normal] = self._scan(normal)
        return found

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
        inside = self._inside(path)
        if inside is None:
            return None
        try:
            # Neither blocks on a FIFO nor follows a link that appeared after the check.
            handle = os.open(inside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return self._read_open(handle, path)
        finally:
            os.close(handle)

    def _scan(self, folder: str) -> dict[str, bool]:
        inside = self._inside(folder)
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

    def _inside(self, path: str) -> str | None:
        normal = normal_path(path)
        if normal is None:
            return None
        real = os.path.realpath(f"{self._root}/{normal}")
        return real if self._holds(real) else None

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

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
