"""Outlasting a service that does not answer for a while: what it was asked for goes on then."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from autodeploy.kernel.http.errors import ProviderUnavailable, RateLimited
from autodeploy.kernel.http.timing import Timing

Result = TypeVar("Result")

OUTAGE_SECONDS = 300.0
_BETWEEN_TRIES_SECONDS = 10.0


async def outlast(read: Callable[[], Awaitable[Result]], timing: Timing) -> Result:
    """What is read, also when the service does not answer for a few minutes.

    Raises ``ProviderUnavailable`` when that lasts longer than five minutes.
    """
    deadline = timing.monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return await read()
        except ProviderUnavailable as error:
            asked = error.retry_after_seconds if isinstance(error, RateLimited) else 0
            wait = max(asked, _BETWEEN_TRIES_SECONDS)
            if timing.monotonic() + wait > deadline:
                raise
        await timing.sleep(wait)
