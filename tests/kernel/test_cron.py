"""Schedules: the same moments as another implementation, and errors that name the field."""

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from autodeploy.kernel.cron import parse_schedule

MOMENTS = st.datetimes(
    min_value=datetime(2001, 1, 1), max_value=datetime(2095, 1, 1), timezones=st.just(UTC)
)


def _field(lowest: int, highest: int) -> st.SearchStrategy[str]:
    number = st.integers(lowest, highest)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, 9)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    part = st.one_of(number.map(str), span, step)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


#: Either days or weekdays: where both are restricted, others read a step of all differently.
SCHEDULES = st.one_of(
    st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), st.just("*")),
    st.tuples(_field(0, 59), _field(0, 23), st.just("*"), _field(1, 12), _field(0, 6)),
).map(" ".join)


@given(SCHEDULES, MOMENTS)
def test_next_moment_is_that_of_another_implementation(text: str, moment: datetime) -> None:
    expected = croniter(text, moment).get_next(datetime)
    assert parse_schedule(text).after(moment) == expected


@given(SCHEDULES, MOMENTS)
def test_moments_follow_each_other_without_end(text: str, moment: datetime) -> None:
    schedule = parse_schedule(text)
    first = schedule.after(moment)
    assert first > moment
    assert (first.second, first.microsecond) == (0, 0)
    assert schedule.after(first - timedelta(seconds=1)) == first
    assert schedule.after(first) > first


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 3 * * *", "2026-11-27T03:00", "2026-11-28T03:00"),
        ("*/15 * * * *", "2026-11-27T03:59:30", "2026-11-27T04:00"),
        ("5/20 * * * *", "2026-11-27T03:06", "2026-11-27T03:25"),
        ("0 9 * jan MON-Fri", "2026-11-27T03:00", "2027-01-01T09:00"),
        ("0 0 * * 7", "2026-11-27T03:00", "2026-11-29T00:00"),
        ("0 0 13 * fri", "2026-11-28T00:00", "2026-12-04T00:00"),  # a 13th, or a Friday
        ("0 0 29 2 *", "2097-01-01T00:00", "2104-02-29T00:00"),
        ("59 23 31 12 *", "2026-12-31T23:59", "2027-12-31T23:59"),
    ],
)
def test_moments(text: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(f"{after}+00:00")
    assert parse_schedule(text).after(moment) == datetime.fromisoformat(f"{expected}+00:00")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 0 3 * * *", "6 fields"),
        ("@daily", "1 fields"),
        ("60 * * * *", "minute `60`"),
        ("* 24 * * *", "hour `24`"),
        ("* * 0 * *", "day `0`"),
        ("* * * 13 *", "month `13`"),
        ("* * * * 8", "weekday `8`"),
        ("* * * * mon#1", "weekday `mon#1`"),
        ("* * L * *", "day `L`"),
        ("*/0 * * * *", "step of 0"),
        ("30-10 * * * *", "ends before it begins"),
        ("-5 * * * *", "minute `-5`"),
        ("1,,2 * * * *", "minute ``"),
        ("٣ * * * *", "minute"),
        ("0 0 30 2 *", "never comes"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_schedule(text)
    assert said in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_schedule(text)
    except ValueError as refused:
        assert str(refused)
