"""How often Vercel is asked how something fares: as its own client asks (2026)."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from autodeploy.kernel.http.errors import ProviderUnavailable, RateLimited
from autodeploy.kernel.http.timing import Timing

State = TypeVar("State")

# Until so many seconds have passed, it is asked each so many.
_DELAYS = ((15.0, 1.0), (60.0, 5.0), (300.0, 15.0))
_LAST_DELAY = 30.0
# A wait outlives answers that are missing: so many in a row.
_MOST_FAILURES = 5
_AFTER_FAILURE = 5.0


async def poll(
    timing: Timing,
    ask: Callable[[], Awaitable[State]],
    enough: Callable[[State], bool],
    longest_seconds: float,
) -> State:
    """Ask until it is enough.

    Raises ``TimeoutError`` after ``longest_seconds``, and what ``ask`` raises; an outage only when
    it lasts.
    """
    begun, failures = timing.monotonic(), 0
    while True:
        passed = timing.monotonic() - begun
        wait = next((delay for until, delay in _DELAYS if passed < until), _LAST_DELAY)
        try:
            state = await ask()
        except ProviderUnavailable as error:
            failures += 1
            if failures > _MOST_FAILURES:
                raise
            asked = error.retry_after_seconds if isinstance(error, RateLimited) else _AFTER_FAILURE
            wait = max(wait, float(asked))
        else:
            if enough(state):
                return state
            failures = 0
        if timing.monotonic() - begun + wait > longest_seconds:
            raise TimeoutError
        await timing.sleep(wait)
