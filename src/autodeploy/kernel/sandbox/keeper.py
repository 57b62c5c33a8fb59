"""Keeps one command that runs without a sandbox: becomes its user, and ends all that it started.

A program of its own, run by its path with nothing but the standard library. It is the reaper of
every process below it, also of those that left their parent and session, so when the command
ends, when it gets SIGTERM, or when AutoDeploy dies, nothing of the command is left.

It reads what to run from the descriptor that its argument names: neither its arguments nor its
own environment hold anything of the user's.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_AWAITED = {signal.SIGCHLD, signal.SIGTERM}
_KILLED = 128 + signal.SIGKILL
_NOT_STARTED = 127


def main(descriptor: int) -> int:
    """Run the job to its end. Returns its exit code, 128 plus the signal when it was killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    with open(descriptor, "rb") as file:
        content = file.read()
    if not content or prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        return _NOT_STARTED
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _become(json.loads(content), prctl, keeper)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    code = _wait_for(child)
    _end_all()
    return code


def _become(job: Mapping[str, Any], prctl: Any, keeper: int) -> NoReturn:
    """Turn this process into the command. Its environment counts only once it is not root."""
    try:
        os.setsid()
        if job["terminal"]:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for kind, value in job["limits"].items():
            resource.setrlimit(getattr(resource, kind), (value, value))
        if job["uid"] is not None:
            os.setgroups([])
            os.setresgid(job["gid"], job["gid"], job["gid"])
            os.setresuid(job["uid"], job["uid"], job["uid"])
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # a change of user cleared it
        if prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or os.getppid() != keeper:
            os._exit(_NOT_STARTED)
        os.chdir(job["cwd"])
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores them, and that is inherited
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(job["argv"][0], job["argv"], job["environment"])  # noqa: S606 - no shell
    except OSError as error:
        os.write(2, f"{job['argv'][0]}: {error.strerror}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _wait_for(child: int) -> int:
    """The command's exit code, or that of a killed one when we are told to end it."""
    while signal.sigwaitinfo(_AWAITED).si_signo == signal.SIGCHLD:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
                if ended[0] == child:
                    code = os.waitstatus_to_exitcode(ended[1])
                    return 128 - code if code < 0 else code
    return _KILLED


def _end_all() -> None:
    """Kill until no process is left below this one; orphans become its children."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in _below(os.getpid()):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
            time.sleep(0.002)


def _below(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, file.read_text().split())
    return found + [lower for child in found for lower in _below(child)]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
