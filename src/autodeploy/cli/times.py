"""Times that users write."""

import contextlib
import re
from datetime import UTC, datetime, timedelta

from autodeploy.cli.failures import CommandError, ExitCode

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,9})([smhdw])")


def duration_seconds(text: str, option: str) -> int:
    """A length of time such as ``90s``, ``10m`` or ``2h``, in seconds.

    Raises:
        CommandError: it is none; ``option`` is what it was given as.
    """
    if length := _AGE.fullmatch(text.strip()):
        with contextlib.suppress(OverflowError):
            return int(timedelta(**{_UNITS[length[2]]: int(length[1])}).total_seconds())
    raise CommandError(
        f"{text!r} is no length of time.",
        remedy=f"Give {option} one such as 90s, 10m or 2h.",
        exit_code=ExitCode.USAGE,
    )


def moment(text: str, option: str) -> datetime:
    """A time: an age such as ``90s``, ``10m``, ``2h``, ``3d``, or an ISO date with or without time.

    Raises:
        CommandError: it is neither; ``option`` is what it was given as.
    """
    if age := _AGE.fullmatch(text.strip()):
        try:
            return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC, year=1970)
    try:
        # A time without a zone is one of this machine.
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{text!r} is no time.",
            remedy=f"Give {option} an age such as 90s, 10m, 2h or 3d, or a time such as "
            "2026-11-23T08:00.",
            exit_code=ExitCode.USAGE,
        ) from None
