"""Unpacking what strangers send: nothing outside the folder, nothing without bound."""

import gzip
import io
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from autodeploy.kernel.errors import InvalidInput, TooLarge

_CHUNK_BYTES = 1 << 20
_HEADER_LIMIT_BYTES = 1 << 20
_RATIO_APPLIES_FROM_BYTES = 64 << 20


class ArchiveRefused(InvalidInput):
    """An archive that is broken, or whose members would reach outside its folder."""

    code = "archive_refused"
    usual_remedy = "Pack the folder again: relative names, no devices, each file once."


@dataclass(frozen=True)
class UnpackLimits:
    """What an archive may become.

    Args:
        total_bytes: size of all files together, and of the archive once decompressed.
        files: count of members.
        depth: folders around a file.
        ratio: decompressed to compressed size, looked at beyond 64 MiB.
    """

    total_bytes: int = 2_000_000_000
    files: int = 200_000
    depth: int = 64
    ratio: int = 200


def unpack(
    archive: Path,
    target: Path,
    limits: UnpackLimits | None = None,
    *,
    below_top: bool = False,
    leave_links_out: bool = False,
) -> tuple[str, ...]:
    """Unpack a tar.gz from a stranger below ``target``, which is empty or does not exist.

    Only folders, files and links that stay inside are made; of modes only the execute bit is
    taken, so no setuid bit and no foreign owner arrives. On an error ``target`` may hold parts.

    Args:
        below_top: everything lies in one folder of the archive, which is left out of the names.
        leave_links_out: links that leave the folder are not made, and refuse nothing.

    Returns:
        The links that were left out.

    Raises:
        ArchiveRefused: it is broken, or a member is absolute, has ``..``, is a device or, without
            ``leave_links_out``, a link that leaves the folder; with ``below_top``, there is a
            second folder.
        TooLarge: it is over a limit.
    """
    target.mkdir(parents=True, exist_ok=True)
    unpacking = _Unpacking(
        target.resolve(),
        limits or UnpackLimits(),
        archive.stat().st_size,
        below_top=below_top,
        leave_links_out=leave_links_out,
    )
    try:
        with gzip.open(archive, "rb") as zipped:
            counted = _Counted(zipped, unpacking)
            with tarfile.open(fileobj=counted, mode="r|", tarinfo=_CheckedHeader) as tar:
                for member in tar:
                    unpacking.take(tar, member)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ArchiveRefused(
            "The archive cannot be read.", remedy="Send a tar.gz whose file names are relative."
        ) from error
    return unpacking.link()


class _CheckedHeader(tarfile.TarInfo):
    """tarfile reads extended headers whole into memory: large ones are refused before."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type not in tarfile.REGULAR_TYPES and header.size > _HEADER_LIMIT_BYTES:
            raise tarfile.HeaderError("a header is too large")
        return header


class _Counted(io.RawIOBase):
    """A readable stream that refuses to give more than the limits allow."""

    def __init__(self, stream: gzip.GzipFile, unpacking: "_Unpacking"):
        self._stream, self._unpacking, self._bytes = stream, unpacking, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._bytes += len(data)
        self._unpacking.check_size(self._bytes)
        return len(data)


class _Unpacking:
    def __init__(
        self,
        root: Path,
        limits: UnpackLimits,
        compressed_bytes: int,
        *,
        below_top: bool,
        leave_links_out: bool,
    ):
        self._root, self._limits = root, limits
        self._leave_links_out = leave_links_out
        self._below_top, self._top = below_top, ""
        self._compressed_bytes = max(compressed_bytes, 1)
        self._copied_bytes = 0
        self._members = 0
        self._links: list[tuple[Path, str]] = []

    def check_size(self, size_bytes: int) -> None:
        ratio = size_bytes / self._compressed_bytes
        # Names, padding and headers are read too: a tenth more than the files themselves.
        if size_bytes > self._limits.total_bytes * 1.1 or (
            size_bytes > _RATIO_APPLIES_FROM_BYTES and ratio > self._limits.ratio
        ):
            raise TooLarge(
                f"The archive unpacks to more than {self._limits.total_bytes // 1_000_000} MB or "
                "is compressed too well to be true.",
                remedy="Leave large files out; .gitignore names what is not uploaded.",
            )

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write one member; links wait until all files are there."""
        self._members += 1
        if self._members > self._limits.files:
            raise TooLarge(f"The archive has more than {self._limits.files} files.")
        path = self._inside(member.name)
        if path == self._root and member.isdir():
            return
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
        elif member.isreg():
            content = tar.extractfile(member)
            assert content is not None  # a regular member has content
            self._count(member.size)
            _write(path, content, 0o755 if member.mode & 0o100 else 0o644)
        elif member.issym():
            self._links.append((path, member.linkname))
        elif member.islnk():
            self._copy(self._inside(member.linkname), path)
        else:
            raise ArchiveRefused(f"{member.name!r} is neither a file, a folder nor a link.")

    def link(self) -> tuple[str, ...]:
        """Make the symbolic links. Where some leave the folder, all are refused, or those are left
        out and named."""
        made: list[Path] = []
        refused: dict[Path, ArchiveRefused] = {}
        for path, target in self._links:
            try:
                self._make_link(path, target)
                made.append(path)
            except ArchiveRefused as error:
                refused[path] = error
        # Only now, since links can lead through each other.
        leaving = [
            path for path in made if not Path(os.path.realpath(path)).is_relative_to(self._root)
        ]
        refused |= {path: _leaves(path.relative_to(self._root)) for path in leaving}
        ends = bool(refused) and not self._leave_links_out
        for path in made if ends else leaving:
            path.unlink()
        if ends:
            raise next(iter(refused.values()))
        return tuple(str(path.relative_to(self._root)) for path in refused)

    def _make_link(self, path: Path, target: str) -> None:
        if target.startswith("/") or "\0" in target:
            raise _leaves(path.relative_to(self._root))
        # A link above this one may lead anywhere: nothing is made there, not even for a moment.
        if os.path.realpath(path.parent) != str(path.parent):
            raise _leaves(path.relative_to(self._root))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.symlink_to(target)
        except FileExistsError as error:
            raise ArchiveRefused(f"{path.name!r} is in the archive twice.") from error

    def _inside(self, name: str) -> Path:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name:
            raise _leaves(name)
        if self._below_top and parts:
            self._top = self._top or parts[0]
            if parts.pop(0) != self._top:
                raise ArchiveRefused("The archive has more than one folder at its top.")
        if len(parts) > self._limits.depth:
            raise TooLarge(f"A file of the archive is more than {self._limits.depth} folders deep.")
        return self._root.joinpath(*parts)

    def _copy(self, source: Path, path: Path) -> None:
        """A hard link becomes a copy: it may only name a file that came before it."""
        if not source.is_file():
            raise ArchiveRefused(f"{path.name!r} is a hard link to a file that is not there.")
        self._count(source.stat().st_size)
        with source.open("rb") as content:
            _write(path, content, stat.S_IMODE(source.stat().st_mode))

    def _count(self, size_bytes: int) -> None:
        self._copied_bytes += size_bytes
        if self._copied_bytes > self._limits.total_bytes:
            self.check_size(self._copied_bytes * 2)


def _write(path: Path, content: IO[bytes], mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # tar allows a later member to replace an earlier one
    with path.open("xb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            file.write(chunk)
    path.chmod(mode)


def _leaves(name: object) -> ArchiveRefused:
    return ArchiveRefused(
        f"{str(name)!r} in the archive would reach outside its folder.",
        remedy="Leave it out, or make it a relative path inside the folder.",
    )
