"""Sliding-window rate limits, counted in Redis, and in this process alone while Redis is away.

The counting is that of the library ``limits`` (5.8, seen 2026-11): the window before the present
one counts with the share of it that the sliding window still covers, so a caller's memory is two
numbers. Each count is one script in Redis, so that concurrent calls cannot pass a limit together.

Each process counts what it let pass as well. So it goes on from there while Redis is away or slow,
as it is for a process that a storm of calls keeps busy: no second share is gained by that.
"""

import asyncio
import contextlib
import ipaddress
import math
import time
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from autodeploy.kernel.redis import REDIS_AWAY
from autodeploy.kernel.telemetry import RATE_LIMIT_FALLBACKS, RATE_LIMITS_SHARED

_PREFIX = "autodeploy:rate"
_LOCAL_KEYS = 10_000
# A Redis that hangs must not make every call wait: it is asked again after this pause.
_PAUSE_SECONDS = 1.0
_ANSWER_SECONDS = 0.5
# Who has an IPv6 address has at least the other 2^64 of its network (RFC 6177).
_IPV6_NETWORK_BITS = 64


@dataclass(frozen=True)
class Limit:
    """At most ``count`` calls in any ``window_seconds``."""

    count: int
    window_seconds: int


@dataclass(frozen=True)
class Decision:
    """Whether the call may go on, how many more may follow, and when one more than that may."""

    allowed: bool
    remaining: int
    reset_seconds: int


class _RedisStorage(RedisStorage):
    """Without the other clients of Redis, which it would load wherever they are installed."""

    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012 - as the class above


class RateLimiter:
    """Counts calls by key. Processes that share a Redis count together."""

    def __init__(self, redis: Redis):
        # Its types are of URLs; a pool goes to the client as it is.
        pool: Any = redis.connection_pool
        shared = _RedisStorage(
            "async+redis://", implementation="redispy", key_prefix=_PREFIX, connection_pool=pool
        )
        self._shared = SlidingWindowCounterRateLimiter(shared)
        self._local_storage = MemoryStorage()
        self._local = SlidingWindowCounterRateLimiter(self._local_storage)
        self._away_until = 0.0

    async def hit(self, key: str, limit: Limit) -> Decision:
        """Count a call of ``key``, if it is allowed."""
        if time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    decision = await _count(self._shared, key, limit)
                RATE_LIMITS_SHARED.set(1)
                return await self._agree(decision, key, limit)
            except REDIS_AWAY:
                self._away_until = time.monotonic() + _PAUSE_SECONDS
                RATE_LIMITS_SHARED.set(0)
        RATE_LIMIT_FALLBACKS.inc()
        return await self._count_here(key, limit)

    async def _agree(self, shared: Decision, key: str, limit: Limit) -> Decision:
        """What Redis decided, unless this process has let pass as much as may: some of it while
        Redis was away. One more may when both say so: their windows begin at different times."""
        if shared.allowed:
            here = await self._count_here(key, limit)
            if here.allowed:
                return shared
        else:
            here = await _state(self._local, key, limit, allowed=False)
        full = [each.reset_seconds for each in (shared, here) if each.remaining == 0]
        return Decision(allowed=False, remaining=0, reset_seconds=max(full, default=1))

    async def _count_here(self, key: str, limit: Limit) -> Decision:
        if len(self._local_storage.storage) >= _LOCAL_KEYS:
            await self._local_storage.reset()  # counts are worth less than the memory they take
        return await _count(self._local, key, limit)

    async def forget(self, key: str, limit: Limit) -> None:
        """Count from nothing again what ``hit`` counted of ``key`` under ``limit``."""
        await self._local.clear(_item(limit), key)
        with contextlib.suppress(*REDIS_AWAY):
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._shared.clear(_item(limit), key)


async def _count(limiter: SlidingWindowCounterRateLimiter, key: str, limit: Limit) -> Decision:
    allowed = await limiter.hit(_item(limit), key)
    return await _state(limiter, key, limit, allowed=allowed)


async def _state(
    limiter: SlidingWindowCounterRateLimiter, key: str, limit: Limit, *, allowed: bool
) -> Decision:
    stats = await limiter.get_window_stats(_item(limit), key)
    wait = stats.reset_time - time.time()
    if wait <= 0 and stats.remaining == 0:
        # The library takes the time to the end of a window by its length, so that of a window
        # which has begun this very moment is nothing.
        wait = limit.window_seconds
    return Decision(allowed, stats.remaining, max(1, math.ceil(wait)))


def _item(limit: Limit) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(limit.count, limit.window_seconds)


def network_of(address: str) -> str:
    """What is limited of an address: itself, or of IPv6 its network of 64 bits.

    Whatever is no address, such as a proxy's ``unknown``, is ``unknown``: all of it shares a limit.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
