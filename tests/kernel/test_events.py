"""Subscribers get every message in order, or are told to read PostgreSQL again."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from autodeploy.kernel import events as events_module
from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.events import EventBus
from autodeploy.kernel.redis import open_redis
from autodeploy.kernel.telemetry import BUS_FAILURES

_RESYNC = {"type": "bus.resync"}


@pytest.fixture
async def bus(redis_url):
    bus = EventBus.connect(redis_url)
    yield bus
    await bus.close()


@pytest.fixture
async def other_bus(redis_url):
    """The bus of another process, so to speak."""
    bus = EventBus.connect(redis_url)
    yield bus
    await bus.close()


@pytest.fixture
async def own_valkey(home, system_user):
    server = EmbeddedValkey(home / "valkey", home / "run" / "s", home / "log", system_user)
    await server.start()
    await server.wait_ready()
    yield server
    await server.stop()


@pytest.fixture
def channel() -> str:
    """A name of this test's own, since channels are shared by all databases of a server."""
    return f"test.{uuid4()}"


async def kill(server: EmbeddedValkey) -> None:
    assert server.process is not None
    server.process.kill()
    await server.process.wait()


async def restart(server: EmbeddedValkey) -> None:
    await server.start()
    await server.wait_ready()


async def take(subscription: AsyncIterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        return [await anext(subscription) for _ in range(count)]


async def until(subscription: AsyncIterator[dict[str, Any]], wanted: dict[str, Any]) -> None:
    async with asyncio.timeout(10):
        while await anext(subscription) != wanted:
            pass


async def nothing_more(bus: EventBus, channel: str, subscription: Any) -> None:
    """Assert that no message waits: the next one is one that is sent now."""
    await bus.publish(channel, {"type": "probe"})
    assert await take(subscription, 1) == [{"type": "probe"}]


async def test_message_reaches_subscribers_in_every_process_in_order(bus, other_bus, channel):
    async with bus.subscribe(channel) as here, other_bus.subscribe(channel) as there:
        for n in range(200):
            await bus.publish(channel, {"n": n})
        expected = [{"n": n} for n in range(200)]
        assert await take(here, 200) == expected
        assert await take(there, 200) == expected


async def test_subscription_misses_nothing_once_it_is_entered(bus, other_bus, channel):
    for n in range(30):
        async with bus.subscribe(f"{channel}.{n}") as subscription:
            await other_bus.publish(f"{channel}.{n}", {"n": n})
            assert await take(subscription, 1) == [{"n": n}]


async def test_channel_left_and_entered_again_works(bus, other_bus, channel):
    for n in range(30):
        async with bus.subscribe(channel) as subscription:
            await other_bus.publish(channel, {"n": n})
            assert await take(subscription, 1) == [{"n": n}]


async def test_many_tasks_that_enter_at_once_all_receive(bus, channel):
    async def follow(n: int) -> list[dict[str, Any]]:
        async with bus.subscribe(f"{channel}.{n % 5}") as subscription:
            ready.release()
            return await take(subscription, 1)

    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(follow(n)) for n in range(100)]
    for _ in tasks:
        await asyncio.wait_for(ready.acquire(), 10)
    for n in range(5):
        await bus.publish(f"{channel}.{n}", {"n": n})
    assert await asyncio.gather(*tasks) == [[{"n": n % 5}] for n in range(100)]


async def test_only_the_subscribed_channels_are_received(bus, channel):
    async with bus.subscribe(f"{channel}.a", f"{channel}.b") as subscription:
        await bus.publish(f"{channel}.c", {"n": 1})
        await bus.publish(f"{channel}.a", {"n": 2})
        await bus.publish(f"{channel}.b", {"n": 3})
        assert await take(subscription, 2) == [{"n": 2}, {"n": 3}]


async def test_process_holds_one_subscribing_connection(redis_url, bus, channel):
    redis = open_redis(redis_url, retries=1)
    before = sum(int(client["sub"]) > 0 for client in await redis.client_list())
    async with bus.subscribe(f"{channel}.a"), bus.subscribe(f"{channel}.b"), bus.subscribe(channel):
        during = sum(int(client["sub"]) > 0 for client in await redis.client_list())
    await redis.aclose()
    assert during - before == 1


async def test_channel_that_nobody_reads_is_left(redis_url, bus, channel):
    redis = open_redis(redis_url, retries=1)
    async with bus.subscribe(channel), bus.subscribe(channel):
        assert await redis.pubsub_numsub(channel) == [(channel, 1)]
    async with asyncio.timeout(5):
        while await redis.pubsub_numsub(channel) != [(channel, 0)]:
            await asyncio.sleep(0.01)
    await redis.aclose()


async def test_ids_and_times_are_sent_as_text(bus, channel):
    when = datetime(2026, 11, 1, 12, tzinfo=UTC)
    async with bus.subscribe(channel) as subscription:
        await bus.publish(channel, {"id": UUID(int=1), "at": when})
        (message,) = await take(subscription, 1)
    assert message == {"id": str(UUID(int=1)), "at": "2026-11-01T12:00:00+00:00"}


