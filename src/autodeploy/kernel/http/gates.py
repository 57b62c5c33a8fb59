"""An account that has reached its limit is asked nothing until the limit ends.

GitHub may ban who goes on asking (docs.github.com, "Best practices for using the REST API",
2026-11).
"""

from autodeploy.kernel.http.timing import Timing

# A limit that says more is asked about again: the windows of GitHub are an hour.
_LONGEST_SECONDS = 3600.0


class Gates:
    """The accounts of one service, by digest, that have to wait; for how long they are known."""

    def __init__(self, timing: Timing):
        self._timing = timing
        self._until: dict[bytes, float] = {}

    def close(self, account: bytes, seconds: float) -> None:
        """Let nothing of this account through for so long."""
        now = self._timing.monotonic()
        self._until = {each: until for each, until in self._until.items() if until > now}
        self._until[account] = now + min(seconds, _LONGEST_SECONDS)

    def seconds_left(self, account: bytes | None) -> float:
        """How long it has to wait; 0 when it need not."""
        until = self._until.get(account) if account is not None else None
        return 0.0 if until is None else max(until - self._timing.monotonic(), 0.0)
