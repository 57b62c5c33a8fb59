"""What is typed at one-off commands: from an attached client to the command, in order and once."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from tests.services.auth.accounts import principal
from tests.services.deployer.platform import Platform

from autodeploy.kernel.errors import Conflict, Forbidden, NotFound
from autodeploy.kernel.events import EventBus
from autodeploy.migrations.models import METADATA
from autodeploy.providers.commands import CommandEnd, OutputSink
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.runs import service
from autodeploy.services.deployer.runs.attachments import Attachment, attached
from autodeploy.services.deployer.runs.errors import RunEnded
from autodeploy.services.deployer.runs.schemas import RunInput, RunView
from autodeploy.services.deployer.runs.stdin import PIECE_BYTES, StdinPiece, read_stdin
from autodeploy.services.deployer.runs.worker import RunWorker
from autodeploy.services.deployer.schemas import ProjectView

BINARY = bytes(range(256))


class Reader:
    """A command that reads its input to the end, where it is told to."""

    def __init__(self, platform: Platform, *, reads: bool = True):
        platform.provider.command = self
        self._provider = platform.provider
        self._reads = reads
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.read: list[bytes] = []

    async def __call__(self, argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        self.begun.set()
        stdin = self._provider.stdin
        assert stdin is not None
        async with aclosing(stdin):
            if not self._reads:
                # The first piece is in the pipe; the command never takes it out.
                self.read.append(await anext(stdin))
                await self.may_end.wait()
                return CommandEnd(0)
            async for piece in stdin:
                self.read.append(piece)
        return CommandEnd(0)


class Client:
    """One that is attached, and what it was told."""

    def __init__(self, attachment: Attachment):
        self.attachment = attachment
        self.told: list[dict[str, Any]] = []
        self.following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for message in self.attachment.follow():
            self.told.append(message)

    async def give(self, offset: int, data: bytes, *, end: bool = False) -> None:
        async with asyncio.timeout(15):
            await self.attachment.give(piece(offset, data, end=end))


def piece(offset: int, data: bytes, *, end: bool = False) -> StdinPiece:
    encoded = base64.b64encode(data).decode()
    return StdinPiece(type="run.stdin", offset=offset, data=encoded, end=end)


@pytest.fixture
async def shop(platform: Platform) -> ProjectView:
    """A project whose live app counts as a server."""
    project = await platform.project()
    made = await platform.deployed(project)
    start = {"command": "serve", "reason": "a test says so"}
    async with platform.resources.db.transaction() as session:
        deployment = await session.get_one(Deployment, made.id)
        deployment.plan = {**(deployment.plan or {}), "kind": "server", "start_command": start}
    return project


@pytest.fixture
async def worker(platform: Platform, redis_url: str) -> AsyncIterator[RunWorker]:
    """A worker with a connection of its own to the bus."""
    events = EventBus.connect(redis_url)
    resources = replace(platform.resources, events=events)
    worker = RunWorker(replace(platform.engine, resources=resources))
    yield worker
    await worker.close()
    await events.close()


async def ask(platform: Platform, project: ProjectView, *, stdin: bool = True) -> RunView:
    return await service.create_run(
        platform.resources, platform.principal, project.id, "production",
        RunInput(command=["psql"], stdin=stdin), providers=platform.engine.providers,
    )  # fmt: skip


@asynccontextmanager
async def attach(platform: Platform, run: RunView) -> AsyncIterator[Client]:
    async with attached(platform.resources, platform.principal, run.id) as attachment:
        client = Client(attachment)
        try:
            yield client
        finally:
            client.following.cancel()
            await asyncio.gather(client.following, return_exceptions=True)


async def test_pieces_are_read_in_order_and_once_with_their_end(
    platform: Platform, shop: ProjectView, worker: RunWorker
) -> None:
    reader = Reader(platform)
    run = await ask(platform, shop)
    async with attach(platform, run) as client:
        # Sent before any worker listens.
        first = asyncio.create_task(client.give(0, BINARY))
        await worker.tick()
        await first
        await client.give(0, BINARY)  # again, as after a connection that was lost
        await client.give(256, b"second")
        await client.give(262, b"", end=True)
        await worker.settle()
        await asyncio.wait_for(client.following, 10)
    assert reader.read == [BINARY, b"second"]
    assert client.told[-1] == {"type": "run.taken", "offset": 262, "ended": True}
    assert (await service.get_run(platform.resources, platform.principal, run.id)).stdin


async def test_nothing_is_lost_or_doubled_where_the_bus_loses_messages(
    platform: Platform, shop: ProjectView, worker: RunWorker, redis_url: str
) -> None:
    reader = Reader(platform)
    run = await ask(platform, shop)
    pieces = [bytes([number]) * 1000 for number in range(30)]
    redis = Redis.from_url(redis_url)
    async with attach(platform, run) as client:
        await worker.tick()
        for number, data in enumerate(pieces):
            if number % 3 == 0:
                await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await client.give(number * 1000, data)
        await client.give(30_000, b"", end=True)
        await worker.settle()
    await redis.aclose()
    assert reader.read == pieces


async def test_what_is_not_read_is_not_asked_for(
    platform: Platform, shop: ProjectView, worker: RunWorker
) -> None:
    reader = Reader(platform, reads=False)
    run = await ask(platform, shop)
    async with attach(platform, run) as client:
        await worker.tick()
        giving = asyncio.create_task(client.give(0, b"x" * PIECE_BYTES))
        await asyncio.wait_for(reader.begun.wait(), 10)
        async with asyncio.timeout(10):
            while not reader.read:
                await asyncio.sleep(0.01)
        assert not giving.done()
        assert [message["offset"] for message in client.told] == [0] * len(client.told)
        # Its end is the end of the attachment, though nobody took the piece.
        reader.may_end.set()
        await worker.settle()
        await asyncio.wait_for(client.following, 10)
        giving.cancel()
    assert reader.read == [b"x" * PIECE_BYTES]


async def test_a_flood_is_not_kept(platform: Platform, shop: ProjectView) -> None:
    events, run = platform.resources.events, await ask(platform, shop)
    async with aclosing(read_stdin(events, run.id)) as stdin:
        reading = asyncio.create_task(anext(stdin))
        async with attach(platform, run) as client:
            await client.give(0, b"")  # so it listens
            first = asyncio.create_task(client.give(0, b"first"))
            assert await reading == b"first"
            # Nothing is read from here on, and somebody sends the same again and again.
            (subscription,) = (
                each for each in events._subscriptions if f"run.{run.id}.stdin" in each.channels
            )
            async with events.subscribe("all.came") as messages:
                for _ in range(100):
                    await events.publish(f"run.{run.id}.stdin", piece(0, b"first").model_dump())
                await events.publish("all.came", {"type": "all.came"})
                await anext(messages)
            assert len(subscription._messages) < 10
            reading = asyncio.create_task(anext(stdin))
            await first
            second = asyncio.create_task(client.give(5, b"second"))
            assert await reading == b"second"
            second.cancel()


async def test_a_later_client_takes_the_place_of_the_one_before(
    platform: Platform, shop: ProjectView, worker: RunWorker
) -> None:
    reader = Reader(platform)
    run = await ask(platform, shop)
    async with attach(platform, run) as first:
        await worker.tick()
        await first.give(0, b"one")
        async with attach(platform, run) as second:
            with pytest.raises(Conflict):
                await asyncio.wait_for(first.following, 10)
            await second.give(3, b"two", end=True)
            # What the second was told first is where to go on.
            assert second.told[0]["offset"] == 3
        await worker.settle()
    assert reader.read == [b"one", b"two"]


async def test_client_that_leaves_ends_neither_the_command_nor_its_input(
    platform: Platform, shop: ProjectView, worker: RunWorker
) -> None:
    reader = Reader(platform)
    run = await ask(platform, shop)
    async with attach(platform, run) as client:
        await worker.tick()
        await client.give(0, b"half of ")
    assert (await service.get_run(platform.resources, platform.principal, run.id)).status == (
        "running"
    )
    async with attach(platform, run) as client:
        await client.give(8, b"a file", end=True)
    await worker.settle()
    assert reader.read == [b"half of ", b"a file"]


async def test_giving_ends_where_the_command_had_ended_before_it_was_followed(
    platform: Platform, shop: ProjectView, worker: RunWorker
) -> None:
    Reader(platform)
    run = await ask(platform, shop)
    async with attach(platform, run) as client:
        await worker.tick()
        await client.give(0, b"half of ")
    async with attached(platform.resources, platform.principal, run.id) as attachment:
        giving = asyncio.create_task(attachment.give(piece(8, b"a file", end=True)))
        await worker.settle()
        told = [message async for message in attachment.follow()]
        assert told[-1] == {"type": "run.taken", "offset": 14, "ended": True}
        await asyncio.wait_for(giving, 10)


async def test_giving_ends_with_the_command_that_took_no_more(
    platform: Platform, shop: ProjectView, worker: RunWorker
) -> None:
    reader = Reader(platform, reads=False)
    run = await ask(platform, shop)
    async with attach(platform, run) as client:
        await worker.tick()
        giving = asyncio.create_task(client.give(0, b"never taken"))
        await asyncio.wait_for(reader.begun.wait(), 10)
        reader.may_end.set()
        await worker.settle()
        await giving


async def test_input_is_written_down_nowhere(
    platform: Platform, shop: ProjectView, worker: RunWorker, redis_url: str
) -> None:
    secret = b"pasted-" + b"k" * 40
    encoded = base64.b64encode(secret)
    Reader(platform)
    run = await ask(platform, shop)
    async with attach(platform, run) as client:
        await worker.tick()
        await client.give(0, secret)
        redis = Redis.from_url(redis_url)
        keys = [key async for key in redis.scan_iter()]
        held = [await redis.dump(key) for key in keys]
        await redis.aclose()
        await client.give(len(secret), b"", end=True)
        await worker.settle()
    stored = []
    async with platform.resources.db.transaction() as session:
        for table in METADATA.tables.values():
            rows = await session.execute(text(f"SELECT t::text FROM {table.name} t"))
            stored += [row[0].encode() for row in rows]
    assert any(str(run.id).encode() in row for row in stored)
    assert not [each for each in (*held, *stored) if secret in each or encoded in each]


async def test_who_may_attach(platform: Platform, shop: ProjectView) -> None:
    async def refused(run: RunView, caller: Principal = platform.principal) -> type[Exception]:
        with pytest.raises(Exception) as refusal:
            async with attached(platform.resources, caller, run.id):
                pass
        return refusal.type

    taking = await ask(platform, shop)
    assert await refused(taking, await principal(platform.resources)) is NotFound
    colleague = replace(await principal(platform.resources), roles=platform.principal.roles)
    assert await refused(taking, colleague) is Forbidden
    assert await refused(await ask(platform, shop, stdin=False)) is Conflict
    await service.cancel_run(platform.resources, platform.principal, taking.id)
    assert await refused(taking) is RunEnded
