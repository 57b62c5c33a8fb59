"""How a deployment is stopped: at once before it has begun, else by the worker that runs it."""

from uuid import UUID

from autodeploy.kernel.clock import now
from autodeploy.services.deployer.announcements import CANCEL_CHANNEL, Announcing
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.states import DeploymentStatus, StepStatus
from autodeploy.services.deployer.transitions import (
    TransitionRefused,
    change_status,
    end_open_steps,
)

_QUEUED = frozenset({DeploymentStatus.QUEUED})


async def end_queued(transaction: Announcing, deployment_id: UUID, reason: str) -> None:
    """Cancel a deployment that has not begun. A worker that is about to begin finds out."""
    try:
        await change_status(
            transaction,
            deployment_id,
            DeploymentStatus.CANCELLED,
            sources=_QUEUED,
            values={"details": {"reason": reason}},
            metadata={"reason": reason},
        )
    except TransitionRefused:
        return  # it has begun or ended since
    await end_open_steps(
        transaction.session,
        deployment_id,
        running=StepStatus.CANCELLED,
        pending=StepStatus.CANCELLED,
    )


async def request_cancellation(transaction: Announcing, deployment: Deployment) -> None:
    """Ask the worker that runs the deployment to stop it."""
    deployment.cancel_requested_at = deployment.cancel_requested_at or now()
    await transaction.session.flush()
    transaction.announce(
        CANCEL_CHANNEL, {"type": "deployment.cancel", "deploymentId": str(deployment.id)}
    )
