"""Makes a static release ready for the proxy: readable, dated by content, and marked."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from autodeploy.providers.local.errors import ArtifactUnusable
from autodeploy.providers.local.manifest import read_fingerprinted
from autodeploy.providers.local.sources import is_inside

# Beside a release's files: an empty file for each that has a fingerprint in its name.
FINGERPRINTED_FOLDER = "fingerprinted"

_NS = 10**9
_FIRST_DATE_NS = 1_000_000_000 * _NS  # 2001-09-09
_DATES_NS = 1_000_000_000 * _NS  # up to 2033-05-18, which every file system can store


def publish(release: Path) -> None:
    """Make a release that nobody else can reach yet ready for the proxy.

    Raises ``ArtifactUnusable`` for links that leave it.
    """
    _mark_fingerprinted(release)
    for path in _entries(release):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            if not is_inside(path, release):
                raise ArtifactUnusable(
                    f"{path.relative_to(release)} is a link that leaves the output folder.",
                    remedy="Copy the file instead of linking it.",
                )
        elif stat.S_ISDIR(mode):
            path.chmod(0o755)
        elif stat.S_ISREG(mode):
            path.chmod(0o644)
            _date_by_content(path)


def _entries(folder: Path) -> Iterator[Path]:
    """The folder, and all that it has."""
    yield folder
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def _mark_fingerprinted(release: Path) -> None:
    """Mark the files that the build has listed. The list cannot name anything else: what is there
    is looked up in it, and not the other way round."""
    listed = read_fingerprinted(release)
    for parent, _, files in os.walk(release / "app") if listed else ():
        folder = Path(parent).relative_to(release / "app")
        for name in files:
            if (folder / name).as_posix() in listed:
                mark = release / FINGERPRINTED_FOLDER / folder / name
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()


def _date_by_content(path: Path) -> None:
    """Give a file a date that its content alone decides.

    Caddy makes the ETag of date and size (``calculateEtag``, Caddy 2.11, read November 2026).
    Dates from elsewhere would be the same for other content, as build tools and archives have
    constant dates or full seconds; and other ones for the same content, at each build.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        date = _FIRST_DATE_NS + int.from_bytes(digest[:16]) % _DATES_NS
        os.utime(file.fileno(), ns=(date, date))
