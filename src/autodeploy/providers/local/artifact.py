"""Build results as compressed archives in the object store, and back as release folders.

``tar`` itself runs in the app's sandbox, on both ways: with nothing but that one folder to see,
no link and no name in an archive can reach anything else.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import zstandard

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
from autodeploy.providers.base import Artifact
from autodeploy.providers.local.errors import ArtifactUnusable
from autodeploy.providers.local.layout import app_uid, ensure_app_folder
from autodeploy.providers.local.publication import publish

MAX_UNPACKED_BYTES = 8 * 1024**3
_LEVEL = 3
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

    async def pack(self, folder: Path, manifest: Path, number: int, scratch: Path) -> Artifact:
        """Store ``folder`` (as ``app``) with ``manifest`` (as ``release.json``), by content.

        ``scratch`` is a folder of ours with room for the compressed archive. The manifest is
        alone in its folder.
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
        archive = scratch / "artifact.tar.zst"
        read, write = os.pipe()
        with open(read, "rb") as output:  # noqa: PTH123, ASYNC230 - a descriptor, not a path
            try:
                process = await self._sandbox.start(spec, stdout=write)
            finally:
                os.close(write)
            compressing = asyncio.to_thread(_compress, output, archive)
            digest = await _finish(process, compressing, _LINKED_ELSEWHERE)
        key = f"artifacts/{digest}.tar.zst"
        await self._objects.put_file(key, archive, overwrite=False)
        return Artifact(key, archive.stat().st_size)

    async def unpack(self, key: str, target: Path, number: int, *, public: bool) -> None:
        """Make the release folder ``target`` from the artifact, whole or not at all.

        With ``public`` the proxy's user can read it, and links that leave it are refused.
        Raises ``ArtifactUnusable``.
        """
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".unpack-"))
        try:
            archive = staging / "artifact.tar.zst"
            await self._objects.get_file(key, archive)
            content = ensure_app_folder(staging / "content", number)
            await self._extract(archive, content, number)
            if public:
                await asyncio.to_thread(publish, content)
            else:
                content.chmod(0o700)
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
            content.rename(target)
        finally:
            await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)

    async def adopt(
        self, folder: Path, manifest: Path, target: Path, number: int, *, public: bool
    ) -> None:
        """Make the release folder ``target`` of a tree just packed, by moving it.

        The same as ``unpack`` of its artifact, without the work.
        """
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".adopt-"))
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

    async def _extract(self, archive: Path, content: Path, number: int) -> None:
        binds = (Bind(content, "/pack", writable=True),)
        spec = _tar_spec(("--extract", "--no-same-owner"), (), "/pack", binds, number)
        read, write = os.pipe()
        with open(write, "wb") as sink:  # noqa: PTH123, ASYNC230 - a descriptor, not a path
            try:
                process = await self._sandbox.start(spec, stdin=read)
            finally:
                os.close(read)
            await _finish(process, asyncio.to_thread(_decompress, archive, sink))


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


async def _finish(
    process: SandboxProcess, moving: asyncio.Future[str] | object, harmless_code: int = 0
) -> str:
    """Wait for the bytes and for tar, which must both be well. Returns what the move returns."""
    try:
        async with asyncio.timeout(_ARCHIVE_LIMITS.seconds):
            result: str = await moving  # type: ignore[misc]
            outcome = await process.wait()
    finally:
        process.kill()
        await process.wait()
    if outcome.exit_code not in (0, harmless_code):
        stderr = await process.outer.stderr.read(2000) if process.outer.stderr else b""
        raise ArtifactUnusable(
            f"tar ended with exit code {outcome.exit_code}: {stderr.decode(errors='replace')}",
            remedy="Check that the disk of this machine is not full.",
        )
    return result


def _compress(source: IO[bytes], target: Path) -> str:
    """Compress a stream into a file. Returns the SHA-256 of the uncompressed bytes."""
    digest = hashlib.sha256()
    compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=-1)
    with target.open("wb") as file, compressor.stream_writer(file) as writer:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()


def _decompress(source: Path, sink: IO[bytes]) -> str:
    """Decompress a file into a stream, and close that. Raises ``ArtifactUnusable`` when huge."""
    total = 0
    with source.open("rb") as file, sink:
        reader = zstandard.ZstdDecompressor().stream_reader(file)
        while chunk := reader.read(_CHUNK_BYTES):
            total += len(chunk)
            if total > MAX_UNPACKED_BYTES:
                raise ArtifactUnusable(
                    f"The build result is larger than {MAX_UNPACKED_BYTES // 1024**3} GiB.",
                    remedy="Leave out what the app does not need to run.",
                )
            try:
                sink.write(chunk)
            except BrokenPipeError:  # tar ended early; its exit code says why
                break
    return ""
