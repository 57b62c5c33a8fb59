"""Log lines: stored first, numbered without gap, clean."""

import asyncio
from datetime import datetime
from itertools import product
from typing import Any

import pytest
from tests.services.deployer.platform import Platform, eventually

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import DatabaseAway
from autodeploy.kernel.redaction import Redactor
from autodeploy.kernel.sandbox.lines import MAX_LINE_CHARACTERS, LineSplitter
from autodeploy.services.deployer import logs, projects, streams
from autodeploy.services.deployer.announcements import Announcing, log_channel
from autodeploy.services.deployer.leases import Lease, take_lease
from autodeploy.services.deployer.log_filter import LogFilter
from autodeploy.services.deployer.log_lines import LogLine
from autodeploy.services.deployer.log_reader import read_lines
from autodeploy.services.deployer.logs import (
    CUT_MARK,
    LINE_LIMIT_BYTES,
    LineCleaner,
    LogPipeline,
    append_lines,
    clean_line,
)
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.reconciler import Reconciler
from autodeploy.services.deployer.streams import follow_logs, follow_status
from autodeploy.services.deployer.transitions import LeaseLost


async def leased(platform: Platform) -> Lease:
    created = await platform.deploy(await platform.project())
    lease = await take_lease(platform.resources.db, created.id, "first", 30)
    assert lease is not None
    return lease


async def test_lines_are_stored_in_order_and_published_after(platform: Platform) -> None:
    lease = await leased(platform)
    log = LogPipeline(platform.resources, lease, Redactor([]))
    async with platform.resources.events.subscribe(log_channel(lease.deployment_id)) as messages:
        for number in range(1200):
            await log.write("info", "build", f"line {number}")
        await log.flush()
        first = await anext(messages)
        stored = await read_lines(
            platform.resources, lease.deployment_id, after=0, limit=first["sequence"]
        )
    await log.close()
    assert first["lines"] == stored
    everything = await read_lines(platform.resources, lease.deployment_id, after=0, limit=5000)
    assert [line["sequence"] for line in everything] == list(range(1, 1201))
    assert [line["message"] for line in everything] == [f"line {n}" for n in range(1200)]


async def test_lines_are_waited_for_while_the_database_is_away(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await leased(platform)
    log = LogPipeline(platform.resources, lease, Redactor([]))
    answers = iter([DatabaseAway(), DatabaseAway()])

    async def append(*arguments: Any) -> bool:
        if away := next(answers, None):
            raise away
        return await append_lines(*arguments)

    monkeypatch.setattr(logs, "append_lines", append)
    await log.write("info", "release", "migrated")
    await log.stored()
    kept = await read_lines(platform.resources, lease.deployment_id, after=0, limit=10)
    assert [line["message"] for line in kept] == ["migrated"]
    await log.close()


async def test_pipeline_without_its_lease_refuses_lines(platform: Platform) -> None:
    lease = await leased(platform)
    log = LogPipeline(platform.resources, lease, Redactor([]))
    await platform.set(lease.deployment_id, fence=lease.fence + 1)
    await log.write("info", "build", "too late")
    with pytest.raises(LeaseLost):
        await log.flush()
    await log.close()
    assert not await read_lines(platform.resources, lease.deployment_id, after=0, limit=10)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain\r\n", "plain"),
        ("nul\x00 inside", "nul inside"),
        ("key hunter22 shown", "key [redacted] shown"),
        ("split hun\x00ter22", "split [redacted]"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ("\x1b[1mbold\x1b[0m hunter22", "\x1b[1mbold\x1b[0m [redacted]"),
        ("\x1b[31mhun\x1b[0mter\x1b]0;title\x0722", "[redacted]"),
    ],
)
def test_line_is_cleaned(text: str, clean: str) -> None:
    assert clean_line(Redactor(["hunter22"]), text) == clean


@pytest.mark.parametrize("before", [MAX_LINE_CHARACTERS - 3, 2 * MAX_LINE_CHARACTERS - 3, 5])
def test_secret_across_the_pieces_of_a_long_line_is_hidden(before: int) -> None:
    splitter = LineSplitter()
    output = "a" * before + "hunter22" + "b" * MAX_LINE_CHARACTERS + "\nhun\nter22\n"
    cleaner = LineCleaner(Redactor(["hunter22"]))
    *lines, first, second = map(cleaner.clean, splitter.feed(output.encode()))
    assert "".join(lines) == "a" * before + "[redacted]" + "b" * MAX_LINE_CHARACTERS
    assert (first, second) == ("hun", "ter22")


def test_long_line_is_cut_with_a_mark() -> None:
    cut = clean_line(Redactor([]), "ä" * LINE_LIMIT_BYTES)
    assert cut.endswith(CUT_MARK)
    assert len(cut.encode()) <= LINE_LIMIT_BYTES + len(CUT_MARK.encode())


