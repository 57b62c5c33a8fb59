"""How many requests a minute apps have answered lately, by what the proxy counts.

The counts begin anew whenever Caddy takes another configuration, which is when an app comes or
goes; what was answered since the look before is not told then.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.http.timing import SystemTiming, Timing
from autodeploy.providers.base import Traffic

_PAUSE_SECONDS = 15.0
_LOOKS = 20  # five minutes
_NOTHING = Traffic(0, 0)


class Counting(Protocol):
    """Who counts the requests of apps, by their numbers."""

    async def traffic(self) -> Mapping[int, Traffic]:
        """The counts so far. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True)
class Rate:
    """Requests a minute, and how many of them were answered by a server error."""

    answers: float
    failures: float


@dataclass(frozen=True)
class _Look:
    """``at`` is of the monotonic clock; ``answered`` what apps have answered since they were first
    seen, by what was ``counted``."""

    at: float
    counted: Mapping[int, Traffic]
    answered: Mapping[int, Traffic]

    def then(self, at: float, counted: Mapping[int, Traffic]) -> "_Look":
        answered = {
            number: self.answered[number] + now.since(self.counted[number])
            if number in self.answered
            else _NOTHING
            for number, now in counted.items()
        }
        return _Look(at, counted, answered)


class Rates:
    """Looks at the counts now and then, and remembers them for five minutes."""

    def __init__(self, counting: Counting, timing: Timing | None = None):
        self._counting = counting
        self._timing = timing or SystemTiming()
        self._looks = deque([_Look(self._timing.monotonic(), {}, {})], maxlen=_LOOKS)
        self._looking = asyncio.Lock()

    async def keep(self) -> None:
        """Look until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):
                async with self._looking:
                    self._looks.append(await self._look())
            await self._timing.sleep(_PAUSE_SECONDS)

    async def of(self, number: int) -> Rate | None:
        """The rate of an app over the last five minutes, or since it was first seen; less than a
        minute counts as one. None for what is not counted, and at the first look."""
        async with self._looking:
            try:
                now = await self._look()
            except Unavailable:
                return None
            first = next((each for each in self._looks if number in each.answered), None)
            if number not in now.answered:
                return None
            if first is None:
                self._looks.append(now)
                return None
        minutes = max((now.at - first.at) / 60, 1.0)
        seen = now.answered[number].since(first.answered[number])
        return Rate(seen.answers / minutes, seen.failures / minutes)

    async def _look(self) -> _Look:
        counted = await self._counting.traffic()
        return self._looks[-1].then(self._timing.monotonic(), counted)
