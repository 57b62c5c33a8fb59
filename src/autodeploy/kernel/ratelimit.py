"""Sliding-window rate limits, counted in Redis and in this process while Redis is away."""

import contextlib
import math
import time
from collections import OrderedDict
from dataclasses import dataclass

from redis.asyncio import Redis

from autodeploy.kernel.redis import REDIS_AWAY

_PREFIX = "autodeploy:rate:"
_LOCAL_KEYS = 10_000

# The count of the last window_seconds is estimated from two fixed windows: what the one before
# had, weighted by how much of it is still inside, and the present one. One step, so that
# concurrent calls cannot pass the limit together. Returns the estimate, counted or not.
_HIT = """
local before = tonumber(redis.call('GET', KEYS[1]) or '0')
local present = tonumber(redis.call('GET', KEYS[2]) or '0')
local estimate = before * tonumber(ARGV[1]) + present
if estimate + 1 > tonumber(ARGV[2]) then return {0, tostring(estimate)} end
redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return {1, tostring(estimate + 1)}
"""


@dataclass(frozen=True)
class Limit:
    """At most ``count`` calls in any ``window_seconds``."""

    count: int
    window_seconds: int


@dataclass(frozen=True)
class Decision:
    """Whether the call may go on, how many more may follow, and when the window is over."""

    allowed: bool
    remaining: int
    reset_seconds: int


class RateLimiter:
    """Counts calls by key."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._hit = redis.register_script(_HIT)
        self._local: OrderedDict[str, int] = OrderedDict()

    async def hit(self, key: str, limit: Limit, *, moment: float | None = None) -> Decision:
        """Count a call of ``key`` at ``moment`` (Unix seconds, default now) if it is allowed."""
        moment = time.time() if moment is None else moment
        window, elapsed = divmod(moment, limit.window_seconds)
        share_before = 1 - elapsed / limit.window_seconds
        keys = [f"{_PREFIX}{key}:{int(window) - 1}", f"{_PREFIX}{key}:{int(window)}"]
        try:
            allowed, estimate = await self._hit(
                keys=keys, args=[share_before, limit.count, 2 * limit.window_seconds]
            )
        except REDIS_AWAY:
            allowed, estimate = self._hit_locally(keys, share_before, limit)
        remaining = max(0, math.floor(limit.count - float(estimate)))
        reset = max(1, math.ceil(limit.window_seconds - elapsed))
        return Decision(bool(allowed), remaining, reset)

    async def forget(self, key: str, limit: Limit, *, moment: float | None = None) -> None:
        """Count from nothing again what ``hit`` counted of ``key`` under ``limit``."""
        window = int((time.time() if moment is None else moment) // limit.window_seconds)
        keys = [f"{_PREFIX}{key}:{window - 1}", f"{_PREFIX}{key}:{window}"]
        for each in keys:
            self._local.pop(each, None)
        with contextlib.suppress(*REDIS_AWAY):
            await self._redis.delete(*keys)

    def _hit_locally(
        self, keys: list[str], share_before: float, limit: Limit
    ) -> tuple[bool, float]:
        before, present = (self._local.get(key, 0) for key in keys)
        estimate = before * share_before + present
        if estimate + 1 > limit.count:
            return False, estimate
        self._local[keys[1]] = present + 1
        self._local.move_to_end(keys[1])
        while len(self._local) > _LOCAL_KEYS:
            self._local.popitem(last=False)
        return True, estimate + 1
