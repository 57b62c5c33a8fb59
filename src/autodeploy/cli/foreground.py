"""Ctrl-C that reached only ``make``.

A terminal sends SIGINT to every process in the foreground, and all is well. A program that
sends it to ``make`` alone would wait for ever: GNU make then waits for its recipe without
telling it. While its handler runs, make keeps SIGINT blocked, and the kernel shows that.
"""

import os
import signal
import threading
import time
from pathlib import Path

POLL_SECONDS = 0.5
# The signal that a terminal sent to us as well is acted on long before this.
GRACE_SECONDS = 1.5
_SIGINT_BIT = 1 << (signal.SIGINT - 1)


def follow_make() -> None:
    """Where the parent is ``make``, end when it was told to end."""
    parent = os.getppid()
    if "MAKELEVEL" not in os.environ or _status(parent).get("Name") != "make":
        return
    threading.Thread(target=_watch, args=(parent,), name="make", daemon=True).start()


def _watch(parent: int) -> None:
    while True:
        time.sleep(POLL_SECONDS)
        if _interrupted(parent):
            time.sleep(GRACE_SECONDS)
            if _interrupted(parent):
                os.kill(os.getpid(), signal.SIGINT)
                return


def _interrupted(parent: int) -> bool:
    return bool(int(_status(parent).get("SigBlk", "0"), 16) & _SIGINT_BIT)


def _status(pid: int) -> dict[str, str]:
    """``/proc/PID/status``; empty where it cannot be read."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
