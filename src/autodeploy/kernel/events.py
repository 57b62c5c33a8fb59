"""The event bus: Redis pub/sub as a wake-up call. PostgreSQL holds what happened.

A message may be lost when Redis is away, but never silently: subscribers get ``bus.resync`` after
each gap and read again from PostgreSQL.
"""

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from autodeploy.kernel import telemetry
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.redis import REDIS_AWAY, open_redis

RESYNC: Mapping[str, Any] = {"type": "bus.resync"}

_CONTROL_CHANNEL = "autodeploy.bus"
_QUEUE_LIMIT = 1000
_PUBLISH_TIMEOUT_SECONDS = 2.0
_SUBSCRIBE_TIMEOUT_SECONDS = 2.0
_RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)

_log = structlog.get_logger(__name__)


class Subscription:
    """The messages of some channels, in order. A slow reader loses them and gets a resync."""

    def __init__(self, channels: frozenset[str], limit: int):
        self.channels = channels
        self._limit = limit
        self._messages: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()

    def push(self, message: dict[str, Any]) -> None:
        """Hand over a message; when the reader is too far behind, a resync replaces the backlog."""
        if len(self._messages) >= self._limit:
            telemetry.BUS_FAILURES.labels("overflow").inc()
            self.resync()
        self._messages.append(message)
        self._wake.set()

    def resync(self) -> None:
        """Tell the reader to read PostgreSQL again; what waits unread is covered by that."""
        self._messages.clear()
        self._messages.append(dict(RESYNC))
        self._wake.set()

    def take(self) -> dict[str, Any] | None:
        """The next message that has come already; None when there is none."""
        return self._messages.popleft() if self._messages else None

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not self._messages:
            self._wake.clear()
            await self._wake.wait()
        return self._messages.popleft()


