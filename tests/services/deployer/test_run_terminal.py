"""Commands on a terminal: what they write is shown to whoever is attached, and kept nowhere."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis
from tests.services.deployer.platform import eventually

from autodeploy.kernel.events import RESYNC, EventBus
from autodeploy.providers.commands import TerminalSize
from autodeploy.services.deployer.runs import terminal as module
from autodeploy.services.deployer.runs.schemas import RunInput
from autodeploy.services.deployer.runs.stdin import client_channel
from autodeploy.services.deployer.runs.terminal import RunTerminal, terminal_channel

KIND = {"kind": "xterm", "rows": 24, "columns": 80}


@pytest.fixture
async def events(redis_url: str) -> AsyncIterator[EventBus]:
    events = EventBus.connect(redis_url)
    yield events
    await events.close()


class Client:
    """One that shows what comes in order, and says so."""

    def __init__(self, events: EventBus, run_id: UUID):
        self.events, self.run_id = events, run_id
        self.shown = b""
        self.messages = 0
        self.answers = True

    @asynccontextmanager
    async def attached(self) -> AsyncIterator["Client"]:
        async with self.events.subscribe(client_channel(self.run_id)) as messages:
            showing = asyncio.create_task(self._show(messages))
            await self.say({"type": "run.attached", "by": "client"})
            try:
                yield self
            finally:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)

    async def say(self, message: dict[str, Any]) -> None:
        await self.events.publish(terminal_channel(self.run_id), message)

    async def _show(self, messages: Any) -> None:
        async for message in messages:
            if message["type"] == RESYNC["type"]:  # as an attachment does
                await self.say({"type": "run.attached", "by": "client"})
            if message["type"] != "run.screen":
                continue
            self.messages += 1
            data = base64.b64decode(message["data"])
            if message["offset"] >= len(self.shown):
                self.shown += data
            if self.answers:
                await self.say({"type": "run.shown", "offset": message["offset"] + len(data)})


async def test_all_is_shown_in_order_also_where_the_bus_loses_messages(
    events: EventBus, redis_url: str
) -> None:
    run_id, redis = uuid4(), Redis.from_url(redis_url)
    other = EventBus.connect(redis_url)
    async with (
        RunTerminal(other, run_id, KIND).listening() as terminal,
        Client(events, run_id).attached() as client,
    ):
        for number in range(12):
            if number % 3 == 0:
                await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.wait_for(terminal.show(b"%d," % number), 15)
    assert client.shown == b"0,1,2,3,4,5,6,7,8,9,10,11,"
    await other.close()
    await redis.aclose()


async def test_no_more_is_taken_of_a_command_than_is_shown(events: EventBus) -> None:
    run_id = uuid4()
    async with (
        RunTerminal(events, run_id, KIND).listening() as terminal,
        Client(events, run_id).attached() as client,
    ):
        client.answers = False
        showing = asyncio.create_task(terminal.show(b"much"))
        await eventually(lambda: _is(client.shown == b"much"))
        assert not showing.done()
        await client.say({"type": "run.shown", "offset": 4})
        await asyncio.wait_for(showing, 10)


async def test_command_without_a_client_goes_on_and_a_client_that_comes_sees_the_rest(
    events: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    run_id = uuid4()
    async with RunTerminal(events, run_id, KIND).listening() as terminal:
        for _ in range(100):  # one of them waits, the others do not
            await asyncio.wait_for(terminal.show(b"lost"), 10)
        async with Client(events, run_id).attached() as client:
            await eventually(lambda: _is(terminal._is_attended))
            monkeypatch.setattr(module, "PATIENCE_SECONDS", 10)
            await asyncio.wait_for(terminal.show(b"seen"), 10)
            assert client.shown == b"seen"


async def test_sizes_are_told_in_order(events: EventBus) -> None:
    run_id = uuid4()
    async with RunTerminal(events, run_id, KIND).listening() as terminal:
        assert terminal.size == TerminalSize(24, 80)
        client = Client(events, run_id)
        for rows in (10, 20):
            await client.say({"type": "run.size", "rows": rows, "columns": 5})
        sizes = [await asyncio.wait_for(terminal.resized(), 10) for _ in range(2)]
    assert sizes == [TerminalSize(10, 5), TerminalSize(20, 5)]


@pytest.mark.parametrize(
    "terminal",
    [{"kind": "x\ny"}, {"kind": ""}, {"rows": 0}, {"columns": 10_000}, {"kind": "$(id)"}],
)
def test_unusable_terminal_is_refused(terminal: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunInput.model_validate({"command": ["sh"], "stdin": True, "terminal": terminal})


def test_terminal_takes_input() -> None:
    with pytest.raises(ValidationError):
        RunInput.model_validate({"command": ["sh"], "terminal": KIND})


async def _is(value: bool) -> bool:
    return value
