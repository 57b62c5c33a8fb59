"""Old lines move to the object store and are read as before, whatever breaks on the way."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from tests.services.deployer.platform import Platform

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.objects import ObjectNotFound, ObjectsAway, ObjectStore
from autodeploy.services.deployer import environments, log_archive, log_archiving, projects
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.log_archiving import LogPolicy, archive_next, keep_logs
from autodeploy.services.deployer.log_filter import EVERY_LINE, LogFilter
from autodeploy.services.deployer.log_lines import LogLine
from autodeploy.services.deployer.log_models import DeploymentLog, DeploymentLogArchive
from autodeploy.services.deployer.log_reader import _Log, read_lines
from autodeploy.services.deployer.logs import append_lines
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.reconciler import Reconciler
from autodeploy.services.deployer.streams import follow_logs

POLICY = LogPolicy(archive_after=timedelta(hours=1), keep_for=timedelta(days=2))
LEVELS = ("info", "warn", "error")
OLD, RECENT = timedelta(hours=5), timedelta(minutes=5)
ROOM = 5  # lines that an object takes here


class Died(BaseException):
    """The process is gone: nothing that catches errors sees it."""


@pytest.fixture(autouse=True)
def _small_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (log_archive, log_archiving):
        monkeypatch.setattr(module, "SEGMENT_LINES", ROOM)


async def ended(platform: Platform, lines: int = 12) -> UUID:
    """A deployment that failed hours ago with so many lines, and is not live."""
    created = await platform.deploy(await platform.project())
    await platform.set(created.id, status="error", completed_at=now() - OLD)
    await write(platform, created.id, lines)
    return created.id


async def write(platform: Platform, deployment_id: UUID, lines: int, age: timedelta = OLD) -> None:
    written = [
        LogLine(
            now() - age + timedelta(seconds=number),
            LEVELS[number % 3],
            ("build", "app")[number // 6 % 2],
            f"\x1b[3{number % 8}mLine\x1b[0m {number} said \u00fc\u2028\r\t\\",
        )
        for number in range(1, lines + 1)
    ]
    async with announcing(platform.resources) as transaction:
        of_it = Deployment.id == deployment_id
        assert await append_lines(transaction, deployment_id, written, of_it)


async def read(platform: Platform, deployment_id: UUID, **query: Any) -> list[dict[str, Any]]:
    query = {"after": 0, "limit": 1000, **query}
    return await read_lines(platform.resources, deployment_id, **query)


async def held(platform: Platform, deployment_id: UUID) -> int:
    """How many lines PostgreSQL holds."""
    async with platform.resources.db.transaction() as session:
        of_it = DeploymentLog.deployment_id == deployment_id
        return await session.scalar(select(func.count()).where(of_it)) or 0


async def archives(platform: Platform) -> Sequence[DeploymentLogArchive]:
    async with platform.resources.db.transaction() as session:
        query = select(DeploymentLogArchive).order_by(DeploymentLogArchive.last)
        return (await session.scalars(query)).all()


async def objects(platform: Platform) -> set[str]:
    return {each.key async for each in platform.resources.objects.list("logs")}


def numbers(lines: Sequence[dict[str, Any]]) -> list[int]:
    return [line["sequence"] for line in lines]


def queries(third: datetime) -> Iterator[dict[str, Any]]:
    filters = (
        EVERY_LINE,
        LogFilter(level="warn"),
        LogFilter(level="error", sources=frozenset({"app"})),
        LogFilter(sources=frozenset({"nobody"})),
        LogFilter(since=third),
        LogFilter(text="LINE 1"),
        LogFilter(text="line 12 said \u00fc"),
        LogFilter(text="\u00dc"),
        LogFilter(text="%"),
    )
    for wanted, newest, after, limit in product(
        filters, (False, True), (0, 3, 5, 11, 40), (1, 4, 5, 1000)
    ):
        yield {"wanted": wanted, "newest": newest, "after": after, "limit": limit}


async def test_archived_lines_are_read_as_the_stored_ones_were(platform: Platform) -> None:
    deployment_id = await ended(platform)
    asked = list(queries(now() - OLD + timedelta(seconds=3)))
    before = [await read(platform, deployment_id, **each) for each in asked]
    assert any(before)
    assert await archive_next(platform.resources, deployment_id, now() - timedelta(hours=1))
    assert await held(platform, deployment_id) == 12 - ROOM
    assert [await read(platform, deployment_id, **each) for each in asked] == before
    await keep_logs(platform.resources, POLICY)
    assert await held(platform, deployment_id) == 0
    assert [(each.first, each.last) for each in await archives(platform)] == [
        (1, 5), (6, 10), (11, 12),
    ]  # fmt: skip
    assert await objects(platform) == {each.key for each in await archives(platform)}
    assert [await read(platform, deployment_id, **each) for each in asked] == before
    # The numbers go on where they were.
    await write(platform, deployment_id, 3)
    assert numbers(await read(platform, deployment_id, after=9)) == [10, 11, 12, 13, 14, 15]
    await keep_logs(platform.resources, POLICY)
    assert numbers(await read(platform, deployment_id)) == list(range(1, 16))


async def test_of_a_live_app_only_full_objects_of_old_lines_are_made(platform: Platform) -> None:
    live = await platform.deployed(await platform.project())
    await platform.set(live.id, completed_at=now() - OLD)
    before = len(await read(platform, live.id))
    async with platform.resources.db.transaction() as session:
        for row in await session.scalars(select(DeploymentLog)):
            row.timestamp = now() - OLD
    missing = -before % ROOM + ROOM + 2
    await write(platform, live.id, missing)
    await keep_logs(platform.resources, POLICY)
    assert await held(platform, live.id) == 2
    await write(platform, live.id, ROOM, RECENT)
    await keep_logs(platform.resources, POLICY)
    assert await held(platform, live.id) == 2 + ROOM
    assert numbers(await read(platform, live.id)) == list(range(1, before + missing + ROOM + 1))


async def test_recent_lines_and_those_of_a_running_deployment_stay(platform: Platform) -> None:
    recent = await ended(platform, lines=0)
    await write(platform, recent, 7, RECENT)
    running = await ended(platform, lines=7)
    await platform.set(running, status="building", completed_at=None)
    await keep_logs(platform.resources, POLICY)
    assert (await held(platform, recent), await held(platform, running)) == (7, 7)
    assert await objects(platform) == set()


async def test_pass_that_dies_anywhere_loses_no_line_and_shows_none_twice(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_id = await ended(platform)
    everything = await read(platform, deployment_id)
    put, get = ObjectStore.put_bytes, ObjectStore.get_bytes

    async def dies_before(self: ObjectStore, key: str, data: bytes) -> bool:
        raise Died

    async def dies_after(self: ObjectStore, key: str, data: bytes) -> bool:
        await put(self, key, data)
        raise Died

    async def stores_half(self: ObjectStore, key: str, data: bytes) -> bool:
        return await put(self, key, data[: len(data) // 2])

    async def dies_confirming(self: ObjectStore, key: str) -> bytes:
        raise Died

    async def is_removed_meanwhile(self: ObjectStore, key: str) -> bytes:
        await self.delete(key)
        return await get(self, key)

    async def dies_before_commit(self: ObjectStore, key: str) -> bytes:
        # What the transaction does next fails, as when its connection is lost.
        monkeypatch.setattr(log_archiving, "delete", _die)
        return await get(self, key)

    for method, broken, failure in (
        ("put_bytes", dies_before, Died),
        ("put_bytes", dies_after, Died),
        ("put_bytes", stores_half, ObjectNotFound),
        ("get_bytes", dies_confirming, Died),
        ("get_bytes", is_removed_meanwhile, ObjectNotFound),
        ("get_bytes", dies_before_commit, Died),
    ):
        with monkeypatch.context() as patch, pytest.raises(failure):
            patch.setattr(ObjectStore, method, broken)
            await archive_next(platform.resources, deployment_id, now())
        assert await archives(platform) == [], broken.__name__
        assert await read(platform, deployment_id) == everything, broken.__name__
    monkeypatch.undo()
    await keep_logs(platform.resources, POLICY)
    assert await held(platform, deployment_id) == 0
    assert await read(platform, deployment_id) == everything


def _die(*_: object) -> None:
    raise Died


async def test_several_workers_at_once_move_each_line_once(platform: Platform) -> None:
    deployment_id = await ended(platform, lines=3 * ROOM)
    everything = await read(platform, deployment_id)
    moved = 0
    while more := sum(
        await asyncio.gather(
            *(archive_next(platform.resources, deployment_id, now()) for _ in range(4))
        )
    ):
        moved += more
    assert moved == 3
    assert await held(platform, deployment_id) == 0
    assert len(await archives(platform)) == 3
    assert await read(platform, deployment_id) == everything


@pytest.mark.parametrize("newest", [False, True])
async def test_lines_that_move_while_they_are_read_are_seen_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, newest: bool
) -> None:
    deployment_id = await ended(platform)
    look_up = _Log._archives

    async def after_a_pass(*arguments: Any, **named: Any) -> Any:
        await archive_next(platform.resources, deployment_id, now())
        return await look_up(*arguments, **named)

    monkeypatch.setattr(_Log, "_archives", after_a_pass)
    seen: list[int] = []
    while page := await read(platform, deployment_id, after=(seen or [0])[-1], limit=4):
        seen += numbers(page)
    assert seen == list(range(1, 13))
    monkeypatch.undo()
    await write(platform, deployment_id, ROOM)
    monkeypatch.setattr(_Log, "_archives", after_a_pass)
    assert numbers(await read(platform, deployment_id, newest=newest)) == list(range(1, 18))


@pytest.mark.parametrize("what", ["missing", "damaged", "cut", "of others"])
async def test_object_that_cannot_be_read_is_one_line_that_says_so(
    platform: Platform, what: str
) -> None:
    deployment_id = await ended(platform)
    everything = await read(platform, deployment_id)
    await keep_logs(platform.resources, POLICY)
    first, second, _ = await archives(platform)
    store = platform.resources.objects
    data = await store.get_bytes(second.key)
    if what == "missing":
        await store.delete(second.key)
    else:
        middle = len(data) // 2
        spoilt = {
            "damaged": data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :],
            "cut": data[:-9],
            "of others": b"{}\n" * 5,
        }
        await store.put_bytes(second.key, spoilt[what])
    lines = await read(platform, deployment_id)
    assert lines[:5] + lines[6:] == everything[:5] + everything[10:]
    notice = lines[5]
    assert (notice["sequence"], notice["level"], notice["source"]) == (10, "error", "autodeploy")
    assert "Lines 6 to 10 cannot be shown" in notice["message"]
    assert first.key not in notice["message"]
    # It is told whatever is looked for, since it may have held that.
    wanted = LogFilter(text="Line 6 ", level="info")
    assert await read(platform, deployment_id, wanted=wanted) == [notice]
    assert await read(platform, deployment_id, wanted=wanted, newest=True) == [notice]
    assert await follow(platform, deployment_id, after=0, wanted=wanted) == [notice]
    assert numbers(await follow(platform, deployment_id, after=4)) == [5, 10, 11, 12]


async def test_store_that_does_not_answer_is_an_error_that_passes(platform: Platform) -> None:
    deployment_id = await ended(platform)
    await keep_logs(platform.resources, POLICY)
    path = platform.resources.home / "objects" / (await archives(platform))[0].key
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(Unavailable):
        await read(platform, deployment_id)
    assert numbers(await read(platform, deployment_id, after=5)) == list(range(6, 13))


async def test_pass_ends_when_the_store_does_not_answer(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await ended(platform), await ended(platform)
    tried: list[str] = []

    async def away(self: ObjectStore, key: str, data: bytes) -> bool:
        tried.append(key)
        raise ObjectsAway

    monkeypatch.setattr(ObjectStore, "put_bytes", away)
    with pytest.raises(Unavailable):
        await keep_logs(platform.resources, POLICY)
    assert len(tried) == 1
    assert await held(platform, first) == await held(platform, second) == 12


async def follow(platform: Platform, deployment_id: UUID, **query: Any) -> list[dict[str, Any]]:
    async def collect(messages: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
        return [line async for batch in messages for line in batch.get("lines", [batch])]

    query = {"runtime": False, **query}
    return await collect(follow_logs(platform.resources, deployment_id, **query))


async def test_stream_resumes_in_the_archive_without_gap_or_repeat(platform: Platform) -> None:
    deployment_id = await ended(platform)
    await archive_next(platform.resources, deployment_id, now())
    everything = await read(platform, deployment_id)
    for after in range(13):
        assert await follow(platform, deployment_id, after=after) == everything[after:]


async def test_object_in_which_nothing_is_wanted_is_not_opened(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_id = await ended(platform)
    await keep_logs(platform.resources, POLICY)
    get, opened = ObjectStore.get_bytes, list[str]()

    async def counting(self: ObjectStore, key: str) -> bytes:
        opened.append(key.rpartition("/")[2])
        return await get(self, key)

    monkeypatch.setattr(ObjectStore, "get_bytes", counting)
    # Of "app" are the lines 6 to 11.
    await read(platform, deployment_id, wanted=LogFilter(sources=frozenset({"app"})))
    assert opened == ["6-10.jsonl.zst", "11-12.jsonl.zst"]
    opened.clear()
    await read(platform, deployment_id, after=3, limit=2)
    await read(platform, deployment_id, newest=True, limit=2)
    assert opened == ["1-5.jsonl.zst", "11-12.jsonl.zst"]


async def test_lines_that_are_too_old_are_removed(platform: Platform) -> None:
    deployment_id = await ended(platform)
    live = await platform.deployed(await platform.project(name="other"))
    before = len(await read(platform, live.id))
    await keep_logs(platform.resources, POLICY)
    long_ago = now() - timedelta(days=3)
    async with platform.resources.db.transaction() as session:
        for archive in await session.scalars(select(DeploymentLogArchive)):
            if archive.last < 12:
                archive.last_timestamp = long_ago
        for row in await session.scalars(
            select(DeploymentLog).where(DeploymentLog.sequence.in_([1, 2, 4]))
        ):
            row.timestamp = long_ago
    await platform.set(live.id, completed_at=long_ago)
    await keep_logs(platform.resources, POLICY)
    assert numbers(await read(platform, deployment_id)) == [11, 12]
    assert await objects(platform) == {each.key for each in await archives(platform)}
    # What lies behind a line that stays, stays too.
    assert numbers(await read(platform, live.id)) == list(range(3, before + 1))


async def test_object_that_no_row_names_is_removed_when_it_is_no_longer_young(
    platform: Platform,
) -> None:
    deployment_id = await ended(platform)
    await keep_logs(platform.resources, POLICY)
    named = await objects(platform)
    left = {f"logs/{deployment_id}/1-9.jsonl.zst", f"logs/{UUID(int=1)}/1-2.jsonl.zst"}
    for key in left:
        await platform.resources.objects.put_bytes(key, b"x")
    await keep_logs(platform.resources, POLICY)
    assert await objects(platform) == named | left
    then = (now() - timedelta(days=2)).timestamp()
    for path in (platform.resources.home / "objects" / "logs").rglob("*"):
        os.utime(path, (then, then))
    await keep_logs(platform.resources, POLICY)
    assert await objects(platform) == named
    # One that got its row after it was looked for stays.
    await log_archiving._remove_if_unnamed(platform.resources, min(named))
    assert await objects(platform) == named


async def test_deleted_project_leaves_no_object(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    deployment_id = await ended(platform)
    await keep_logs(platform.resources, POLICY)
    assert await objects(platform)
    project_id = (await platform.row(deployment_id)).project_id
    await projects.delete_project(platform.resources, platform.principal, project_id)
    await Reconciler(platform.engine).run_once()
    assert await objects(platform) == set()
    assert await archives(platform) == []


async def test_deleted_environment_takes_the_logs_of_its_deployments_alone(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No worker is there to be waited for.
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.0)
    project = await platform.project()
    made = [await platform.deployed(project, environment=name) for name in ("staging", "qa")]
    kept = await platform.messages(made[1].id)
    for each in made:
        await write(platform, each.id, ROOM)
        await platform.set(each.id, completed_at=now() - OLD)
        assert await archive_next(platform.resources, each.id, now() + OLD)
    await environments.delete_environment(
        platform.resources,
        platform.principal,
        project.id,
        "staging",
        confirm="staging",
        backup=True,
        providers=platform.engine.providers,
    )
    await Reconciler(platform.engine).run_once()
    assert await platform.messages(made[0].id) == []
    assert (await platform.view(made[0].id)).status == "ready"
    assert (await platform.messages(made[1].id))[: len(kept)] == kept
    assert await objects(platform) == {each.key for each in await archives(platform)} != set()
