"""Builds that take more than a build may: each ends, says what it took, and leaves nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from autodeploy.kernel.disk import DiskFull
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.sandbox import GIB, MIB
from autodeploy.providers.base import App
from autodeploy.providers.local import limits as module
from autodeploy.providers.local.errors import (
    BuildTimeout,
    BuildTooLarge,
    OutOfMemory,
    ProcessLimit,
)
from autodeploy.providers.local.limits import BuildLimits, duration_text, size_text
from autodeploy.providers.local.provider import LocalProvider

from .conftest import Lines, build_request, spec

MakeSource = Callable[[dict[str, str]], Path]
FILL = "head -c 1M /dev/zero | tr '\\0' x"


async def _build(home: Path, app: App, source: Path, command: str, limits: BuildLimits) -> None:
    store = ObjectStore.open(f"file://{home}/objects")
    provider = LocalProvider(home=home, proxy_port=1, objects=store, build_limits=limits)
    try:
        await provider.build(build_request(app, source, spec(build_command=command)), Lines())
    finally:
        assert list((home / "builds").iterdir()) == []
        assert not _runs("sleep\07532")


def _runs(command: str) -> list[Path]:
    return [each for each in Path("/proc").glob("[0-9]*/cmdline") if command in _text(each)]


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


async def test_build_over_its_time_is_ended_and_told_so(
    local_home: Path, app: App, source: MakeSource
) -> None:
    with pytest.raises(BuildTimeout, match="longer than 2 seconds") as raised:
        command = "echo waiting; sleep 7532"
        await _build(local_home, app, source({}), command, BuildLimits(seconds=2))
    assert "waiting" in raised.value.log_tail


@pytest.mark.parametrize("folder", ["/app", "/tmp", "/cache/home"])
async def test_build_that_writes_many_files_is_ended(
    local_home: Path, app: App, source: MakeSource, folder: str
) -> None:
    command = f"i=0; while :; do i=$((i+1)); {FILL} > {folder}/$i; sleep 0.02; done"
    with pytest.raises(BuildTooLarge, match="more than 16 MiB") as raised:
        await _build(local_home, app, source({}), command, BuildLimits(60, disk_bytes=16 * MIB))
    assert raised.value.log_tail


async def test_build_that_writes_one_large_file_is_ended(
    local_home: Path, app: App, source: MakeSource
) -> None:
    command = "exec head -c 1G /dev/zero > large"
    with pytest.raises(BuildTooLarge):
        await _build(local_home, app, source({}), command, BuildLimits(60, disk_bytes=16 * MIB))


async def test_build_is_ended_before_the_disk_is_full(
    local_home: Path, app: App, source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREE_BYTES", 1 << 60)
    with pytest.raises(DiskFull, match="MiB are left"):
        await _build(local_home, app, source({}), "sleep 7532", BuildLimits(60))


async def test_build_that_fills_memory_is_told_how_much_it_may_have(
    local_home: Path, app: App, source: MakeSource
) -> None:
    command = "tail /dev/zero"
    with pytest.raises(OutOfMemory, match="memory"):
        await _build(local_home, app, source({}), command, BuildLimits(60, memory_bytes=64 * MIB))


async def test_build_that_forks_without_end_is_told_so(
    local_home: Path, app: App, source: MakeSource
) -> None:
    command = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); sleep 7532 & done; wait"
    with pytest.raises(ProcessLimit, match="more than 32 processes"):
        await _build(local_home, app, source({}), command, BuildLimits(60, processes=32))


@pytest.mark.parametrize(
    ("size", "text"), [(4 * GIB, "4 GiB"), (300 * MIB, "300 MiB"), (1536 * MIB, "1536 MiB")]
)
def test_size_is_told_as_a_person_says_it(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(1800.0, "30 minutes"), (45.0, "45 seconds")])
def test_duration_is_told_as_a_person_says_it(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
