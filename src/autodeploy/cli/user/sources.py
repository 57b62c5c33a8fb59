"""What is to be deployed: a folder of this machine, packed here, or a git URL for the server.

The server never reads a path that a user names, so folders travel as an archive.
"""

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.kernel.archives import pack

GIT_SCHEMES = frozenset({"https", "http", "ssh", "git"})
# git's own short form, user@host:path.
SCP_FORM = re.compile(r"^[\w.-]+@[\w.-]+:(?!//).+$")
MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class GitSource:
    """A repository that the server fetches."""

    url: str

    @property
    def name(self) -> str:
        path = urlsplit(self.url).path if "://" in self.url else self.url.partition(":")[2]
        return path.rstrip("/").rpartition("/")[2].removesuffix(".git")


@dataclass(frozen=True)
class FolderSource:
    """A folder here. With a ref, that ref of its git repository instead of what lies there."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".git")


def parse_source(text: str) -> GitSource | FolderSource:
    """Tell a git URL from a folder.

    Raises:
        CommandError: it is neither.
    """
    if not text or text.startswith("-") or not text.isprintable():
        raise _not_a_source(text)
    scheme = urlsplit(text).scheme if "://" in text or text.startswith("file:") else ""
    if scheme in GIT_SCHEMES or (not scheme and SCP_FORM.match(text) and not Path(text).exists()):
        return GitSource(text)
    if scheme not in ("", "file"):
        raise _not_a_source(text)
    path = Path(unquote(urlsplit(text).path) if scheme else text).expanduser().resolve()
    if not path.is_dir():
        raise CommandError(
            f"There is no folder {path}.",
            remedy="Name a folder, or a git URL that begins with https://, ssh:// or git://.",
            exit_code=ExitCode.USAGE,
        )
    return FolderSource(path)


def project_slug(name: str) -> str:
    """The name that a project of this source gets: lower case, digits and single hyphens."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return slug[:MAX_NAME_LENGTH].strip("-") or "app"


@contextmanager
def packed(source: FolderSource, ref: str | None) -> Iterator[Path]:
    """An archive of the folder, or of ``ref`` of its repository; removed afterwards.

    Files that git ignores stay out; uncommitted ones are in.
    """
    with tempfile.TemporaryDirectory(prefix="autodeploy-") as scratch:
        archive = Path(scratch) / "source.tar.gz"
        folder = source.path
        if ref is not None or _is_bare(folder):
            folder = Path(scratch) / "tree"
            _export(source.path, ref or "HEAD", folder)
        pack(folder, archive)
        yield archive


def _is_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _export(repository: Path, ref: str, target: Path) -> None:
    """Write the files of ``ref`` to ``target``; of a folder inside the repository, only its own."""
    if ref.startswith("-") or not ref.isprintable():
        raise CommandError(f"{ref!r} cannot be a ref.", exit_code=ExitCode.USAGE)
    found = _git(
        repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
    )
    if found.returncode != 0:
        detail = found.stderr.decode(errors="replace").strip().splitlines()
        raise CommandError(
            f"{repository} has no branch, tag or commit {ref!r}.",
            log_tail=detail[-5:],
            remedy="Check the name with `git branch --all` and `git tag`, or leave --ref out.",
        )
    target.mkdir()
    tarball = target.with_suffix(".tar")
    made = _git(
        repository, "archive", "--format=tar", f"--output={tarball}", found.stdout.decode().strip()
    )
    if made.returncode != 0:
        detail = made.stderr.decode(errors="replace").strip().splitlines()
        raise CommandError(f"git could not read {ref!r} of {repository}.", log_tail=detail[-5:])
    _unpack_own_tar(tarball, target)


def _unpack_own_tar(tarball: Path, target: Path) -> None:
    with tarfile.open(tarball) as tar:
        tar.extractall(target, filter="data")
    tarball.unlink()


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise CommandError(
            "git is not installed on this machine.", remedy="Install git, or leave --ref out."
        ) from error


def _not_a_source(text: str) -> CommandError:
    return CommandError(
        f"{text!r} is neither a folder nor a git URL.",
        remedy="Name a folder, or a URL that begins with https://, ssh:// or git://.",
        exit_code=ExitCode.USAGE,
    )
