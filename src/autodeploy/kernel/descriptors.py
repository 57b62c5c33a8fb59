"""When a process may open no more files: nothing is wrong with what it wanted to reach."""

import errno

from autodeploy.kernel.errors import Unavailable

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE})


class TooFewFiles(Unavailable):
    """A process of AutoDeploy, or the whole machine, has as many files open as it may."""

    code = "too_few_files"

    def __init__(self) -> None:
        super().__init__(
            "AutoDeploy may open no more files and connections.",
            remedy="Raise the limit (`ulimit -n`, or `LimitNOFILE=` in a systemd unit) and start "
            "it again.",
        )


def is_exhaustion(error: BaseException) -> bool:
    """Whether a call failed because no more files may be opened: by its number, or by the words of
    a library."""
    numbered = isinstance(error, OSError) and error.errno in _EXHAUSTED
    return numbered or "Too many open files" in str(error)
