"""What the states of a deployment at Vercel mean, and why one failed.

The states are those of its SDK 1.28.35 (2026). One that is new ends nothing.
"""

from enum import Enum, auto

from autodeploy.kernel.http.refusals import is_name
from autodeploy.kernel.redaction import Redactor
from autodeploy.providers.vercel.errors import BuildFailed, DeploymentBlocked
from autodeploy.providers.vercel.shapes import STAGED, Deployment, ReadyState

_BLOCKS = {
    "COMMIT_AUTHOR_REQUIRED": "Connect the author of the commit with an account at Vercel, or "
    "deploy a commit of a member of the team.",
    "TEAM_ACCESS_REQUIRED": "Add the author of the commit to the team at Vercel, or deploy a "
    "commit of a member.",
}


class Phase(Enum):
    WAITING = auto()
    BUILDING = auto()
    BUILT = auto()  # its addresses do not lead to it yet
    READY = auto()
    FAILED = auto()
    CANCELLED = auto()

    @property
    def under_way(self) -> bool:
        return self in (Phase.WAITING, Phase.BUILDING)


_PHASES = {
    ReadyState.QUEUED: Phase.WAITING,
    ReadyState.INITIALIZING: Phase.BUILDING,
    ReadyState.BUILDING: Phase.BUILDING,
    ReadyState.ERROR: Phase.FAILED,
    ReadyState.BLOCKED: Phase.FAILED,
    ReadyState.CANCELED: Phase.CANCELLED,
    ReadyState.DELETED: Phase.CANCELLED,
    ReadyState.UNKNOWN: Phase.WAITING,
}


def phase_of(deployment: Deployment) -> Phase:
    """A staged one is ready: it gets no addresses before it is promoted."""
    if deployment.ready_state is not ReadyState.READY:
        return _PHASES[deployment.ready_state]
    if _alias_failure(deployment):
        return Phase.FAILED
    return Phase.READY if deployment.alias_assigned or _is_staged(deployment) else Phase.BUILT


def _is_staged(deployment: Deployment) -> bool:
    if deployment.ready_substate == STAGED:
        return True
    if deployment.target != "production":
        return False
    if deployment.auto_assign_custom_domains is not None:
        return not deployment.auto_assign_custom_domains
    # Vercel need tell neither of it, and every project of ours is staged.
    return deployment.ready_substate is None and not _is_checked(deployment)


def _is_checked(deployment: Deployment) -> bool:
    """Whether checks of it are under way."""
    check = deployment.checks.aliasing if deployment.checks else None
    is_pending = check is not None and check.state == "pending"
    return is_pending or deployment.checks_state in ("registered", "running")


def failure(deployment: Deployment, log_tail: list[str], redactor: Redactor) -> BuildFailed:
    """Why it failed or was cancelled, in the provider's words without secrets."""
    if deployment.ready_state is ReadyState.BLOCKED:
        return _blocked(deployment)
    if deployment.ready_state in (ReadyState.CANCELED, ReadyState.DELETED):
        return BuildFailed(
            "The deployment was cancelled at Vercel.",
            remedy="Deploy again. If nobody cancelled it, look at the project's ignored build step "
            "at Vercel.",
            log_tail=log_tail,
        )
    alias = _alias_failure(deployment)
    if alias:
        return BuildFailed(
            f"Vercel built it, but gave it no address: {alias}.",
            remedy="Look at the checks and the domains of the project at Vercel, then deploy "
            "again.",
            log_tail=log_tail,
        )
    code = deployment.error_code if is_name(deployment.error_code) else None
    step = f" in {deployment.error_step}" if is_name(deployment.error_step) else ""
    return BuildFailed(
        f"The build failed at Vercel{step}" + (f": {code}." if code else "."),
        cause=redactor.line(deployment.error_message or "") or None,
        log_tail=log_tail,
    )


def _alias_failure(deployment: Deployment) -> str | None:
    if deployment.alias_error is not None:
        code = deployment.alias_error.code
        return code if is_name(code) else "an error without a name"
    check = deployment.checks.aliasing if deployment.checks else None
    if deployment.checks_conclusion == "failed" or (check and check.state == "failed"):
        return "its checks failed"
    return None


def _blocked(deployment: Deployment) -> BuildFailed:
    code = deployment.seat_block.block_code if deployment.seat_block else ""
    return DeploymentBlocked(
        "Vercel blocks this deployment" + (f": {code}." if is_name(code) else "."),
        remedy=_BLOCKS.get(code, "Open the deployment at Vercel: it says who may unblock it."),
    )
