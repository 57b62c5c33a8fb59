"""Times that users write, such as of ``logs --since``."""

from datetime import UTC, datetime, timedelta

import pytest

from autodeploy.cli.failures import CommandError
from autodeploy.cli.times import moment


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        (" 2h ", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_age_is_counted_from_now(text: str, age: timedelta) -> None:
    before = datetime.now(UTC) - age
    assert before <= moment(text, "--since") <= datetime.now(UTC) - age


def test_time_is_taken_with_its_zone() -> None:
    assert moment("2026-11-23T08:00+02:00", "--since") == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert moment("2026-11-23", "--since").tzinfo is UTC
    assert moment("999999999d", "--since") == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "10", "-5m", "10 minutes", "1e3s", "0001-01-01"])
def test_other_text_is_wrong_usage_with_examples(text: str) -> None:
    with pytest.raises(CommandError) as refused:
        moment(text, "--since")
    assert refused.value.remedy
    assert refused.value.remedy.startswith("Give --since an age such as")
