"""When the disk has no room left: nothing is wrong with what was to be written."""

import errno
from http import HTTPStatus

from autodeploy.kernel.errors import DeploymentFailed

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskFull(DeploymentFailed):
    """The disk has no room for the build or the release."""

    code = "disk_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    usual_remedy = (
        "Remove what is not needed, or add space: `autodeploy doctor` shows how much there is."
    )


def is_full(error: BaseException) -> bool:
    """Whether a call failed for want of room: by its number, or by the words of a library."""
    numbered = isinstance(error, OSError) and error.errno in _FULL
    return numbered or says_full(str(error))


def says_full(text: str) -> bool:
    """Whether what a program prints says that it had no room."""
    return "No space left on device" in text
