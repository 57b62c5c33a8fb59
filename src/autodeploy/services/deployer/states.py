"""The states of a deployment and of a step, and the only transitions that exist."""

from enum import StrEnum


class DeploymentStatus(StrEnum):
    QUEUED = "queued"
    BUILDING = "building"
    DEPLOYING = "deploying"
    READY = "ready"
    ERROR = "error"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class StepName(StrEnum):
    """The steps, in their order."""

    ANALYZE_REPOSITORY = "analyze_repository"
    PROVISION_DATABASE = "provision_database"
    BUILD_APPLICATION = "build_application"
    DEPLOY_TO_PROVIDER = "deploy_to_provider"
    VERIFY_HEALTH = "verify_health"


_D = DeploymentStatus
_S = StepStatus

DEPLOYMENT_TRANSITIONS: dict[DeploymentStatus, frozenset[DeploymentStatus]] = {
    _D.QUEUED: frozenset({_D.BUILDING, _D.ERROR, _D.CANCELLED}),
    _D.BUILDING: frozenset({_D.DEPLOYING, _D.ERROR, _D.CANCELLED}),
    _D.DEPLOYING: frozenset({_D.READY, _D.ERROR, _D.CANCELLED}),
    _D.READY: frozenset(),
    _D.ERROR: frozenset(),
    _D.CANCELLED: frozenset(),
}

# A step that a dead worker left running is taken up again: running → running.
STEP_TRANSITIONS: dict[StepStatus, frozenset[StepStatus]] = {
    _S.PENDING: frozenset({_S.RUNNING, _S.SKIPPED, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.RUNNING, _S.SUCCEEDED, _S.FAILED, _S.SKIPPED, _S.CANCELLED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.CANCELLED: frozenset(),
}

TERMINAL = frozenset(s for s, targets in DEPLOYMENT_TRANSITIONS.items() if not targets)


def sources_of(target: DeploymentStatus) -> frozenset[DeploymentStatus]:
    """The states from which ``target`` may be reached."""
    return frozenset(s for s, targets in DEPLOYMENT_TRANSITIONS.items() if target in targets)


def sql_values(statuses: type[StrEnum]) -> str:
    """The values of an enum as a list for a CHECK constraint."""
    return ", ".join(f"'{status.value}'" for status in statuses)
