"""Packing a folder: the files that git would track or add, as a reproducible tar.gz."""

import gzip
import os
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.process import find_program

# Never packed, ignored by git or not: history, and what install steps make anew.
ALWAYS_LEFT_OUT = frozenset({".git", "node_modules", ".venv", "__pycache__"})


def pack(folder: Path, out: Path) -> tuple[str, ...]:
    """Write a tar.gz of the files that git would track or add, uncommitted ones included.

    The same files give the same bytes: entries are sorted, without times and owners.

    Returns:
        Warnings: what was left out that one might miss.
    """
    root = folder.resolve()
    warnings: list[str] = []
    with (
        out.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(set(_listed(root))):
            path = root / name
            if path.is_symlink() and (where := _astray(path, root)):
                warnings.append(f"{name} is a link that {where} and was left out.")
            elif path.is_symlink() or path.is_file():
                _add(tar, path, name)
    return tuple(warnings)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member, status = tarfile.TarInfo(name), path.lstat()
    if stat.S_ISLNK(status.st_mode):
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        tar.addfile(member)
        return
    with path.open("rb") as content:
        member.size = os.fstat(content.fileno()).st_size
        member.mode = 0o755 if status.st_mode & 0o100 else 0o644
        tar.addfile(member, content)


def _astray(link: Path, root: Path) -> str | None:
    """Where a link leads, unless that is inside. ``Path.resolve`` would raise for a circle."""
    real = Path(os.path.realpath(link))
    if link.readlink().is_absolute() or not real.is_relative_to(root):
        return "leaves the folder"
    return "leads in a circle" if real.is_symlink() else None


def _listed(folder: Path) -> Iterator[str]:
    """Relative paths of the files to pack; repositories inside the folder are entered."""
    for name in _ask_git(folder):
        relative = PurePosixPath(name.rstrip("/"))
        if ALWAYS_LEFT_OUT.intersection(relative.parts):
            continue
        path = folder / relative
        if path.is_dir() and not path.is_symlink():
            yield from (str(relative / inner) for inner in _listed(path))
        else:
            yield str(relative)


def _ask_git(folder: Path) -> list[str]:
    """What git tracks or would add below ``folder``, which need not be a repository."""
    inside = _git(folder, "rev-parse", "--is-inside-work-tree")
    listed = _list_files(folder) if inside.stdout.strip() == b"true" else []
    if listed:
        return listed
    # No repository, or a folder that its repository ignores: an empty one lends its rules.
    with tempfile.TemporaryDirectory(prefix="autodeploy-pack-") as scratch:
        _git(folder, "init", "--quiet", "--bare", "--template=", scratch)
        return _list_files(folder, f"--git-dir={scratch}", f"--work-tree={folder}")


def _list_files(folder: Path, *repository: str) -> list[str]:
    arguments = ("ls-files", "--cached", "--others", "--exclude-standard", "-z")
    done = _git(folder, *repository, *arguments)
    if done.returncode != 0:
        raise InvalidInput(
            f"git could not list {folder}: {done.stderr.decode(errors='replace').strip()[-300:]}"
        )
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    # The folder may belong to another user; nothing of its own configuration is to be run.
    settings = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false")
    environment = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")}
    return subprocess.run(
        [find_program("git"), *settings, *arguments],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
