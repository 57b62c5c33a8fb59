"""The archive of a commit, made here of its tree and its files: where its host has none.

Each file is a call, so that is for small repositories. What comes of it is unpacked as any other
archive of a stranger is.
"""

import asyncio
import tarfile
from io import BytesIO
from pathlib import Path

from autodeploy.kernel.errors import TooLarge
from autodeploy.providers.github.shapes import EntryKind, TreeEntry
from autodeploy.providers.github.sources import Sources

MOST_FILES = 1000
_FILE_BYTES = 32 * 1024 * 1024
_TOTAL_BYTES = 256 * 1024 * 1024
_AT_ONCE = 4
_TOP = "source"
_LINK, _EXECUTABLE = "120000", "100755"


async def assemble(sources: Sources, commit: str, archive: Path) -> None:
    """Write to ``archive`` what ``Sources.archive`` would have told of the commit.

    Raises ``NotFound`` where there is no such commit, ``TooLarge``, and what ``Sources`` raises.
    """
    tree = await sources.tree(commit)
    files = [each for each in tree.tree if each.type == EntryKind.BLOB]
    told_bytes = sum(each.size or 0 for each in files)
    if tree.truncated or len(files) > MOST_FILES or told_bytes > _TOTAL_BYTES:
        raise _too_large()
    written = 0
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            contents = await asyncio.gather(
                *(sources.blob(each.sha, most_bytes=_FILE_BYTES) for each in some)
            )
            written += sum(map(len, contents))
            if written > _TOTAL_BYTES:
                raise _too_large()
            for file, content in zip(some, contents, strict=True):
                await asyncio.to_thread(_add, tar, file, content)


def _add(tar: tarfile.TarFile, file: TreeEntry, content: bytes) -> None:
    member = tarfile.TarInfo(f"{_TOP}/{file.path}")
    if file.mode == _LINK:
        member.type, member.linkname = tarfile.SYMTYPE, content.decode(errors="replace")
        tar.addfile(member)
        return
    member.size = len(content)
    member.mode = 0o755 if file.mode == _EXECUTABLE else 0o644
    tar.addfile(member, BytesIO(content))


def _too_large() -> TooLarge:
    return TooLarge(
        "The host of the repository has no archive of it, and it is too large to be read file by "
        f"file: {MOST_FILES} files of {_TOTAL_BYTES >> 20} MiB together at most.",
        remedy="Have the host serve archives, or add the repository by its address for git.",
    )
