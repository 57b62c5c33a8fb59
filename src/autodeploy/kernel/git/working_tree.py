"""Writing the files of a fetched commit to a folder, with limits on their count and size."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autodeploy.kernel.git.errors import RepositoryTooLarge
from autodeploy.kernel.git.session import RemoteSession
from autodeploy.kernel.threads import run_to_end

_LINK = b"120000"
_SUBMODULE = b"160000"


@dataclass(frozen=True)
class IndexEntry:
    """A file or link of the commit: its path, as git has it, and the id of its content."""

    path: bytes
    blob: bytes
    is_link: bool


async def read_index(session: RemoteSession, commit: str) -> list[IndexEntry]:
    """Make ``commit`` the session's index; returns what is in it, without submodules.

    Raises:
        RepositoryTooLarge: there are more files than the session's limit.
    """
    await _check_count(session, commit)
    await session.git("read-tree", commit)
    found = []
    for line in (await session.git("ls-files", "--stage", "-z")).split(b"\0"):
        description, _, path = line.partition(b"\t")
        if path and not description.startswith(_SUBMODULE):
            blob = description.split()[1]
            found.append(IndexEntry(path, blob, description.startswith(_LINK)))
    if len(found) > session.limits.files:
        raise RepositoryTooLarge(
            f"The repository has more than {session.limits.files} files.", field="url",
            remedy="Deploy a smaller repository.",
        )  # fmt: skip
    return found


async def write_files(
    session: RemoteSession, entries: Iterable[IndexEntry], target: Path, *, replace: bool = False
) -> None:
    """Write files of the session's index, whose content is here, below ``target``.

    With ``replace``, in the place of what was written for them before.

    Raises:
        RepositoryTooLarge: the files are over the session's limits; nothing was written.
    """
    entries = list(entries)
    await run_to_end(target.mkdir, parents=True, exist_ok=True)
    total = sum((await blob_sizes(session, entries)).values())
    if total > session.limits.files_bytes:
        raise RepositoryTooLarge(
            f"The files are larger than {session.limits.files_bytes // 1_000_000} MB.",
            field="url",
            remedy="Deploy a smaller repository.",
        )
    await session.git(
        "--work-tree", str(target), "checkout-index", "--quiet", *(["--force"] if replace else []),
        "-z", "--stdin", stdin=b"".join(entry.path + b"\0" for entry in entries), cwd=target,
    )  # fmt: skip


async def blob_sizes(
    session: RemoteSession, entries: Iterable[IndexEntry]
) -> dict[IndexEntry, int]:
    """The bytes of each file whose content is here."""
    entries = list(entries)
    output = await session.git(
        "cat-file", "--batch-check=%(objectsize)",
        stdin=b"".join(b"%s\n" % entry.blob for entry in entries),
    )  # fmt: skip
    return dict(zip(entries, map(int, output.split()), strict=True))


async def missing_blobs(session: RemoteSession, commit: str) -> set[bytes]:
    """Ids of the objects that the transfer left out. Asks nobody for them."""
    output = await session.git("rev-list", "--objects", "--missing=print", "--no-walk", commit)
    return {line[1:] for line in output.splitlines() if line.startswith(b"?")}


async def _check_count(session: RemoteSession, commit: str) -> None:
    """Count before git holds all names in memory: trees that share trees can name billions."""
    line_bytes = len("0" * 40 + "\n")
    await session.git(
        "ls-tree", "-r", "--object-only", commit,
        output_limit_bytes=session.limits.files * line_bytes,
    )  # fmt: skip
