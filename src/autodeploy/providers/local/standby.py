"""Unpacked artifacts of an app, beside what runs: what a release without a build begins with.

Unpacking is most of what such a release of a large app would take. Nothing ever runs in a tree
that stands by, so it is what its artifact says; whoever needs it takes it, by moving it.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from autodeploy.providers.local.artifact import MAX_UNPACKED_BYTES, ArtifactStore
from autodeploy.providers.local.layout import Layout

_PART = ".part-"


class Standby:
    """The trees that stand by. Every change is one rename, so processes need not agree on it."""

    def __init__(self, layout: Layout, artifacts: ArtifactStore):
        self._layout = layout
        self._artifacts = artifacts

    async def make(self, artifacts: Mapping[str, bool], number: int) -> None:
        """Have these artifacts stand by, and no others. Idempotent. Of none, nothing is left.

        Nothing is made where it could fill the disk. Raises what ``ArtifactStore.unpack`` does.

        Args:
            artifacts: by key, whether the proxy may read it; the most wanted first.
        """
        wanted = {self._place(key, number, public=artifacts[key]): key for key in artifacts}
        place = self._layout.standby(number)
        self._layout.ensure_folders()
        place.mkdir(mode=0o700, exist_ok=True)
        part = Path(mkdtemp(dir=place, prefix=_PART))
        try:
            for other in place.iterdir():
                if other not in (*wanted, part):
                    other.rename(part / f"other-{other.name}")
            for tree, key in wanted.items():
                room = shutil.disk_usage(place).free
                if not tree.exists() and room > MAX_UNPACKED_BYTES:
                    new = part / tree.name
                    await self._artifacts.unpack(key, new, number, public=artifacts[key])
                    _move(new, tree)
        finally:
            await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
            if not wanted:
                with contextlib.suppress(OSError):
                    place.rmdir()

    def take(self, key: str, target: Path, number: int, *, public: bool) -> bool:
        """Make the release folder ``target`` of the artifact, if it stands by; whether it did."""
        return _move(self._place(key, number, public=public), target)

    def _place(self, key: str, number: int, *, public: bool) -> Path:
        name = key.rpartition("/")[2].partition(".")[0]
        return self._layout.standby(number) / (f"{name}-public" if public else name)


def _move(source: Path, target: Path) -> bool:
    """Rename a folder where nothing is yet. Whoever comes second finds no source, or a target."""
    try:
        source.rename(target)
    except OSError:
        return False
    return True
