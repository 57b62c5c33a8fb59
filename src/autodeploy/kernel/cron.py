"""Schedules of five fields, as cron reads them, in UTC: ``minute hour day month weekday``.

Each field is ``*``, a number, a range ``a-b``, either with a step ``/n``, or a list of these with
commas. Months and weekdays may be named by three letters; 7 is Sunday like 0. Where day and weekday
are both restricted, either is enough, as POSIX says
(https://pubs.opengroup.org/onlinepubs/9799919799/utilities/crontab.html, read 2026-11).

Not croniter, which the tests compare this with: of the release that bullmq asks for (2.0.7, seen
2026-11) no other may be installed, and it takes 6 MB in each process that imports it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", re.ASCII)
# Between two 29ths of February there may be eight years: 2096 and 2104.
_LONGEST_DAYS = 8 * 366 + 1
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """The numbers that the field stands for. Raises ``ValueError``."""
        found: set[int] = set()
        for part in text.split(","):
            matched = _PART.fullmatch(part)
            if matched is None:
                raise ValueError(f"the {self.name} `{part[:40]}` is none that cron knows")
            every, first, last, step = matched.groups()
            start = self.lowest if every == "*" else self._number(first)
            if every == "*" or (last is None and step is not None):
                end = self.highest
            else:
                end = start if last is None else self._number(last)
            if end < start:
                raise ValueError(f"the {self.name} `{part}` ends before it begins")
            if step is not None and int(step) == 0:
                raise ValueError(f"the {self.name} `{part}` has a step of 0")
            found.update(range(start, end + 1, int(step or 1)))
        return frozenset(found)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.lowest
        number = int(text) if text.isdigit() and len(text) <= 4 else -1
        if not self.lowest <= number <= self.highest:
            raise ValueError(
                f"the {self.name} `{text[:40]}` is not from {self.lowest} to {self.highest}"
            )
        return number


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True)
class Schedule:
    """The moments that a line of five fields names. ``weekdays`` counts from Sunday, 0.

    ``either_day`` says that a day of ``days`` or of ``weekdays`` is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def after(self, moment: datetime) -> datetime:
        """The first moment of the schedule after ``moment``, in UTC."""
        first = moment.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
        for count in range(_LONGEST_DAYS):
            day = first.date() + timedelta(days=count)
            if not self._has(day):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = datetime.combine(day, time(hour, minute), UTC)
                    if found >= first:
                        return found
        raise ValueError("it names a day that never comes")

    def _has(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday


def parse_schedule(text: str) -> Schedule:
    """The schedule that ``text`` writes.

    Raises ``ValueError`` that says which field is wrong, or that its day never comes.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"has {len(parts)} fields, not the five of minute, hour, day, month and weekday"
        )
    minutes, hours, days, months, weekdays = (
        field.values(part) for field, part in zip(_FIELDS, parts, strict=True)
    )
    schedule = Schedule(
        minutes,
        hours,
        days,
        months,
        frozenset(number % 7 for number in weekdays),
        either_day=not parts[2].startswith("*") and not parts[4].startswith("*"),
    )
    schedule.after(datetime(2000, 1, 1, tzinfo=UTC))
    return schedule
