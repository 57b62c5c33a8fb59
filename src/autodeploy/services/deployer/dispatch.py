"""Putting due deployments on the queue. The row is the intent: a lost job is queued again."""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, func, or_, select, update

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.queue import JobName, Priority, QueueName
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.leases import is_due, is_unleased
from autodeploy.services.deployer.models import Deployment

# A job that has not been picked up is queued again after this long, then after twice as long, up
# to the limit: a queue that is merely busy is not flooded, one that was flushed is filled again.
REDISPATCH_SECONDS = 5
REDISPATCH_LIMIT_SECONDS = 60
_BATCH = 200

_log = structlog.get_logger(__name__)
_Dispatch = Row[*tuple[Any, ...]]


async def dispatch_due(resources: Resources, *, deployment_id: UUID | None = None) -> int:
    """Queue the deployments that are due, held by no worker and not queued lately.

    Safe in several processes at once: each row is taken by one. Returns how many were queued.
    """
    rows = await _mark_dispatched(resources, deployment_id)
    queued = 0
    for row in rows:
        try:
            await _enqueue(resources, row)
            queued += 1
        except Unavailable:
            _log.warning("deployment.not_queued", deployment_id=str(row.id))
            await _unmark(resources, row)
    return queued


def _was_not_dispatched_lately() -> ColumnElement[bool]:
    wait = func.least(
        REDISPATCH_SECONDS * func.power(2, func.greatest(Deployment.dispatch - 1, 0)),
        REDISPATCH_LIMIT_SECONDS,
    )
    waited = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, wait)
    return or_(
        Deployment.dispatched_at.is_(None),
        Deployment.dispatched_at < waited,
        Deployment.dispatched_at > func.clock_timestamp(),  # the clock was set back since
    )


async def _mark_dispatched(resources: Resources, deployment_id: UUID | None) -> list[_Dispatch]:
    due = select(Deployment.id).where(is_due(), is_unleased(), _was_not_dispatched_lately())
    if deployment_id is not None:
        due = due.where(Deployment.id == deployment_id)
    due = due.order_by(Deployment.created_at).limit(_BATCH).with_for_update(skip_locked=True)
    async with resources.db.transaction() as session:
        result = await session.execute(
            update(Deployment)
            .where(Deployment.id.in_(due))
            .values(dispatch=Deployment.dispatch + 1, dispatched_at=func.clock_timestamp())
            .returning(
                Deployment.id,
                Deployment.project_id,
                Deployment.repository_id,
                Deployment.branch,
                Deployment.commit_sha,
                Deployment.provider,
                Deployment.kind,
                Deployment.dispatch,
            )
        )
        return list(result.all())


async def _enqueue(resources: Resources, row: _Dispatch) -> None:
    await resources.queues.add(
        QueueName.DEPLOYMENT,
        JobName.DEPLOYMENT,
        {
            "deploymentId": str(row.id),
            "projectId": str(row.project_id),
            "repositoryId": str(row.repository_id or ""),
            "branch": row.branch[:250],
            "commit": row.commit_sha,
            "provider": row.provider,
        },
        job_id=f"{row.id}-{row.dispatch}",
        priority=Priority.HIGH if row.kind == "rollback" else Priority.NORMAL,
    )


async def _unmark(resources: Resources, row: _Dispatch) -> None:
    async with resources.db.transaction() as session:
        await session.execute(
            update(Deployment)
            .where(Deployment.id == row.id, Deployment.dispatch == row.dispatch)
            .values(dispatched_at=None)
        )
