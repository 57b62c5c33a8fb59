"""A commit at GitHub of which only the names are here at first: its tree, in one call.

What is in a file takes a call each, and an account has 5,000 of them an hour. The archive of the
commit takes one and brings everything, so it is fetched where the files that are asked for would
take more calls than it is worth.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from autodeploy.kernel.git.partial import LARGEST_FILE_BYTES, PartialTree
from autodeploy.providers.github.shapes import EntryKind, Tree, TreeEntry
from autodeploy.services.analyzer.hosted_sources import gitlinks
from autodeploy.services.analyzer.hosts import HostedRepository
from autodeploy.services.analyzer.tree import normal_path

#: Files that are read one by one, of a commit of next to nothing and of any other.
FEWEST_CALLS = 8
MOST_CALLS = 64
# What a call takes longer than a download of so many bytes.
_BYTES_A_CALL = 256 * 1024
_AT_ONCE = 8
_LINK = "120000"
_LONGEST_NAME_BYTES = 255
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, 2026-11: a pointer is three lines, of
# which the size alone differs in length.
_POINTER_BYTES = range(120, 200)

Fetch = Callable[[Path], Awaitable[tuple[str, ...]]]


class HostedTree:
    """The files below ``folder``; those of ``missing`` are empty until brought.

    ``fetch`` writes all files to a folder that does not exist yet.
    """

    def __init__(self, host: HostedRepository, tree: Tree, scratch: Path, fetch: Fetch):
        self.folder = scratch / "names"
        self.warnings: tuple[str, ...] = ()
        self._sources = host.sources
        self._scratch = scratch
        self._fetch = fetch
        files = [each for each in tree.tree if each.type == EntryKind.BLOB and _is_inside(each)]
        self._links = [each for each in files if each.mode == _LINK]
        self._files = [each for each in files if each.mode != _LINK]
        self._missing = {
            each.path: each for each in self._files if (each.size or 0) <= LARGEST_FILE_BYTES
        }
        total_bytes = sum(each.size or 0 for each in files)
        self._calls_left = min(MOST_CALLS, FEWEST_CALLS + total_bytes // _BYTES_A_CALL)

    @property
    def missing(self) -> frozenset[str]:
        """Paths, relative to ``folder``."""
        return frozenset(self._missing)

    async def open(self) -> None:
        """Write names, and links, since they say which files there are."""
        if not self._allows(len(self._links)):
            await self._fetch_all()
            return
        # Links come last: none of them leads the way to another place.
        await asyncio.to_thread(_write_names, self.folder, self._files)
        for link, target in zip(self._links, await self._read(self._links), strict=True):
            await asyncio.to_thread(_write_link, self.folder / link.path, target)

    async def bring(self, paths: Iterable[str]) -> None:
        """Fetch and write those of ``paths`` that are missing: one by one, or all with the archive
        where that is cheaper.

        Raises as ``Sources``.
        """
        wanted = [self._missing[path] for path in paths if path in self._missing]
        if not self._allows(len(wanted)):
            await self._fetch_all()
            return
        for entry, content in zip(wanted, await self._read(wanted), strict=True):
            await asyncio.to_thread((self.folder / entry.path).write_bytes, content)
            del self._missing[entry.path]

    async def marked(self, attribute: str, value: str) -> list[str]:
        """The missing files that may be kept elsewhere: those of the size of a pointer. Which of
        them the attribute means is seen in them."""
        return [path for path, each in self._missing.items() if each.size in _POINTER_BYTES]

    def _allows(self, calls: int) -> bool:
        if calls > self._calls_left:
            return False
        self._calls_left -= calls
        return True

    async def _read(self, entries: list[TreeEntry]) -> list[bytes]:
        read = partial(self._sources.blob, most_bytes=LARGEST_FILE_BYTES)
        found: list[bytes] = []
        for first in range(0, len(entries), _AT_ONCE):
            at_once = entries[first : first + _AT_ONCE]
            found += await asyncio.gather(*(read(each.sha) for each in at_once))
        return found

    async def _fetch_all(self) -> None:
        folder = self._scratch / "files"
        self.warnings = await self._fetch(folder)
        self.folder, self._missing = folder, {}


@asynccontextmanager
async def open_tree(
    host: HostedRepository, commit: str, scratch: Path, fetch_all: Fetch
) -> AsyncIterator[HostedTree | PartialTree]:
    """The files of ``commit`` for reading: what is in them is fetched when it is asked for.

    All of them are fetched at once where GitHub leaves names out, and where there are submodules.
    """
    tree = await host.sources.tree(commit)
    if tree.truncated or gitlinks(tree):
        files = scratch / "files"
        yield PartialTree(files, await fetch_all(files))
        return
    opened = HostedTree(host, tree, scratch, fetch_all)
    await opened.open()
    yield opened


def _is_inside(entry: TreeEntry) -> bool:
    """Whether the name is one that a file of ours can have, inside the folder."""
    names = entry.path.split("/")
    return normal_path(entry.path) == entry.path and all(
        len(name.encode()) <= _LONGEST_NAME_BYTES and name.lower() != ".git" for name in names
    )


def _write_names(root: Path, files: Iterable[TreeEntry]) -> None:
    """Empty files; those too large to be read have their size, without content."""
    root.mkdir()
    for entry in files:
        file = root / entry.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        if (entry.size or 0) > LARGEST_FILE_BYTES:
            os.truncate(file, entry.size or 0)


def _write_link(place: Path, target: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(os.fsdecode(target))
