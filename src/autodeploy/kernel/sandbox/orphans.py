"""Sandboxes whose maker was killed while it made them.

bubblewrap ties the life of what is inside to its own only when it has made everything else (0.11;
seen 2026-11): killed before, it leaves a command behind that nobody knows of. So each sandbox bears
the name of its maker on its command line, and whatever bears the name of a dead one is ended.
"""

import contextlib
import os
import re
import signal
from pathlib import Path

from autodeploy.kernel.process import start_time

_NAME = re.compile(rb"autodeploy-sandbox-([0-9]+)-([0-9]+)")


def mark_of_ours() -> tuple[str, str]:
    """The first arguments of bubblewrap that tell which process makes a sandbox. They do nothing:
    no environment has such a variable."""
    pid = os.getpid()
    return "--unsetenv", f"autodeploy-sandbox-{pid}-{start_time(pid)}"


def end_orphans() -> int:
    """Kill the sandboxes on this machine whose makers are gone. Returns how many processes."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return sum(map(_end_orphan, pids))


def _end_orphan(pid: int) -> bool:
    # Processes that end meanwhile, and those of other users, are none of ours.
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)  # before the look, so that no other process is meant
        try:
            if _is_orphan(Path(f"/proc/{pid}/cmdline").read_bytes()):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                return True
        finally:
            os.close(descriptor)
    return False


def _is_orphan(command_line: bytes) -> bool:
    _, *arguments = command_line.split(b"\0", 3)
    name = _NAME.fullmatch(arguments[1]) if len(arguments) > 1 else None
    return name is not None and start_time(int(name[1])) != int(name[2])
