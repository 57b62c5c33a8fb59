"""Who runs a deployment: a lease on its row. Times are the database's, for all workers alike."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from autodeploy.kernel.db import Database
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.states import DeploymentStatus
from autodeploy.services.deployer.transitions import LeaseLost

RUNNING = (DeploymentStatus.BUILDING, DeploymentStatus.DEPLOYING)
OPEN = (DeploymentStatus.QUEUED, *RUNNING)

# What ``AUTODEPLOY_LEASE_SECONDS`` may be at most.
LONGEST_LEASE_SECONDS = 300


@dataclass(frozen=True)
class Lease:
    """The right to run a deployment. ``recoveries`` counts the workers that were lost on it.

    ``row`` is held by a transaction of the run that has the deployment's row locked for long:
    nobody can take it meanwhile, and it cannot be renewed either.
    """

    deployment_id: UUID
    fence: int
    recoveries: int
    row: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False, repr=False)


def has_status(
    deployment: type[Deployment], statuses: Collection[DeploymentStatus]
) -> ColumnElement[bool]:
    """The condition with its values written out: only so PostgreSQL knows, in every plan that it
    keeps, that the index of these statuses is enough. The table holds all that ever ended."""
    written_out: BindParameter[list[str]] = bindparam(
        None, [each.value for each in statuses], expanding=True, literal_execute=True
    )
    return deployment.status.in_(written_out)


@cache
def is_unleased() -> ColumnElement[bool]:
    """No worker holds the row at present.

    A lease that ends later than any worker could ask for was taken before the clock was set back.
    Its worker may live: then it notices with its next write that another one has the row.
    """
    now = func.clock_timestamp()
    return or_(
        Deployment.lease_expires_at.is_(None),
        Deployment.lease_expires_at < now,
        Deployment.lease_expires_at > now + timedelta(seconds=LONGEST_LEASE_SECONDS),
    )


@cache
def is_due() -> ColumnElement[bool]:
    """The deployment is to be run now: it has not ended, and is the head of its environment.

    One that runs already goes on; a queued one waits until none runs and none older waits. It is
    put together once, which takes longer than PostgreSQL does to answer.
    """
    other = aliased(Deployment)
    before_it = exists(
        select(other.id).where(
            has_status(other, OPEN),
            other.project_id == Deployment.project_id,
            other.environment == Deployment.environment,
            other.id != Deployment.id,
            or_(
                other.status.in_(RUNNING),
                and_(
                    other.status == DeploymentStatus.QUEUED,
                    tuple_(other.created_at, other.id)
                    < tuple_(Deployment.created_at, Deployment.id),
                ),
            ),
        )
    )
    return and_(
        has_status(Deployment, OPEN),
        or_(Deployment.status.in_(RUNNING), ~before_it),
    )


async def take_lease(
    db: Database, deployment_id: UUID, owner: str, lease_seconds: float
) -> Lease | None:
    """Take a deployment that is due and that no worker holds; None when there is no such one.

    A lease that ran out counts as a recovery; one that was released does not. Its job has reached
    a worker, so that the next one need not be waited with if this worker is lost.
    """
    recovered = case((Deployment.lease_owner.is_not(None), 1), else_=0)
    async with db.transaction() as session:
        row = (
            await session.execute(
                update(Deployment)
                .where(Deployment.id == deployment_id, is_due(), is_unleased())
                .values(
                    lease_owner=owner,
                    lease_expires_at=_end_of_lease(lease_seconds),
                    fence=Deployment.fence + 1,
                    recoveries=Deployment.recoveries + recovered,
                    dispatched_at=None,
                    started_at=func.coalesce(Deployment.started_at, func.clock_timestamp()),
                )
                .returning(Deployment.fence, Deployment.recoveries)
            )
        ).first()
    return Lease(deployment_id, row.fence, row.recoveries) if row else None


async def renew_lease(db: Database, lease: Lease, lease_seconds: float) -> bool:
    """Hold the lease for another period; returns whether a cancellation was asked for.

    Raises ``LeaseLost`` when another worker has it.
    """
    async with db.transaction() as session:
        row = (
            await session.execute(
                update(Deployment)
                .where(Deployment.id == lease.deployment_id, Deployment.fence == lease.fence)
                .values(lease_expires_at=_end_of_lease(lease_seconds))
                .returning(Deployment.cancel_requested_at)
            )
        ).first()
    if row is None:
        raise LeaseLost
    return row.cancel_requested_at is not None


async def release_lease(db: Database, lease: Lease) -> None:
    """Give the deployment back, so that another worker resumes it at once. Idempotent."""
    async with db.transaction() as session:
        await session.execute(
            update(Deployment)
            .where(Deployment.id == lease.deployment_id, Deployment.fence == lease.fence)
            .values(
                lease_owner=None,
                lease_expires_at=None,
                dispatched_at=None,
                fence=Deployment.fence + 1,
            )
        )


def _end_of_lease(lease_seconds: float) -> ColumnElement[object]:
    return func.clock_timestamp() + timedelta(seconds=lease_seconds)
