"""A service that does not answer is left alone for a while.

Own code: of the kept libraries `aiobreaker` has had no release since 2021, and `pybreaker` counts
exceptions of calls that it makes itself, also those that tell of our own mistakes.
"""

from datetime import datetime

import structlog

from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.timing import Timing

_FAILURES = 5
_OPEN_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class Breaker:
    """Counts the failures of one service in a row, to connect or to serve.

    After five it is open: calls fail at once. Then one probe is let through every 30 seconds,
    whose answer closes it.
    """

    def __init__(self, service: str, timing: Timing):
        self._service = service
        self._timing = timing
        self._failures = 0
        self._since: datetime | None = None
        self._next_probe = 0.0
        self._probing = False

    def admit(self) -> None:
        """Ask before each attempt, and ``settle`` it. Raises ``ProviderUnavailable`` when open."""
        if self._failures < _FAILURES:
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

    def settle(self, served: bool | None) -> None:
        """Whether the attempt was served; None when it was given up before that was known."""
        self._probing = False
        if served is None:
            return
        if served:
            self._failures, self._since = 0, None
            return
        self._failures += 1
        self._since = self._since or self._timing.now()
        if self._failures >= _FAILURES:
            self._next_probe = self._timing.monotonic() + _OPEN_SECONDS
            _log.warning("service does not answer", service=self._service, failures=self._failures)
