"""What one build leaves for the next: downloads of package managers, and what bundlers keep.

All of it is the app's own: no other app reads or writes it. Downloads lie in the build's home
folder; the folder where a framework keeps its work is bound into the build, so that it is neither
copied nor part of the release.
"""

import asyncio
import os
import shutil
from pathlib import Path

from autodeploy.kernel.sandbox import GIB, Bind
from autodeploy.providers.local.layout import ensure_app_folder
from autodeploy.providers.local.workshop import Workshop

MOST_BYTES = 6 * GIB
# Relative to the app's folder, by framework: what it reads again and nothing at run time needs.
_WORK = {
    "nextjs": ".next/cache",
    "astro": "node_modules/.astro",
    "nuxt": "node_modules/.cache",
    "gatsby": ".cache",
}


def framework_cache(shop: Workshop) -> tuple[Bind, ...]:
    """The bind for the folder where the app's framework keeps its work, if it has one."""
    folder = _WORK.get(shop.request.spec.framework or "")
    # Without a sandbox nothing can be bound; the build then begins anew.
    if folder is None or shop.sandbox.warning or _is_taken(shop.workdir, folder):
        return ()
    # Two apps of one repository must not share it; nor two apps of one owner.
    name = (shop.request.spec.root_directory.strip("/") or "root").replace("/", "-")
    place = shop.cache / "work"
    place.mkdir(mode=0o700, exist_ok=True)
    kept = ensure_app_folder(place / name, shop.request.app.number)
    _make_mount_point(shop, folder)
    return (Bind(kept, f"{shop.inside}/{folder}", writable=True),)


def _make_mount_point(shop: Workshop, folder: str) -> None:
    """Make the folder that is bound over, as the app's own.

    As root, bubblewrap makes what is missing root's, and neither the build could write beside
    the cache nor the running app into it.
    """
    path = shop.workdir
    for part in folder.split("/"):
        path /= part
        if not path.exists():
            ensure_app_folder(path, shop.request.app.number)


async def bound(cache: Path) -> None:
    """Empty the caches when together they are larger than ``MOST_BYTES``."""
    await asyncio.to_thread(_bound, cache)


def _bound(cache: Path) -> None:
    folders = [cache / "home", cache / "work"]
    if sum(map(_size, folders)) <= MOST_BYTES:
        return
    for folder in folders:
        if folder.is_dir():
            discarded = folder.with_suffix(".old")
            shutil.rmtree(discarded, ignore_errors=True)
            folder.rename(discarded)
            shutil.rmtree(discarded, ignore_errors=True)


def _size(folder: Path) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH118
            except OSError:
                continue
    return total


def _is_taken(workdir: Path, folder: str) -> bool:
    """Whether the repository holds the folder itself, or a link on the way to it."""
    path = workdir
    for part in folder.split("/"):
        path /= part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            return True
    return path.exists()