async def test_message_that_is_not_json_is_a_programming_error(bus, channel):
    with pytest.raises(TypeError):
        await bus.publish(channel, {"x": object()})


async def test_text_of_others_on_the_channel_does_not_stop_the_reader(redis_url, bus, channel):
    redis = open_redis(redis_url, retries=1)
    async with bus.subscribe(channel) as subscription:
        await redis.publish(channel, "not json")
        await redis.publish(channel, "[1]")
        await nothing_more(bus, channel, subscription)
    await redis.aclose()


async def test_slow_reader_gets_a_resync_and_what_came_after(redis_url, channel):
    bus = EventBus.connect(redis_url, queue_limit=10)
    async with bus.subscribe(channel) as slow, bus.subscribe(f"{channel}.end") as end:
        for n in range(25):
            await bus.publish(channel, {"n": n})
        await bus.publish(f"{channel}.end", {})
        await take(end, 1)
        messages = []
        async with asyncio.timeout(5):
            while messages[-1:] != [{"n": 24}]:
                messages.append(await anext(slow))
    await bus.close()
    assert messages[0] == _RESYNC
    numbers = [message["n"] for message in messages[1:]]
    assert numbers == list(range(25 - len(numbers), 25))
    assert len(messages) <= 10


async def test_slow_reader_does_not_hold_up_the_others(redis_url, channel):
    bus = EventBus.connect(redis_url, queue_limit=10)
    async with bus.subscribe(channel), bus.subscribe(channel) as quick:
        for n in range(50):
            await bus.publish(channel, {"n": n})
            assert await take(quick, 1) == [{"n": n}]
    await bus.close()


async def test_after_redis_was_killed_subscribers_resync_and_go_on(own_valkey, channel):
    bus = EventBus.connect(own_valkey.url)
    other = EventBus.connect(own_valkey.url)
    async with bus.subscribe(channel) as subscription:
        await other.publish(channel, {"n": 1})
        assert await take(subscription, 1) == [{"n": 1}]
        await kill(own_valkey)
        await restart(own_valkey)
        assert await take(subscription, 1) == [_RESYNC]
        await other.publish(channel, {"n": 2})
        await until(subscription, {"n": 2})
    await bus.close()
    await other.close()


async def test_publish_never_raises_and_is_quick_while_redis_is_away(own_valkey, channel):
    bus = EventBus.connect(own_valkey.url)
    await kill(own_valkey)
    lost = BUS_FAILURES.labels("publish")._value.get()
    started = time.monotonic()
    for n in range(100):
        await bus.publish(channel, {"n": n})
    assert time.monotonic() - started < 2
    assert BUS_FAILURES.labels("publish")._value.get() - lost == 100
    await bus.close()


async def test_message_lost_by_the_publisher_is_announced_to_readers_that_saw_no_gap(
    own_valkey, channel, monkeypatch
):
    reader = EventBus.connect(own_valkey.url)
    writer = EventBus.connect(own_valkey.url)
    async with reader.subscribe(channel) as subscription:

        async def away(*_: object) -> None:
            raise ConnectionRefusedError

        with monkeypatch.context() as patch:
            patch.setattr(writer._publisher, "publish", away)
            await writer.publish(channel, {"n": 1})
        assert await take(subscription, 1) == [_RESYNC]
        await nothing_more(writer, channel, subscription)
    await reader.close()
    await writer.close()


async def test_subscription_entered_while_redis_is_away_gets_a_resync(
    own_valkey, channel, monkeypatch
):
    monkeypatch.setattr(events_module, "_SUBSCRIBE_TIMEOUT_SECONDS", 0.2)
    await kill(own_valkey)
    bus = EventBus.connect(own_valkey.url)
    async with bus.subscribe(channel) as subscription:
        assert await take(subscription, 1) == [_RESYNC]
        await restart(own_valkey)
        assert await take(subscription, 1) == [_RESYNC]
        await nothing_more(bus, channel, subscription)
    await bus.close()


async def test_closed_connection_alone_leads_to_a_resync(redis_url, bus, channel):
    redis = open_redis(redis_url, retries=1)
    async with bus.subscribe(channel) as subscription:
        assert bus._pubsub is not None
        await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert await take(subscription, 1) == [_RESYNC]
        await nothing_more(bus, channel, subscription)
    await redis.aclose()


async def test_five_hundred_subscribers_are_served_fast(bus, channel):
    async def follow() -> None:
        async with bus.subscribe(channel) as subscription:
            ready.release()
            await take(subscription, 40)

    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(follow()) for _ in range(500)]
    for _ in tasks:
        await asyncio.wait_for(ready.acquire(), 20)
    started = time.process_time()
    for n in range(40):
        await bus.publish(channel, {"type": "deployment.log", "n": n, "message": "x" * 200})
    await asyncio.gather(*tasks)
    assert time.process_time() - started < 2
