"""What is to be deployed: a folder of this machine, packed here, or a git URL for the server.

The server never reads a path that a user names, so folders travel as an archive.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import say
from autodeploy.cli.user.app_file import real_path
from autodeploy.kernel.archives import pack

GIT_SCHEMES = frozenset({"https", "http", "ssh", "git"})
# git's own short form, user@host:path.
SCP_FORM = re.compile(r"^[\w.-]+@[\w.-]+:(?!//).+$")
MAX_NAME_LENGTH = 60


# ``owner/name`` at GitHub, as it allows them to be called.
GITHUB_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$")
_GITHUB = "https://github.com"


@dataclass(frozen=True)
class GitSource:
    """A repository that the server fetches: its URL, or ``owner/name`` at the server's GitHub."""

    url: str

    @property
    def is_short(self) -> bool:
        return GITHUB_NAME.match(self.url) is not None

    @property
    def clone_url(self) -> str:
        """Where git finds it without a server that knows another GitHub."""
        return f"{_GITHUB}/{self.url}" if self.is_short else self.url

    @property
    def name(self) -> str:
        if self.is_short:
            return self.url.partition("/")[2].removesuffix(".git")
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
    """Tell a git URL from a folder. What could be either is the folder, if there is one.

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
    path = real_path(Path(unquote(urlsplit(text).path) if scheme else text).expanduser())
    if not scheme and GITHUB_NAME.match(text) and not path.exists():
        return GitSource(text)
    if not path.is_dir():
        raise CommandError(
            f"There is no folder {path}.",
            remedy="Name a folder, a git URL that begins with https://, ssh:// or git://, or "
            "owner/name at GitHub.",
            exit_code=ExitCode.USAGE,
        )
    return FolderSource(path)


def project_slug(name: str) -> str:
    """The name that a project of this source gets: lower case, digits and single hyphens."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return slug[:MAX_NAME_LENGTH].strip("-") or "app"


def require_folder(source: FolderSource, ref: str | None, root: str) -> None:
    """Raise ``CommandError`` unless ``root`` is a folder inside the source, or inside its ref."""
    if ref is None and not is_bare(source.path):
        place = real_path(source.path / root)
        found = place.is_dir() and place.is_relative_to(source.path)
    else:
        commit = commit_of(source.path, ref or "HEAD")
        kind = _git(source.path, "cat-file", "-t", f"{commit}:./{root.strip('/')}")
        found = kind.stdout.strip() == b"tree"
    if not found:
        raise CommandError(
            f"There is no folder {root!r} in {source.path}{f' at {ref}' if ref else ''}.",
            remedy="Give --root the app's folder inside the repository, such as apps/web.",
            exit_code=ExitCode.USAGE,
        )


@contextmanager
def packed(source: FolderSource, ref: str | None) -> Iterator[Path]:
    """An archive of the folder, or of ``ref`` of its repository; removed afterwards.

    Files that git ignores stay out; uncommitted ones are in.
    """
    with tempfile.TemporaryDirectory(prefix="autodeploy-") as scratch:
        archive = Path(scratch) / "source.tar.gz"
        if ref is not None or is_bare(source.path):
            _archive_of_ref(source.path, "HEAD" if ref is None else ref, archive)
        else:
            for warning in pack(source.path, archive):
                say(f"Warning: {warning}")
        yield archive


def is_bare(folder: Path) -> bool:
    """Whether it is a git repository without files beside it."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _archive_of_ref(repository: Path, ref: str, archive: Path) -> None:
    """Have git write the files of ``ref``; of a folder inside a repository, only its own."""
    commit = commit_of(repository, ref)
    made = _git(repository, "archive", "--format=tar.gz", f"--output={archive}", commit)
    if made.returncode != 0:
        raise CommandError(
            f"git could not read {ref!r} of {repository}.",
            remedy="Try `git fsck` there, or leave --ref out.",
            log_tail=_last_words(made),
        )


def commit_of(repository: Path, ref: str) -> str:
    """The commit that a ref names. Raises ``CommandError``."""
    if not ref.strip() or ref.startswith("-") or not ref.isprintable():
        raise CommandError(
            f"{ref!r} cannot be a ref.",
            remedy="Give a branch, a tag or a commit, such as main, v1.2 or 3f2a9c1.",
            exit_code=ExitCode.USAGE,
        )
    wanted = f"{ref}^{{commit}}"
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    if found.returncode != 0:
        raise CommandError(
            f"{repository} has no branch, tag or commit {ref!r}.",
            log_tail=_last_words(found),
            remedy="Check the name with `git branch --all` and `git tag`, or leave --ref out.",
            code="ref_not_found",
        )
    return found.stdout.decode().strip()


def _last_words(process: subprocess.CompletedProcess[bytes]) -> list[str]:
    return process.stderr.decode(errors="replace").strip().splitlines()[-5:]


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
        remedy="Name a folder, a URL that begins with https://, ssh:// or git://, or owner/name at "
        "GitHub.",
        exit_code=ExitCode.USAGE,
    )
