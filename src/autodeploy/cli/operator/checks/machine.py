"""The kernel: what it is, whether it allows sandboxes, and whether it limits them."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from autodeploy.cli.operator.checks.check import Check, Verdict
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.settings import Settings

# pidfd_open, without which a sandbox could not be ended for certain: man 2 pidfd_open (2026-11).
OLDEST_KERNEL = (5, 3)
_NAMESPACES = ("user", "mnt", "pid", "ipc", "uts", "net")
# Each with the value that lets users make sandboxes, and the command that sets it: user_namespaces
# (7), Debian's kernel patch, and https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-
# namespaces (read 2026-11).
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "sysctl -w kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "sysctl -w user.max_user_namespaces=15000"),
)
_APPARMOR = "kernel/apparmor_restrict_unprivileged_userns"


def kernel(_: Settings) -> Iterator[Check]:
    """Its version, and what of it the sandbox is made of."""
    system, release, machine = os.uname().sysname, os.uname().release, os.uname().machine
    version = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    if system != "Linux" or version < OLDEST_KERNEL:
        yield Check(
            "kernel",
            Verdict.MISSING,
            f"{system} {release}",
            f"AutoDeploy needs Linux {OLDEST_KERNEL[0]}.{OLDEST_KERNEL[1]} or newer.",
        )
        return
    absent = [name for name in _NAMESPACES if not Path(f"/proc/self/ns/{name}").exists()]
    if "Seccomp:" not in Path("/proc/self/status").read_text(encoding="utf-8"):
        absent.append("seccomp")
    if absent:
        yield Check(
            "kernel",
            Verdict.MISSING,
            f"Linux {release} without {', '.join(absent)}",
            "Use a kernel that has them: those of the distributions do.",
        )
    else:
        yield Check("kernel", Verdict.OK, f"Linux {release} ({machine})")


def sandbox(settings: Settings) -> Iterator[Check]:
    """Whether a program really runs in a sandbox, and which switch forbids it where not."""
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
    yield from user_namespaces(Path("/proc/sys"), lacking)


def user_namespaces(switches: Path, lacking: Verdict) -> Iterator[Check]:
    """The switches that forbid users to make namespaces, each with the command that changes it."""
    for name, command in _SWITCHES:
        if _read(switches / name) == "0":
            yield Check("namespaces", lacking, f"{name} is 0", f"As root: {command}")
    if os.geteuid() != 0 and _read(switches / _APPARMOR) == "1":
        yield Check(
            "namespaces",
            lacking,
            f"{_APPARMOR} is 1",
            "As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )


def cgroups(_: Settings) -> Iterator[Check]:
    """Whether whole apps can be limited."""
    from autodeploy.kernel.sandbox.cgroups import find_cgroups

    if (found := find_cgroups()) is not None:
        yield Check(
            "cgroups",
            Verdict.OK,
            f"version {found.version}, writable: apps get memory, CPU and process limits",
        )
    else:
        yield Check(
            "cgroups",
            Verdict.ADVICE,
            "not writable: limits fall back to those of single processes",
            "Run AutoDeploy as root, or delegate a cgroup to its user.",
        )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
