"""One check and its outcome."""

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from autodeploy.kernel.process import SystemUser

NOBODY = SystemUser("nobody", 65534, 65534)  # stands for the users that apps run as


class Verdict(StrEnum):
    """``missing`` stops AutoDeploy or an app of a common kind; ``advice`` does not."""

    OK = "ok"
    ADVICE = "advice"
    MISSING = "missing"


@dataclass(frozen=True)
class Check:
    """What was found on this machine, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    remedy: str | None = None


def existing(path: Path) -> Path:
    """``path``, or the nearest folder above it that exists and can be seen."""
    return next(place for place in (path, *path.parents) if os.path.exists(place))  # noqa: PTH110


def is_open_to_others(path: Path) -> bool:
    """Whether other users may do anything with a file, such as read it. Not one that is not
    there."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False
