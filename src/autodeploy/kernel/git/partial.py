"""A commit of which only the names are here at first: files come when they are asked for.

A file at a time would take a request each, so they are asked for many at once.
"""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from autodeploy.kernel.git.session import RemoteSession
from autodeploy.kernel.git.working_tree import (
    IndexEntry,
    blob_sizes,
    missing_blobs,
    read_index,
    write_files,
)

#: Larger files stay without content, in their size.
LARGEST_FILE_BYTES = 1 << 20

_SUBMODULES = b".gitmodules"
# How git writes files is said in these, wherever they lie: they come with the first others, and no
# empty one stands in for them, which git would believe.
_ATTRIBUTES = b".gitattributes"


@dataclass
class Part:
    """One repository of a partial tree, the root's or a submodule's, below ``folder``."""

    session: RemoteSession
    commit: str
    ref: str | None
    folder: Path
    missing: dict[bytes, IndexEntry] = field(default_factory=dict)

    async def open(self) -> None:
        """Fetch and write names: what the server did not send of ``commit`` is an empty file.

        Links are brought at once, since they say which files there are; submodules likewise.
        """
        await self.session.fetch(self.commit, self.ref, names_only=True)
        entries = await read_index(self.session, self.commit)
        absent = await missing_blobs(self.session, self.commit)
        here = [entry for entry in entries if entry.blob not in absent]
        self.missing = {entry.path: entry for entry in entries if entry.blob in absent}
        small, large = await self._by_size(here)
        # First of all, while no link can lead the way to another place
        names = [path for path in (*self.missing, *large) if not _is_attributes(path)]
        await asyncio.to_thread(_write_empty, self.folder, names)
        await self._write(small, large)
        await self.bring(
            entry.path for entry in entries if entry.is_link or entry.path == _SUBMODULES
        )

    async def bring(self, paths: Iterable[bytes]) -> None:
        """Fetch and write those of ``paths`` that are missing."""
        wanted = {path for path in paths if path in self.missing}
        if not wanted:
            return
        wanted |= set(filter(_is_attributes, self.missing))
        if not await self.session.fetch_blobs({self.missing[path].blob for path in wanted}):
            await self._fetch_all()
            wanted = set(self.missing)
        await self._write(*await self._by_size([self.missing[path] for path in wanted]))
        for path in wanted:
            del self.missing[path]

    async def marked(self, attribute: str, value: str) -> list[bytes]:
        """The missing paths whose attribute has this value."""
        output = await self.session.git(
            "check-attr", "--cached", "-z", "--stdin", attribute,
            stdin=b"".join(path + b"\0" for path in self.missing),
        )  # fmt: skip
        fields = output.split(b"\0")
        return [
            path
            for path, found in zip(fields[::3], fields[2::3], strict=False)
            if found == value.encode()
        ]

    async def _fetch_all(self) -> None:
        """For servers that leave content out and do not give it by its id (git's old protocol)."""
        await self.session.initialise()
        await self.session.fetch(self.commit, self.ref)
        await read_index(self.session, self.commit)

    async def _by_size(
        self, entries: list[IndexEntry]
    ) -> tuple[list[IndexEntry], dict[bytes, int]]:
        """Those that are to be written, and the sizes of those that are too large for it."""
        sizes = await blob_sizes(self.session, entries)
        small = [entry for entry, size in sizes.items() if size <= LARGEST_FILE_BYTES]
        large = {entry.path: size for entry, size in sizes.items() if size > LARGEST_FILE_BYTES}
        return small, large

    async def _write(self, small: list[IndexEntry], large: dict[bytes, int]) -> None:
        await write_files(self.session, small, self.folder, replace=True)
        await asyncio.to_thread(_stretch, self.folder, large)


@dataclass
class PartialTree:
    """The files of a commit below ``folder``; those of ``missing`` are empty until brought.

    ``warnings`` say what of the commit could not be had.
    """

    folder: Path
    warnings: tuple[str, ...] = ()
    parts: list[Part] = field(default_factory=list)

    @property
    def missing(self) -> frozenset[str]:
        """Paths, relative to ``folder``."""
        return frozenset(
            self._prefix(part) + os.fsdecode(path) for part in self.parts for path in part.missing
        )

    async def bring(self, paths: Iterable[str]) -> None:
        """Fetch and write files: one request to each server that has some of them.

        Raises:
            As ``GitClient.checkout``.
        """
        wanted = list(paths)
        for part in self.parts:
            prefix = self._prefix(part)
            inside = (path.removeprefix(prefix) for path in wanted if path.startswith(prefix))
            await part.bring(map(os.fsencode, inside))

    async def marked(self, attribute: str, value: str) -> list[str]:
        """The missing files of which ``.gitattributes``, if it is here, says this."""
        return [
            self._prefix(part) + os.fsdecode(path)
            for part in self.parts
            for path in await part.marked(attribute, value)
        ]

    def _prefix(self, part: Part) -> str:
        inside = part.folder.relative_to(self.folder)
        return "" if inside == Path() else f"{inside}/"


def _is_attributes(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == _ATTRIBUTES


def _write_empty(root: Path, paths: Iterable[bytes]) -> None:
    made = set[Path]()
    for path in paths:
        file = root / os.fsdecode(path)
        if file.parent not in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            made.add(file.parent)
        file.touch()


def _stretch(root: Path, sizes: dict[bytes, int]) -> None:
    """Give empty files their size, without content: whoever looks sees that they are large."""
    for path, size in sizes.items():
        file = root.resolve() / os.fsdecode(path)
        if file.resolve() == file and file.is_file():  # not behind a link
            os.truncate(file, size)