class EventBus:
    """Publishes to and subscribes from every process. One subscribing connection a process."""

    def __init__(self, publisher: Redis, subscriber: Redis, *, queue_limit: int = _QUEUE_LIMIT):
        self._publisher = publisher
        self._subscriber = subscriber
        self._queue_limit = queue_limit
        self._subscriptions: set[Subscription] = set()
        self._readers: Counter[str] = Counter()
        self._pubsub: PubSub | None = None
        self._sent: set[str] = set()
        self._sending = asyncio.Lock()
        self._acks_due: Counter[str] = Counter()
        self._acked = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._lost: set[str] = set()
        self._repair: asyncio.Task[None] | None = None

    @classmethod
    def connect(cls, redis_url: str, *, queue_limit: int = _QUEUE_LIMIT) -> "EventBus":
        """A bus on this Redis; it connects on first use."""
        # The subscriber never retries by itself: a connection that the client library replaced
        # silently would be a gap that nobody is told about.
        return cls(
            open_redis(redis_url, retries=1),
            open_redis(redis_url, retries=0),
            queue_limit=queue_limit,
        )

    @fault_point("events.publish")
    async def publish(self, channel: str, message: Mapping[str, Any]) -> None:
        """Send a message to all subscribers of a channel, in any process.

        Never raises when Redis is away: the message is dropped and counted, and the channel's
        subscribers are told to resync as soon as Redis is back.
        """
        data = json.dumps(message, default=_plain, separators=(",", ":"))
        if self._lost:
            self._drop(channel)
            return
        try:
            async with asyncio.timeout(_PUBLISH_TIMEOUT_SECONDS):
                await self._publisher.publish(channel, data)
        except REDIS_AWAY as error:
            _log.warning("bus.publish_failed", channel=channel, error=type(error).__name__)
            self._drop(channel)

    @asynccontextmanager
    async def subscribe(
        self, *channels: str, limit: int | None = None
    ) -> AsyncIterator[Subscription]:
        """Receive the messages of these channels from now on; at most ``limit`` wait to be read.

        When the block is entered the server has confirmed: whoever reads PostgreSQL inside it
        misses nothing. If Redis is away it is entered all the same, and a resync follows later.
        Messages are shared between subscribers: read them, do not change them.
        """
        subscription = Subscription(frozenset(channels), limit or self._queue_limit)
        self._subscriptions.add(subscription)
        self._readers.update(subscription.channels)
        try:
            self._start_reader()
            await self._wait_until_confirmed(subscription)
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            self._readers.subtract(subscription.channels)
            await self._send_changes()

    async def close(self) -> None:
        """Stop reading and close the connections."""
        tasks = [task for task in (self._reader, self._repair) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._subscriber.aclose()
        await self._publisher.aclose()

    def _drop(self, channel: str) -> None:
        telemetry.BUS_FAILURES.labels("publish").inc()
        self._lost.add(channel)
        if self._repair is None or self._repair.done():
            self._repair = asyncio.create_task(self._announce_losses())

    async def _announce_losses(self) -> None:
        """When Redis is back, tell the subscribers of each channel that messages were lost."""
        resync = json.dumps(RESYNC)
        failures = 0
        while self._lost:
            channel = next(iter(self._lost))
            try:
                async with asyncio.timeout(_PUBLISH_TIMEOUT_SECONDS):
                    await self._publisher.publish(channel, resync)
            except REDIS_AWAY:
                await asyncio.sleep(_pause(failures))
                failures += 1
            else:
                self._lost.discard(channel)

    def _start_reader(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_forever())

    async def _read_forever(self) -> None:
        failures = 0
        gap = False
        while True:
            pubsub = self._subscriber.pubsub()
            try:
                await pubsub.connect()  # type: ignore[no-untyped-call]
                failures = 0
                await self._listen(pubsub, after_gap=gap)
            except REDIS_AWAY as error:
                telemetry.BUS_FAILURES.labels("subscription").inc()
                if not failures:
                    _log.warning("bus.connection_lost", error=type(error).__name__)
            finally:
                self._pubsub = None
                with contextlib.suppress(*REDIS_AWAY):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
            gap = True
            await asyncio.sleep(_pause(failures))
            failures += 1

    async def _listen(self, pubsub: PubSub, *, after_gap: bool) -> None:
        self._sent.clear()
        self._acks_due.clear()
        self._pubsub = pubsub
        await self._send_changes()
        while True:
            message = await pubsub.get_message(timeout=None)
            if message is None:
                continue
            if message["type"] == "subscribe":
                await self._acknowledge(message["channel"])
                if after_gap and not self._acks_due.total():
                    after_gap = False
                    self._resync_all()
            elif message["type"] == "message":
                self._fan_out(message["channel"], message["data"])

    async def _send_changes(self) -> None:
        """Make the connection's channels those that are read. When it breaks meanwhile, the next
        one begins with all of them."""
        async with self._sending:
            if self._pubsub is None:
                return
            wanted = {_CONTROL_CHANNEL, *(name for name, count in self._readers.items() if count)}
            new, gone = wanted - self._sent, self._sent - wanted
            self._sent = wanted
            self._acks_due.update(new)
            self._readers = +self._readers
            with contextlib.suppress(*REDIS_AWAY):
                if new:
                    await self._pubsub.subscribe(*new)
                if gone:
                    await self._pubsub.unsubscribe(*gone)

    def _fan_out(self, channel: str, data: str) -> None:
        try:
            message = json.loads(data)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            _log.warning("bus.message_unreadable", channel=channel)
            return
        lost = message.get("type") == RESYNC["type"]
        for subscription in self._subscriptions:
            if channel in subscription.channels:
                if lost:
                    subscription.resync()
                else:
                    subscription.push(message)

    def _resync_all(self) -> None:
        for subscription in self._subscriptions:
            subscription.resync()

    async def _acknowledge(self, channel: str) -> None:
        async with self._acked:
            self._acks_due[channel] -= 1
            self._acked.notify_all()

    async def _wait_until_confirmed(self, subscription: Subscription) -> None:
        """Until the server has confirmed all its channels; without Redis, a resync comes later."""
        try:
            async with asyncio.timeout(_SUBSCRIBE_TIMEOUT_SECONDS):
                await self._send_changes()
                async with self._acked:
                    await self._acked.wait_for(lambda: self._is_confirmed(subscription))
        except TimeoutError:
            subscription.resync()

    def _is_confirmed(self, subscription: Subscription) -> bool:
        return (
            self._pubsub is not None
            and subscription.channels <= self._sent
            and not any(self._acks_due[channel] > 0 for channel in subscription.channels)
        )


def _pause(failures: int) -> float:
    return _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"A bus message cannot hold {type(value).__name__}")
