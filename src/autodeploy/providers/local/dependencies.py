"""Installed dependencies, kept by what decides them, so that an unchanged set is not installed.

The trees are linked, not copied: hundreds of megabytes take a moment. ``cp`` does it while
nothing of the build runs; it follows no link, and never writes through one in its target.
"""

import asyncio
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from autodeploy.providers.base import BuildSpec
from autodeploy.providers.local.errors import InstallFailed
from autodeploy.providers.local.sources import read_source

KEEP = 3
_FOLDERS = {"python": (".venv",), "node": ("node_modules",)}
_LIFECYCLE = {"preinstall", "install", "postinstall", "prepare"}
# An install command that installs the app itself depends on all of its source.
_INSTALLS_SOURCE = re.compile(r"(^|\s)(-e\s*)?\.{1,2}(/|\[|\s|$|&|;)|file:")
_MAX_DEPTH = 4


def dependency_key(workdir: Path, root: Path, spec: BuildSpec, runtime: str) -> str | None:
    """What decides the dependencies, hashed; None when they cannot be told from the source."""
    if (
        not spec.install_command
        or not spec.lock_files
        or _INSTALLS_SOURCE.search(spec.install_command)
    ):
        return None
    manifests = find_files(root, "package.json")
    if any(_has_lifecycle_script(root / path, root) for path in manifests):
        return None
    names = {*spec.lock_files, *manifests, ".npmrc", ".yarnrc.yml", "pnpm-workspace.yaml"}
    digest = hashlib.sha256()
    parts = [runtime, platform.machine(), spec.install_command, spec.package_manager or ""]
    parts.append(str(workdir.relative_to(root)))
    for name in sorted(names):
        for folder in dict.fromkeys((root, workdir)):
            parts += [name, _content_hash(folder / name, root)]
    digest.update(json.dumps(parts).encode())
    return digest.hexdigest()[:32]


def installed_folders(root: Path, language: str | None) -> list[str]:
    """The outermost folders of installed dependencies below ``root``, relative to it."""
    names = _FOLDERS.get(language or "", ())
    return [path for name in names for path in _find(root, name, directory=True)]


def remove_installed(root: Path, language: str) -> None:
    """Remove what ``installed_folders`` finds."""
    for folder in installed_folders(root, language):
        shutil.rmtree(root / folder, ignore_errors=True)


def kept(cache: Path, key: str) -> bool:
    """Whether dependencies with this key are stored; marks them as used."""
    folder = cache / "dependencies" / key
    if not folder.is_dir():
        return False
    os.utime(folder)
    return True


async def link_trees(source: Path, names: Sequence[str], target: Path) -> None:
    """Make ``names`` of ``source`` appear below ``target``, with hard links to the same files.

    Raises ``InstallFailed``.
    """
    process = await asyncio.create_subprocess_exec(
        *("/bin/cp", "-al", "--parents", "--", *names, str(target)),
        cwd=source,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise InstallFailed(
            "The kept dependencies could not be used.",
            remedy="Check that the repository holds no link where dependencies are installed.",
            log_tail=said.decode(errors="replace").splitlines()[-5:],
        )


def prune(cache: Path) -> None:
    """Remove half-made copies and all but the last ``KEEP`` used."""
    folder = cache / "dependencies"
    if not folder.is_dir():
        return
    entries = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    whole = [path for path in entries if not path.name.endswith(".part")]
    for path in entries:
        if path not in whole[:KEEP]:
            shutil.rmtree(path, ignore_errors=True)


def find_files(root: Path, name: str) -> list[str]:
    """The files called ``name`` that belong to the app itself, relative to ``root``."""
    return _find(root, name, directory=False)


def _find(root: Path, name: str, *, directory: bool) -> list[str]:
    found = []
    for parent, folders, files in os.walk(root):
        relative = Path(parent).relative_to(root)
        if name in (folders if directory else files):
            found.append(str(relative / name))
        skip = {"node_modules", ".venv", ".git"}
        deep = len(relative.parts) >= _MAX_DEPTH
        folders[:] = [] if deep else [folder for folder in folders if folder not in skip]
    return sorted(found)


def _has_lifecycle_script(path: Path, root: Path) -> bool:
    try:
        scripts = json.loads(read_source(path, root)).get("scripts") or {}
        return bool(_LIFECYCLE & set(scripts))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return True


def _content_hash(path: Path, root: Path) -> str:
    try:
        return hashlib.sha256(read_source(path, root)).hexdigest()
    except OSError:
        return "none"
