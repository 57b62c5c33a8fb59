"""A service that does not answer is left alone for a while.

Own code: of the kept libraries `aiobreaker` has had no release since 2021, and `pybreaker` counts
exceptions of calls that it makes itself, also those that tell of our own mistakes.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog

from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.timing import Timing

_FAILURES = 5
_OPEN_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """What was asked for in vain: an operation, for an account, which is a digest."""

    route: str
    account: bytes | None


class Breaker:
    """Counts the calls to one service in a row that failed, to connect or to be served.

    After five it is open, if they are of more than one place or did not even connect: calls fail
    at once. Then one probe is let through every 30 seconds, whose answer closes it. What fails in
    one place alone, such as a comparison that is too large, keeps nobody from the service.
    """

    def __init__(self, service: str, timing: Timing):
        self._service = service
        self._timing = timing
        self._failures = 0
        self._places: set[Place | None] = set()
        self._since: datetime | None = None
        self._next_probe = 0.0
        self._probing = False

    def admit(self) -> None:
        """Ask before each attempt, and ``settle`` it. Raises ``ProviderUnavailable`` when open."""
        if not self._is_open:
            return
        left = self._next_probe - self._timing.monotonic()
        if left <= 0 and not self._probing:
            self._probing = True
            return
        since = f"{self._since:%Y-%m-%d %H:%M:%S}" if self._since else "a while"
        raise ProviderUnavailable(
            f"{self._service} does not answer since {since} UTC.",
            remedy=f"It is asked again in {max(round(left), 1)} s. Try again then.",
        )

    def settle(self, served: bool | None, place: Place | None, *, first: bool) -> None:
        """Whether an attempt was served; None when it was given up before that was known. Without
        a place it did not connect. Only the first attempt of a call counts as a failure."""
        self._probing = False
        if served is None:
            return
        if served:
            self._failures, self._since = 0, None
            self._places.clear()
            return
        if first:
            self._failures += 1
            self._places.add(place)
        self._since = self._since or self._timing.now()
        if self._is_open:
            self._next_probe = self._timing.monotonic() + _OPEN_SECONDS
            _log.warning("service does not answer", service=self._service, failures=self._failures)

    @property
    def _is_open(self) -> bool:
        everywhere = None in self._places or len(self._places) > 1
        return self._failures >= _FAILURES and everywhere
