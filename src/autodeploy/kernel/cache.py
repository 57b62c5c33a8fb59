"""Short-lived values on the Redis protocol: rate-limit windows and one-use tickets.

Nothing here is the truth: Redis may be lost at any moment and only these values with it.
"""

from redis.asyncio import Redis

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.redis import REDIS_AWAY

_PREFIX = "autodeploy:cache:"


class Cache:
    """Values under one prefix, each with a time to live."""

    def __init__(self, redis: Redis):
        self.redis = redis

    @classmethod
    def connect(cls, redis_url: str) -> "Cache":
        """A cache on ``redis://…`` or ``unix:///path``; connects at the first use."""
        return cls(Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2))

    async def put(self, key: str, value: bytes, *, ttl_seconds: int) -> None:
        """Store ``value``, replacing what was there. Raises ``Unavailable``."""
        try:
            await self.redis.set(_PREFIX + key, value, ex=ttl_seconds)
        except REDIS_AWAY as error:
            raise _unavailable() from error

    async def find(self, key: str) -> bytes | None:
        """The value, or None when it is gone. Raises ``Unavailable``."""
        try:
            value = await self.redis.get(_PREFIX + key)
        except REDIS_AWAY as error:
            raise _unavailable() from error
        return _bytes(value)

    async def take(self, key: str) -> bytes | None:
        """The value, removed in the same step: of several callers one gets it."""
        try:
            value = await self.redis.getdel(_PREFIX + key)
        except REDIS_AWAY as error:
            raise _unavailable() from error
        return _bytes(value)

    async def ping(self) -> None:
        """Return when Redis answers. Raises ``Unavailable``."""
        try:
            await self.redis.ping()
        except REDIS_AWAY as error:
            raise _unavailable() from error

    async def close(self) -> None:
        await self.redis.aclose()


def _unavailable() -> Unavailable:
    return Unavailable("The cache does not answer.", remedy="Try again in a moment.")


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
