"""What goes when the disk is nearly full, and what stays."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from autodeploy.kernel.sandbox import GIB
from autodeploy.providers.local import room
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.room import in_use, make_room, wanted_free

Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def layout(home: Path) -> Layout:
    """Caches and trees that stand by of three apps, each used later than the one before, and what
    must stay."""
    for number in (3, 1, 2):
        for kind in ("cache", "standby"):
            folder = home / kind / str(number)
            (folder / "home").mkdir(parents=True)
            os.utime(folder, (number, number))
    (home / "releases" / "kept").mkdir(parents=True)
    (home / "objects").mkdir()
    return Layout(home)


@pytest.fixture
def full_until(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> object:
    """Have the disk be full until so many folders are gone."""

    def until(gone: int) -> None:
        def usage(_: Path) -> Disk:
            return Disk(100 * GIB, 0, 10 * GIB if 6 - len(_left(layout)) >= gone else GIB)

        monkeypatch.setattr(room.shutil, "disk_usage", usage)

    return until


def _left(layout: Layout) -> list[str]:
    folders = [each for kind in ("cache", "standby") for each in (layout.home / kind).iterdir()]
    return sorted(f"{each.parent.name}/{each.name}" for each in folders)


def test_a_tenth_of_the_disk_is_to_be_free_within_bounds() -> None:
    sizes = (GIB, 50 * GIB, 1000 * GIB)
    assert [wanted_free(size) for size in sizes] == [GIB, 5 * GIB, 10 * GIB]


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (0, ["cache/1", "cache/2", "cache/3", "standby/1", "standby/2", "standby/3"]),
        (2, ["cache/3", "standby/1", "standby/2", "standby/3"]),
        (4, ["standby/2", "standby/3"]),
        (9, []),
    ],
)
async def test_what_was_used_longest_ago_goes_first_and_no_more_than_is_needed(
    layout: Layout, full_until, gone: int, left: list[str]
) -> None:
    full_until(gone)
    await make_room(layout)
    assert _left(layout) == left
    assert (layout.home / "releases" / "kept").exists()
    assert (layout.home / "objects").exists()


async def test_cache_that_a_build_uses_stays_and_counts_as_used_last(
    layout: Layout, full_until
) -> None:
    full_until(1)
    with in_use(layout.cache(1)):
        await make_room(layout)
    assert [each for each in _left(layout) if each.startswith("cache")] == ["cache/1", "cache/3"]
    full_until(2)
    await make_room(layout)
    assert [each for each in _left(layout) if each.startswith("cache")] == ["cache/1"]


async def test_what_was_set_aside_by_a_process_that_died_goes(layout: Layout, full_until) -> None:
    full_until(0)
    shutil.move(layout.cache(1), layout.home / "cache" / ".gone-1-deadbeef")
    await make_room(layout)
    assert "cache/.gone-1-deadbeef" not in _left(layout)


def test_cache_that_is_set_aside_while_it_is_taken_is_made_anew(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_folder, opened = os.open, []

    def open_and_lose(path: Path, *flags: int) -> int:
        descriptor = open_folder(path, *flags)
        if not opened:
            opened.append(descriptor)
            Path(path).rename(layout.home / "cache" / ".gone-1-now")
        return descriptor

    monkeypatch.setattr(room.os, "open", open_and_lose)
    with in_use(layout.cache(1)):
        assert layout.cache(1).exists()
