"""The home folder: whether it can be written, reached and executed from, and who reads its keys."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autodeploy.cli.operator.checks.check import NOBODY, Check, Verdict, existing, is_open_to_others
from autodeploy.kernel.embedded.parts import can_execute
from autodeploy.settings import Settings, default_home


def folder(settings: Settings) -> Iterator[Check]:
    """Whether the platform can live there."""
    home = settings.home
    place, remedy = existing(home), _elsewhere(home)
    if not place.is_dir():
        yield Check("home", Verdict.MISSING, f"{place} is not a folder", remedy)
    elif problem := _write_problem(place):
        yield Check("home", Verdict.MISSING, f"{home} is not writable: {problem}", remedy)
    elif os.geteuid() == 0 and not can_execute(place, NOBODY):
        yield Check("home", Verdict.MISSING, f"{home} cannot be reached by other users", remedy)
    elif _is_mounted(place, os.ST_NOEXEC):
        yield Check("home", Verdict.MISSING, f"{home} is on a disk mounted noexec", remedy)
    elif home.exists() and home.stat().st_uid != os.geteuid():
        yield Check(
            "home",
            Verdict.MISSING,
            f"{home} belongs to the user id {home.stat().st_uid}",
            "Run AutoDeploy as that user, or name another AUTODEPLOY_HOME.",
        )
    else:
        yield Check("home", Verdict.OK, str(home))


def secrets(settings: Settings) -> Iterator[Check]:
    """Whether the keys are readable by us alone."""
    open_to_others = [
        path
        for path in (settings.master_key_file, settings.jwt_key_file)
        if is_open_to_others(path)
    ]
    for path in open_to_others:
        yield Check(
            "permissions",
            Verdict.MISSING,
            f"{path} can be read by others",
            f"chmod 600 {path}; and make new keys if somebody else was on this machine.",
        )
    if not open_to_others:
        yield Check("permissions", Verdict.OK, "no key is readable by others")


def _elsewhere(home: Path) -> str:
    """What to do about a home that cannot be: the usual place of this user, unless it is that."""
    try:
        usual = default_home()
    except RuntimeError:  # a user without a home folder has none
        usual = home
    such_as = "" if usual == home else f", such as {usual}"
    return f"Name another folder, which you may write to, with AUTODEPLOY_HOME{such_as}."


def _write_problem(place: Path) -> str | None:
    """Why no file can be made there. One is really tried, and never has a name."""
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        return error.strerror
    return None


def _is_mounted(place: Path, flag: int) -> bool:
    return bool(os.statvfs(place).f_flag & flag)
