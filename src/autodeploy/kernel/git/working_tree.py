"""Writing the files of a fetched commit to a folder, with limits on their count and size."""

import asyncio
from pathlib import Path

from autodeploy.kernel.git.errors import RepositoryTooLarge
from autodeploy.kernel.git.session import RemoteSession


async def write_files(session: RemoteSession, commit: str, target: Path, *, partial: bool) -> None:
    """Write the files of ``commit`` below ``target``.

    With ``partial``, files that the server left out of the transfer become empty files.

    Raises:
        RepositoryTooLarge: the files are over the session's limits; nothing was written.
    """
    await asyncio.to_thread(target.mkdir, parents=True, exist_ok=True)
    await _check_count(session, commit)
    await session.git("read-tree", commit)
    left_out = await _missing(session, commit) if partial else set()
    present, missing = await _entries(session, left_out)
    await _check_size(session, present)
    worktree = ("--work-tree", str(target))
    await session.git(
        *worktree, "checkout-index", "--quiet", "-z", "--stdin",
        stdin=b"".join(path + b"\0" for path, _ in present), cwd=target,
    )  # fmt: skip
    await asyncio.to_thread(_write_empty, target, missing)


async def _check_count(session: RemoteSession, commit: str) -> None:
    """Count before git holds all names in memory: trees that share trees can name billions."""
    line_bytes = len("0" * 40 + "\n")
    await session.git(
        "ls-tree", "-r", "--object-only", commit,
        output_limit_bytes=session.limits.files * line_bytes,
    )  # fmt: skip


async def _missing(session: RemoteSession, commit: str) -> set[bytes]:
    """Ids of the objects that the transfer left out. Asks nobody for them."""
    output = await session.git("rev-list", "--objects", "--missing=print", "--no-walk", commit)
    return {line[1:] for line in output.splitlines() if line.startswith(b"?")}


async def _entries(
    session: RemoteSession, missing: set[bytes]
) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """The index as (path, blob id) pairs that are here, and paths that are not.

    Submodules (mode 160000) have no blob and are left out.
    """
    present, absent = [], []
    for line in (await session.git("ls-files", "--stage", "-z")).split(b"\0"):
        description, _, path = line.partition(b"\t")
        if not path or description.startswith(b"160000"):
            continue
        blob = description.split()[1]
        if blob in missing:
            absent.append(path)
        else:
            present.append((path, blob))
    if len(present) > session.limits.files:
        raise RepositoryTooLarge(
            f"The repository has more than {session.limits.files} files.", field="url",
            remedy="Deploy a smaller repository.",
        )  # fmt: skip
    return present, absent


async def _check_size(session: RemoteSession, entries: list[tuple[bytes, bytes]]) -> None:
    output = await session.git(
        "cat-file", "--batch-check=%(objectsize)", stdin=b"".join(b"%s\n" % b for _, b in entries)
    )
    if sum(map(int, output.split())) > session.limits.files_bytes:
        raise RepositoryTooLarge(
            f"The files are larger than {session.limits.files_bytes // 1_000_000} MB.",
            field="url",
            remedy="Deploy a smaller repository.",
        )


def _write_empty(target: Path, paths: list[bytes]) -> None:
    root = target.resolve()
    for path in paths:
        file = root / path.decode(errors="surrogateescape")
        # A parent that is a link of the repository may lead anywhere: nothing is written there.
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.parent.resolve().is_relative_to(root) and not file.is_symlink():
            file.touch()
