"""Build results as compressed archives in the object store, and back as release folders.

``tar`` itself runs in the app's sandbox, on both ways: with nothing but that one folder to see,
no link and no name in an archive can reach anything else.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO
from uuid import UUID

import zstandard

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.sandbox import (
    DEFAULT_PATH,
    Bind,
    Limits,
    Network,
    Sandbox,
    SandboxProcess,
    SandboxSpec,
)
from autodeploy.kernel.scratch import make_scratch
from autodeploy.providers.base import Artifact
from autodeploy.providers.local.errors import ArtifactUnusable
from autodeploy.providers.local.layout import app_uid, ensure_app_folder
from autodeploy.providers.local.publication import publish

ARTIFACTS = "artifacts"
MAX_UNPACKED_BYTES = 8 * 1024**3
# Above it a level costs more time than its smaller archive saves.
_LEVEL = 1
_CHUNK_BYTES = 1024 * 1024
_ARCHIVE_LIMITS = Limits(seconds=15 * 60)
_PACKING = (
    *("--exclude=./.git", "--sort=name", "--owner=0", "--group=0"),
    "--warning=no-file-changed",
)
# tar's exit code when a file "changed as we read it" (GNU tar manual, 3.9 "Return Codes", read
# 2026-11). The build has ended, so no content changes: a file only gains or loses a hard link,
# when another release with the same dependencies comes or goes.
_LINKED_ELSEWHERE = 1


class ArtifactStore:
    """Packs built trees into the object store and unpacks them."""

    def __init__(self, objects: ObjectStore, sandbox: Sandbox):
        self._objects = objects
        self._sandbox = sandbox

    async def pack(
        self, folder: Path, manifest: Path, number: int, deployment_id: UUID
    ) -> Artifact:
        """Store ``folder`` (as ``app``) with ``manifest`` (as ``release.json``).

        The manifest is alone in its folder. A deployment has one artifact: that of a build which
        was interrupted after it was stored is replaced.
        """
        binds = (Bind(folder, "/pack/app"), Bind(manifest.parent, "/pack/manifest"))
        named_app = "--transform=flags=rhS;s,^[.],app,"
        spec = _tar_spec(
            ("--create", *_PACKING, named_app),
            (manifest.name, "--directory=/pack/app", "."),
            "/pack/manifest",
            binds,
            number,
        )
        key = f"{_folder(number)}/{deployment_id.hex}.tar.zst"
        size = 0

        async def compressed(output: IO[bytes], process: SandboxProcess) -> AsyncIterator[bytes]:
            nonlocal size
            compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=-1, write_checksum=True)
            sizes = {"read_size": _CHUNK_BYTES, "write_size": _CHUNK_BYTES}
            chunks = compressor.read_to_iter(output, **sizes)
            while chunk := await asyncio.to_thread(next, chunks, b""):
                size += len(chunk)
                yield chunk
            # Only now is the object whole: half a tree is none.
            await _require_success(process, _LINKED_ELSEWHERE)

        read, write = os.pipe()
        with open(read, "rb") as output:  # noqa: PTH123, ASYNC230 - a descriptor, not a path
            try:
                process = await self._sandbox.start(spec, stdout=write)
            finally:
                os.close(write)
            async with _ending(process):
                await self._objects.put_stream(key, compressed(output, process))
        return Artifact(key, size)

    async def exists(self, key: str) -> bool:
        """Whether an artifact is stored under this key."""
        return await self._objects.exists(key)

    async def remove(self, artifact: Artifact) -> None:
        """Remove one artifact. Idempotent."""
        await self._objects.delete(artifact.key)

    async def remove_all(self, number: int) -> None:
        """Remove every artifact of an app. Idempotent."""
        await self._objects.delete_below(_folder(number))

    @fault_point("artifact.unpack")
    async def unpack(self, key: str, target: Path, number: int, *, public: bool) -> None:
        """Make the release folder ``target`` from the artifact, whole or not at all.

        With ``public`` the proxy's user can read it, and links that leave it are refused.
        Raises ``ArtifactUnusable``.
        """
        staging = make_scratch(target.parent)
        try:
            content = ensure_app_folder(staging / "content", number)
            await self._extract(key, content, number)
            if public:
                await asyncio.to_thread(publish, content)
            else:
                content.chmod(0o700)
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
            content.rename(target)
        finally:
            await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)

    @fault_point("artifact.adopt")
    async def adopt(
        self, folder: Path, manifest: Path, target: Path, number: int, *, public: bool
    ) -> None:
        """Make the release folder ``target`` of a tree just packed, by moving it.

        The same as ``unpack`` of its artifact, without the work.
        """
        staging = make_scratch(target.parent)
        try:
            content = ensure_app_folder(staging / "content", number)
            await asyncio.to_thread(shutil.rmtree, folder / ".git", ignore_errors=True)
            folder.rename(content / "app")
            manifest.rename(content / "release.json")
            if public:
                await asyncio.to_thread(publish, content)
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
            content.rename(target)
        finally:
            await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)

    async def _extract(self, key: str, content: Path, number: int) -> None:
        binds = (Bind(content, "/pack", writable=True),)
        spec = _tar_spec(("--extract", "--no-same-owner"), (), "/pack", binds, number)
        read, write = os.pipe()
        with open(write, "wb") as pipe:  # noqa: PTH123, ASYNC230 - a descriptor, not a path
            try:
                process = await self._sandbox.start(spec, stdin=read)
            finally:
                os.close(read)
            async with _ending(process):
                # tar may end early, and then its exit code says why.
                with contextlib.suppress(BrokenPipeError):
                    await self._decompress(key, pipe)
                    await asyncio.to_thread(pipe.close)
                await _require_success(process)

    async def _decompress(self, key: str, target: IO[bytes]) -> None:
        bounded = _Bounded(target)
        writer = zstandard.ZstdDecompressor().stream_writer(bounded, closefd=False)  # type: ignore[arg-type]
        try:
            async for chunk in self._objects.stream(key):
                await asyncio.to_thread(writer.write, chunk)
        except zstandard.ZstdError as error:
            raise ArtifactUnusable(
                f"The stored build is damaged: {error}.",
                remedy="Build again: `autodeploy deploy --build`.",
            ) from None


class _Bounded:
    """Passes on what is unpacked. Raises ``ArtifactUnusable`` when that is huge."""

    def __init__(self, target: IO[bytes]):
        self._target = target
        self._room = MAX_UNPACKED_BYTES

    def write(self, chunk: bytes) -> int:
        self._room -= len(chunk)
        if self._room < 0:
            raise ArtifactUnusable(
                f"The build result is larger than {MAX_UNPACKED_BYTES // 1024**3} GiB.",
                remedy="Leave out what the app does not need to run.",
            )
        return self._target.write(chunk)


def _folder(number: int) -> str:
    """Where the artifacts of an app are stored."""
    return f"{ARTIFACTS}/{number}"


def _tar_spec(
    options: tuple[str, ...],
    names: tuple[str, ...],
    folder: str,
    binds: tuple[Bind, ...],
    number: int,
) -> SandboxSpec:
    return SandboxSpec(
        name=f"archive-{number}",
        argv=("/bin/tar", *options, "--file=-", f"--directory={folder}", *names),
        cwd="/",
        uid=app_uid(number),
        gid=app_uid(number),
        binds=binds,
        environment={"PATH": DEFAULT_PATH, "LANG": "C.UTF-8"},
        limits=_ARCHIVE_LIMITS,
        network=Network.NONE,
    )


@contextlib.asynccontextmanager
async def _ending(process: SandboxProcess) -> AsyncIterator[None]:
    """Leave no tar behind, whatever happens to what it reads or writes."""
    try:
        async with asyncio.timeout(_ARCHIVE_LIMITS.seconds):
            yield
    finally:
        process.kill()
        await process.wait()


async def _require_success(process: SandboxProcess, harmless_code: int = 0) -> None:
    outcome = await process.wait()
    if outcome.exit_code not in (0, harmless_code):
        stderr = await process.outer.stderr.read(2000) if process.outer.stderr else b""
        raise ArtifactUnusable(
            f"tar ended with exit code {outcome.exit_code}: {stderr.decode(errors='replace')}",
            remedy="Check that the disk of this machine is not full. If what is stored is damaged, "
            "`autodeploy deploy --build` makes it anew.",
        )
