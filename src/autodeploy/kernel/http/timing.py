"""The time that calls are bounded by and wait for, in one place, so that tests need not wait."""

import asyncio
import random
import time
from datetime import datetime
from typing import Protocol

from autodeploy.kernel import clock


class Timing(Protocol):
    """Seconds everywhere. ``monotonic`` never goes back, ``now`` is the wall clock in UTC."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...

    def share(self) -> float:
        """A random number from 0 to 1, for jitter."""
        ...


class SystemTiming:
    """The time of this machine."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return clock.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def share(self) -> float:
        return random.random()  # noqa: S311 - jitter is no secret
