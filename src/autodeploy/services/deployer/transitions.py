"""The only writers of a deployment's and a step's status: compare-and-set, with its event.

A change names the states that it may come from and, for the worker that runs the deployment, its
fence. Whoever lost the race changes nothing and is told so.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.services.deployer.announcements import Announcing, status_channel
from autodeploy.services.deployer.models import Deployment, DeploymentEvent, DeploymentStep
from autodeploy.services.deployer.notable_events import OF_STATUS, tell_of_deployment
from autodeploy.services.deployer.states import (
    STEP_TRANSITIONS,
    TERMINAL,
    DeploymentStatus,
    StepStatus,
    sources_of,
)


class TransitionRefused(Conflict):
    """The deployment is not in a state from which this one can be reached."""

    code = "transition_refused"


class LeaseLost(Exception):
    """The run may write nothing any more: another worker, or a cancellation, took over."""


async def hold(session: AsyncSession, deployment_id: UUID, fence: int) -> None:
    """Lock the deployment for this transaction; raises ``LeaseLost`` when the fence is old."""
    held = await session.scalar(
        select(Deployment.id)
        .where(Deployment.id == deployment_id, Deployment.fence == fence)
        .with_for_update()
    )
    if held is None:
        raise LeaseLost


async def change_status(
    transaction: Announcing,
    deployment_id: UUID,
    target: DeploymentStatus,
    *,
    fence: int | None = None,
    sources: frozenset[DeploymentStatus] | None = None,
    values: Mapping[str, Any] | None = None,
    step: str | None = None,
    progress: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Set the status and write its event, if the deployment is where it may come from.

    Args:
        fence: the run's; None for a change from outside of a run, which ends that run's lease.
        sources: narrows the states from which the change is made.
        values: other columns to set in the same statement.

    Raises:
        TransitionRefused: the row is in another state.
        LeaseLost: the fence is old.
    """
    allowed = sources_of(target) & (sources if sources is not None else sources_of(target))
    changes: dict[str, Any] = {**(values or {}), "status": target}
    if target in TERMINAL:
        changes |= {"completed_at": now(), "lease_owner": None, "lease_expires_at": None}
    if fence is None:
        changes["fence"] = Deployment.fence + 1
    sequence = await _update(transaction.session, deployment_id, allowed, fence, changes)
    if sequence is None:
        if fence is not None:
            await hold(transaction.session, deployment_id, fence)
        raise TransitionRefused(f"The deployment cannot become {target} from its present state.")
    details = {
        "status": target.value,
        "step": step,
        "progress": 1.0 if target == DeploymentStatus.READY else progress,
        "metadata": dict(metadata or {}),
    }
    await _write_event(transaction, deployment_id, sequence, "deployment.status", details)
    await tell_of_deployment(transaction.session, deployment_id, OF_STATUS[target])


async def append_event(
    transaction: Announcing,
    deployment_id: UUID,
    kind: str,
    details: Mapping[str, Any],
    *,
    fence: int | None = None,
) -> None:
    """Write an event that changes no status. Raises ``LeaseLost`` when the fence is old."""
    sequence = await _update(transaction.session, deployment_id, None, fence, {})
    if sequence is None:
        raise LeaseLost
    await _write_event(transaction, deployment_id, sequence, kind, details)


async def change_step(
    session: AsyncSession,
    deployment_id: UUID,
    name: str,
    target: StepStatus,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Set a step's status if it may come from where it is; returns whether it did.

    The caller holds the deployment (``hold`` or ``change_status``) in this transaction.
    """
    allowed = [source for source, targets in STEP_TRANSITIONS.items() if target in targets]
    changed = await session.scalar(
        update(DeploymentStep)
        .where(
            DeploymentStep.deployment_id == deployment_id,
            DeploymentStep.name == name,
            DeploymentStep.status.in_(allowed),
        )
        .values(**(values or {}), status=target)
        .returning(DeploymentStep.id)
    )
    return changed is not None


async def end_open_steps(
    session: AsyncSession,
    deployment_id: UUID,
    *,
    running: StepStatus,
    pending: StepStatus,
    error_code: str | None = None,
) -> None:
    """Give the steps that have not ended the status that the deployment's end means for them."""
    moment = now()
    for source, target in ((StepStatus.RUNNING, running), (StepStatus.PENDING, pending)):
        values: dict[str, Any] = {"status": target, "completed_at": moment}
        if source == StepStatus.RUNNING:
            values |= {"error_code": error_code, "actual_seconds": _seconds_since_start(moment)}
        await session.execute(
            update(DeploymentStep)
            .where(DeploymentStep.deployment_id == deployment_id, DeploymentStep.status == source)
            .values(**values)
        )


def _seconds_since_start(moment: datetime) -> ColumnElement[float]:
    return func.greatest(0, func.extract("epoch", moment - DeploymentStep.started_at))


async def _update(
    session: AsyncSession,
    deployment_id: UUID,
    allowed: frozenset[DeploymentStatus] | None,
    fence: int | None,
    changes: Mapping[str, Any],
) -> int | None:
    statement = update(Deployment).where(Deployment.id == deployment_id)
    if allowed is not None:
        statement = statement.where(Deployment.status.in_(allowed))
    if fence is not None:
        statement = statement.where(Deployment.fence == fence)
    numbered = statement.values(**changes, event_sequence=Deployment.event_sequence + 1)
    sequence: int | None = await session.scalar(numbered.returning(Deployment.event_sequence))
    return sequence


async def _write_event(
    transaction: Announcing,
    deployment_id: UUID,
    sequence: int,
    kind: str,
    details: Mapping[str, Any],
) -> None:
    message = {
        "type": kind,
        "deploymentId": str(deployment_id),
        "sequence": sequence,
        "timestamp": now().isoformat(),
        **{key: value for key, value in details.items() if value is not None},
    }
    organization_id = (
        select(Deployment.organization_id).where(Deployment.id == deployment_id).scalar_subquery()
    )
    transaction.session.add(
        DeploymentEvent(
            deployment_id=deployment_id,
            sequence=sequence,
            organization_id=organization_id,
            type=kind,
            payload=message,
        )
    )
    await transaction.session.flush()
    transaction.announce(status_channel(deployment_id), message)
