"""The files of an app on their way to Vercel, each by its SHA-1: it is sent what it lacks."""

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.calls import Call, Upload
from autodeploy.kernel.http.client import HttpClient
from autodeploy.providers.vercel.ignores import Ignores
from autodeploy.providers.vercel.refusals import expect

# vercel.com/docs/limits (2026-03-02): 1 GB on the plan Pro, and 15,000 files.
MOST_BYTES = 1024**3
MOST_FILES = 15_000
_AT_ONCE = 8
_CHUNK = 256 * 1024
_UPLOAD_SECONDS = 600.0
# It answers when the file is stored.
_SILENT_SECONDS = 30.0


@dataclass(frozen=True)
class SourceFile:
    """``path`` is relative to the root, with slashes. ``sha`` is the SHA-1 of the content."""

    path: str
    place: Path
    sha: str
    size: int

    def as_json(self) -> dict[str, object]:
        return {"file": self.path, "sha": self.sha, "size": self.size}


async def read_files(root: Path) -> list[SourceFile]:
    """The regular files below a folder that Vercel is to have; links are left out.

    Raises ``DeploymentFailed`` when they are more, or larger, than Vercel takes.
    """
    return await asyncio.to_thread(_read, root)


class Uploads:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise."""

    def __init__(self, http: HttpClient):
        self._http = http

    async def send(self, files: Iterable[SourceFile], missing: Iterable[str]) -> None:
        """Upload those whose digests are missing, several at a time."""
        by_sha = {each.sha: each for each in files}
        room = asyncio.Semaphore(_AT_ONCE)

        async def send(file: SourceFile) -> None:
            async with room:
                await self._send(file)

        try:
            async with asyncio.TaskGroup() as group:
                for sha in dict.fromkeys(missing):
                    if sha in by_sha:
                        group.create_task(send(by_sha[sha]))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    @fault_point("vercel.upload_file")
    async def _send(self, file: SourceFile) -> None:
        call = Call(
            "POST",
            "/v2/files",
            headers={"x-vercel-digest": file.sha, "Content-Type": "application/octet-stream"},
            upload=Upload(file.size, lambda: _chunks(file.place)),
            # A file is what its digest says, however often it is sent.
            safe=True,
            within_seconds=_UPLOAD_SECONDS,
            silent_seconds=_SILENT_SECONDS,
        )
        expect(await self._http.send(call))


async def _chunks(place: Path) -> AsyncIterator[bytes]:
    offset = 0
    while chunk := await asyncio.to_thread(_read_chunk, place, offset):
        yield chunk
        offset += len(chunk)


def _read_chunk(place: Path, offset: int) -> bytes:
    """Opened for each, so that none stays open when who asks for it is cancelled meanwhile."""
    with place.open("rb") as file:
        file.seek(offset)
        return file.read(_CHUNK)


def _read(root: Path) -> list[SourceFile]:
    found: list[SourceFile] = []
    total = 0
    for path, place, size in _walk(root):
        total += size
        if total > MOST_BYTES or len(found) >= MOST_FILES:
            raise DeploymentFailed(
                f"The app is more than the {MOST_FILES:,} files or {MOST_BYTES // 1024**2} MB that "
                "Vercel takes.",
                remedy="Leave out what the app does not need with a .vercelignore.",
            )
        with place.open("rb") as file:
            sha = hashlib.file_digest(file, "sha1").hexdigest()
        found.append(SourceFile(path, place, sha, size))
    return found


def _walk(root: Path) -> Iterator[tuple[str, Path, int]]:
    ignores = Ignores.read(root)
    for folder, folders, names in os.walk(root):
        below = Path(folder).relative_to(root).as_posix()
        prefix = "" if below == "." else f"{below}/"
        folders[:] = sorted(
            name for name in folders if not ignores.ignores(f"{prefix}{name}", folder=True)
        )
        for name in sorted(names):
            place = Path(folder, name)
            status = place.lstat()
            if stat.S_ISREG(status.st_mode) and not ignores.ignores(
                f"{prefix}{name}", folder=False
            ):
                yield f"{prefix}{name}", place, status.st_size