async def test_reader_in_the_middle_sees_every_line_once(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    platform.provider.build_lines = [f"line {number}" for number in range(2000)]

    async def read() -> list[int]:
        seen: list[int] = []
        async for message in follow_logs(platform.resources, created.id, after=0, runtime=False):
            seen += [line["sequence"] for line in message.get("lines", [message])]
        return seen

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await platform.runner.run(created.id)
    async with asyncio.timeout(20):
        for seen in await asyncio.gather(*readers):
            assert len(seen) > 2000
            assert seen == list(range(1, len(seen) + 1))


async def test_reader_takes_announced_lines_without_reading_them_and_reads_what_is_missing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await leased(platform)
    positions: list[int] = []

    async def counted(*arguments: Any, **query: Any) -> list[dict[str, Any]]:
        positions.append(query["after"])
        return await read_lines(*arguments, **query)

    monkeypatch.setattr(streams, "read_lines", counted)
    channel = log_channel(lease.deployment_id)
    follow = follow_logs(platform.resources, lease.deployment_id, after=0, runtime=True)
    log = LogPipeline(platform.resources, lease, Redactor([]))

    async def write(count: int) -> None:
        for number in range(count):
            await log.write("info", "build", f"line {number}")
        await log.flush()

    async def following(count: int) -> list[list[int]]:
        batches: list[list[int]] = []
        async with asyncio.timeout(20):
            while sum(map(len, batches)) < count:
                batch = await anext(follow)
                batches.append([line["sequence"] for line in batch.get("lines", [batch])])
        return batches

    await write(3)
    assert await following(3) == [[1, 2, 3]]
    waiting = asyncio.create_task(following(600))
    await eventually(lambda: _is_at(positions, 3))
    for _ in range(6):
        await write(100)
    batches = await waiting
    assert [number for batch in batches for number in batch] == list(range(4, 604))
    read_before = len(positions)
    # A message that is known changes nothing; one behind a gap makes the reader look.
    async with platform.resources.events.subscribe(channel) as bus:
        known = {"type": "deployment.log", "sequence": 603}
        await platform.resources.events.publish(channel, known)
        await write(1)
        assert await following(1) == [[604]]
        await anext(bus)
    assert len(positions) == read_before
    unheard = [LogLine(now(), "info", "app", "unheard")] * 2
    async with platform.resources.db.transaction() as session:
        of_run = Deployment.fence == lease.fence
        assert await append_lines(Announcing(session), lease.deployment_id, unheard, of_run)
    await write(1)
    assert await following(3) == [[605, 606, 607]]
    assert len(positions) > read_before
    await log.close()
    await follow.aclose()


async def _is_at(positions: list[int], position: int) -> bool:
    return positions[-1:] == [position]


async def test_following_the_app_ends_when_its_project_is_removed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_RECHECK_SECONDS", 0.1)
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    project = await platform.project()
    ready = await platform.deployed(project)
    messages = follow_logs(platform.resources, ready.id, after=0, runtime=True)
    await anext(messages)
    await projects.delete_project(platform.resources, platform.principal, project.id)
    await Reconciler(platform.engine).run_once()
    await Reconciler(platform.engine).run_once()
    async with asyncio.timeout(20):
        assert [message async for message in messages if message["type"] != "deployment.log"] == []


async def test_status_stream_resumes_behind_a_number_and_ends(platform: Platform) -> None:
    ready = await platform.deployed(await platform.project())

    async def read(after: int) -> list[dict[str, object]]:
        return [
            message async for message in follow_status(platform.resources, ready.id, after=after)
        ]

    everything = await read(0)
    assert [each["sequence"] for each in everything] == list(range(1, len(everything) + 1))
    assert everything[-1]["status"] == "ready"
    assert {each["type"] for each in everything} == {"deployment.status", "deployment.build"}
    assert await read(3) == everything[3:]


async def test_filter_gives_the_same_stored_and_followed(platform: Platform) -> None:
    lease = await leased(platform)
    log = LogPipeline(platform.resources, lease, Redactor([]))
    for level, source in product(("info", "warn", "error"), ("build", "app")):
        await log.write(level, source, f"{level} of {source}")
    await log.flush()
    await log.close()
    await platform.set(lease.deployment_id, status="error")
    everything = await read_lines(platform.resources, lease.deployment_id, after=0, limit=9)
    third = datetime.fromisoformat(everything[2]["timestamp"])
    for wanted, said in (
        (LogFilter(level="warn", sources=frozenset({"app"})), ["warn of app", "error of app"]),
        (LogFilter(level="error"), ["error of build", "error of app"]),
        (LogFilter(since=third), [line["message"] for line in everything[2:]]),
    ):
        stored = await read_lines(
            platform.resources, lease.deployment_id, after=0, limit=9, wanted=wanted
        )
        followed = [
            line["message"]
            async for batch in follow_logs(
                platform.resources, lease.deployment_id, after=0, runtime=False, wanted=wanted
            )
            for line in batch.get("lines", [batch])
        ]
        assert [line["message"] for line in stored] == said == followed
    newest = await read_lines(
        platform.resources, lease.deployment_id, after=0, limit=2, newest=True
    )
    assert newest == everything[-2:]
