"""How long Render is waited for: limits of creations, things that come to be, cancellations."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import RateLimited
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink

Result = TypeVar("Result")

# 20 services an hour may be made, so the next may be almost an hour away (recorded, 2026-06).
LONGEST_LIMIT_SECONDS = 3600.0
_LOOKS = 3
_BETWEEN_LOOKS_SECONDS = 2.0


async def outwait_limit(
    call: Callable[[], Awaitable[Result]], what: str, log: LogSink, timing: Timing
) -> Result:
    """The result of a call that Render may take only later; the log says until when it waits.

    Raises ``RateLimited`` where all waits together would last longer than an hour.
    """
    deadline = timing.monotonic() + LONGEST_LIMIT_SECONDS
    while True:
        try:
            return await call()
        except RateLimited as error:
            wait = error.retry_after_seconds
            if timing.monotonic() + wait > deadline:
                raise
        until = timing.now() + timedelta(seconds=wait)
        await log(
            "warn",
            "render",
            f"Render {what} only from {until:%H:%M:%S} UTC on; waiting until then.",
        )
        await timing.sleep(wait)


async def look_for(find: Callable[[], Awaitable[Result | None]], timing: Timing) -> Result | None:
    """What ``find`` finds, also where Render shows it a little late."""
    for _ in range(_LOOKS - 1):
        found = await find()
        if found is not None:
            return found
        await timing.sleep(_BETWEEN_LOOKS_SECONDS)
    return await find()


def poll_seconds(waited: float) -> float:
    """The wait before a status is asked for again: 400 reads a minute are allowed to an account,
    and each look at a build takes two."""
    return 2.0 if waited < 30 else 5.0 if waited < 300 else 10.0


async def find(read: Awaitable[Result]) -> Result | None:
    """What is read; None where Render has it no more."""
    try:
        return await read
    except NotFound:
        return None
