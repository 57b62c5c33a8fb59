"""One way to open a Redis client, for TCP, TLS and unix-socket URLs."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from autodeploy.kernel.errors import InvalidInput

SCHEMES = ("redis://", "rediss://", "unix://")

#: What a call on a client raises while the server is away.
REDIS_AWAY = (RedisError, OSError, TimeoutError)


def open_redis(url: str, *, retries: int, max_connections: int = 16) -> Redis:
    """A client that connects on first use.

    No read time-out: blocking reads are how idle consumers wait, and a time-out makes them
    reconnect in a loop; a dead peer is found by TCP keepalive. Callers that must answer bound
    the whole call with ``asyncio.timeout``.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix:///path?db=0``.
        retries: how often a call is tried again when the connection is lost.
        max_connections: further calls wait for a free connection instead of failing.

    Raises:
        InvalidInput: the URL has another scheme.
    """
    if not url.startswith(SCHEMES):
        raise InvalidInput(
            f"A Redis URL begins with one of {', '.join(SCHEMES)}.",
            remedy="Set AUTODEPLOY_REDIS_URL to such a URL, or unset it for the embedded server.",
        )
    options: dict[str, object] = {
        "decode_responses": True,
        "socket_timeout": None,
        "socket_connect_timeout": 5,
        "retry": Retry(ExponentialBackoff(cap=1, base=0.05), retries),
        "max_connections": max_connections,
        "timeout": None,
    }
    if not url.startswith("unix://"):
        options["socket_keepalive"] = True
    pool = BlockingConnectionPool.from_url(url, **options)
    return Redis.from_pool(pool)
