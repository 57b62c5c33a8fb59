"""How providers say that they take no more calls for now, as data.

Sources, read 2026-11: GitHub, docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
and best-practices; Vercel, its command line's retries; Render and Supabase, recorded answers
(Render's documentation says that its reset is an epoch, the answers hold the seconds left).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from math import isfinite

from autodeploy.kernel.http.answers import Answer


class Reset(Enum):
    """What the number in the header of the reset means."""

    EPOCH_SECONDS = 1
    SECONDS_LEFT = 2


@dataclass(frozen=True, kw_only=True)
class LimitRules:
    """How one provider tells of its limit.

    Attributes:
        also_forbidden: it may answer 403 instead of 429, which then has to be told apart.
        remaining, reset: names of headers; ``reset_means`` is the unit of the second.
        default_seconds: what to wait when it names no time, doubled each time that it comes again.
        of_account: a limit is one of the whole account: until it ends, none of its calls is served.
        longest_seconds: after which it is to be asked again, whatever it says.
    """

    also_forbidden: bool = False
    of_account: bool = False
    remaining: str = "x-ratelimit-remaining"
    reset: str = "x-ratelimit-reset"
    reset_means: Reset = Reset.SECONDS_LEFT
    default_seconds: float = 5.0
    longest_seconds: float = 24 * 3600.0

    def wait_seconds(self, answer: Answer, attempt: int, now: datetime) -> float | None:
        """How long to wait before the call may be sent again; None when no limit refused it.

        ``attempt`` counts from 1. Times of day are held against the answer's own ``Date``, so
        that clocks which differ do no harm.
        """
        if answer.status != HTTPStatus.TOO_MANY_REQUESTS and not self._is_limit(answer):
            return None
        here = _date(answer.headers.get("date")) or now
        wait = _seconds(answer.headers.get("retry-after"), here)
        if wait is None and answer.headers.get(self.remaining, "0") == "0":
            wait = self._until_reset(answer.headers, here)
        if wait is None:
            wait = self.default_seconds * 2 ** (attempt - 1)
        return min(wait, self.longest_seconds)

    def _is_limit(self, answer: Answer) -> bool:
        """Whether a 403 tells of a limit, and not of a right that is missing."""
        return (
            self.also_forbidden
            and answer.status == HTTPStatus.FORBIDDEN
            and (
                answer.headers.get(self.remaining) == "0"
                or "retry-after" in answer.headers
                or b"rate limit" in answer.body.lower()
            )
        )

    def _until_reset(self, headers: Mapping[str, str], here: datetime) -> float | None:
        try:
            number = float(headers.get(self.reset, ""))
        except ValueError:
            return None
        if not isfinite(number):
            return None
        if self.reset_means is Reset.EPOCH_SECONDS:
            # A second more: the epoch is cut to whole seconds, and so is the date.
            number = number - here.timestamp() + 1
        return max(number, 0.0)


PLAIN = LimitRules()
# A secondary limit without a time is waited for at least a minute.
GITHUB = LimitRules(
    also_forbidden=True, of_account=True, reset_means=Reset.EPOCH_SECONDS, default_seconds=60
)
VERCEL = LimitRules(reset_means=Reset.EPOCH_SECONDS, longest_seconds=60)
RENDER = LimitRules(remaining="ratelimit-remaining", reset="ratelimit-reset")
SUPABASE = LimitRules(default_seconds=60)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """What ``Retry-After`` asks for, as seconds or as a date (RFC 9110, section 10.2.3)."""
    here = _date(headers.get("date")) or now
    return _seconds(headers.get("retry-after"), here)


def _seconds(value: str | None, here: datetime) -> float | None:
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    date = _date(value)
    return None if date is None else max((date - here).total_seconds(), 0.0)


def _date(value: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
