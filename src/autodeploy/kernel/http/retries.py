"""When a call is sent again: never one that may have been applied and is not to be twice.

The loop is our own: `tenacity` and `stamina` (both looked at in 2026-11) wait by exceptions and by
the clock of the machine, while here the answer, the method and the bound of the whole call decide
together whether a wait is worth it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.timing import Timing

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long and how often a service is tried.

    Attributes:
        attempts: how often a call is sent at most.
        whole_seconds: the bound of all attempts with the waits between them.
        connect_seconds: the bound of a connection.
        read_seconds: the longest silence within an answer.
        first_wait_seconds: doubled with each attempt, up to ``longest_wait_seconds``.
    """

    attempts: int = 4
    whole_seconds: float = 30.0
    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 8.0

    def backoff_seconds(self, attempt: int, share: float) -> float:
        """The wait after the attempt of that number, from 1: half of it is jitter."""
        full = min(self.first_wait_seconds * 2.0 ** (attempt - 1), self.longest_wait_seconds)
        return full * (1 + share) / 2


#: For a person who waits, and who starts again when it fails.
ONCE = Patience(attempts=1, whole_seconds=10.0)


@dataclass(frozen=True)
class Setback:
    """An attempt that brought no answer.

    ``wait_seconds`` is what the service asked for, None when it asked for nothing. ``reached`` is
    whether there was a connection to it.
    """

    error: ProviderUnavailable
    repeatable: bool
    wait_seconds: float | None = None
    reached: bool = True


async def persist(
    attempt: Callable[[int, float], Awaitable[Result | Setback]],
    patience: Patience,
    timing: Timing,
    within_seconds: float,
) -> Result:
    """The result of the first attempt that has one.

    ``attempt`` gets its number, from 1, and the seconds that are left. The error of a setback is
    raised at once when the call may not be repeated, or when the wait does not fit what is left.
    """
    deadline = timing.monotonic() + within_seconds
    number = 1
    while True:
        outcome = await attempt(number, deadline - timing.monotonic())
        if not isinstance(outcome, Setback):
            return outcome
        wait = patience.backoff_seconds(number, timing.share())
        if outcome.wait_seconds is not None:
            # A little later than asked, and not all at the same moment.
            wait = max(wait, outcome.wait_seconds + min(wait, outcome.wait_seconds / 10))
        if (
            not outcome.repeatable
            or number >= patience.attempts
            or timing.monotonic() + wait >= deadline
        ):
            raise outcome.error
        await timing.sleep(wait)
        number += 1
