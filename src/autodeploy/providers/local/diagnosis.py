"""Why a command of a build failed, from its output: the failure, its likely cause, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass

from autodeploy.kernel.disk import DiskFull
from autodeploy.kernel.errors import DeploymentFailed, ManifestUnreadable
from autodeploy.kernel.outputs import Explanation, explain, lines_that_matter, plain_lines
from autodeploy.providers import crashes
from autodeploy.providers.local import explanations
from autodeploy.providers.local.compilers import COMPILERS
from autodeploy.providers.local.errors import (
    BuildTooLarge,
    DependencyConflict,
    InstallFailed,
    LockFileBroken,
    LockFileOutdated,
    OutOfMemory,
    PackageNotFound,
    ProcessLimit,
    RegistryUnreachable,
)

_Kind = tuple[type[DeploymentFailed] | None, tuple[Explanation, ...]]

# In this order: what stops everything first, then the most particular reason.
_ALWAYS: tuple[_Kind, ...] = (
    (DiskFull, explanations.DISK_FULL),
    (BuildTooLarge, explanations.TOO_LARGE),
    (ProcessLimit, explanations.PROCESSES),
    (OutOfMemory, explanations.MEMORY),
)
_INSTALLING: tuple[_Kind, ...] = (
    (ManifestUnreadable, explanations.MANIFEST),
    (LockFileBroken, explanations.LOCK_BROKEN),
    (LockFileOutdated, explanations.LOCK_OUTDATED),
    (PackageNotFound, explanations.UNKNOWN),
    (DependencyConflict, explanations.CONFLICTS),
    (PackageNotFound, explanations.PACKAGES_MISSING),
    (RegistryUnreachable, explanations.REGISTRY_UNREACHABLE),
)
# A build may also run the app's own code.
_OTHERWISE: tuple[_Kind, ...] = (
    (None, crashes.MISSING_VARIABLE),
    (None, COMPILERS),
    (None, explanations.OTHERS),
    (None, crashes.EXPLANATIONS),
)


@dataclass(frozen=True)
class Diagnosis:
    """What kind of failure it is, and what to tell of it."""

    failure: type[DeploymentFailed]
    cause: str | None
    remedy: str
    log_tail: list[str]

    def error(self, message: str) -> DeploymentFailed:
        return self.failure(message, cause=self.cause, remedy=self.remedy, log_tail=self.log_tail)


def diagnose(lines: Iterable[str], failure: type[DeploymentFailed]) -> Diagnosis:
    """Why the command that printed ``lines`` failed; ``failure`` is what it is otherwise."""
    said = plain_lines(lines)
    tail = lines_that_matter(said)
    installing = _INSTALLING if issubclass(failure, InstallFailed) else ()
    for kind, known in (*_ALWAYS, *installing, *_OTHERWISE):
        found = explain(said, known)
        if found is not None:
            return Diagnosis(kind or failure, found.cause, found.remedy, tail)
    remedy = "Read the lines above; the same command should work on a fresh clone."
    return Diagnosis(failure, None, remedy, tail)
