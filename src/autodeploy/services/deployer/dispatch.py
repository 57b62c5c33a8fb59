"""Putting due deployments on the queue. The row is the intent: a lost job is queued again.

The queue is first in, first out, so only a few deployments are on it at a time, and projects take
turns at getting there: one that queues a hundred does not keep the others waiting.
"""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, Select, Subquery, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.queue import QUEUE_SETTINGS, JobName, Priority, QueueName
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.leases import OPEN, RUNNING, has_status, is_due, is_unleased
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.states import DeploymentStatus

# A job that has not been picked up is queued again after this long, then after twice as long, up
# to the limit: a queue that is merely busy is not flooded, one that was flushed is filled again.
REDISPATCH_SECONDS = 5
REDISPATCH_LIMIT_SECONDS = 60
# How many deployments are on the queue and not begun: enough that no worker runs out of them.
WINDOW = 2 * QUEUE_SETTINGS[QueueName.DEPLOYMENT].concurrency

_log = structlog.get_logger(__name__)
_Dispatch = Row[*tuple[Any, ...]]


async def dispatch_due(resources: Resources, *, deployment_id: UUID | None = None) -> int:
    """Queue deployments that are due, held by no worker and not queued lately: those of projects
    with the fewest under way first, and of these those that were not served for longest, as many
    as there is room for; rollbacks in any case.

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


def has_due_deployments() -> ColumnElement[bool]:
    """Whether there are deployments to queue, if there is room for them."""
    due = (is_due(), is_unleased(), _was_not_dispatched_lately())
    return exists(select(Deployment.id).where(*due))


def is_longer_ago(
    moment: InstrumentedAttribute[datetime | None], seconds: ColumnElement[float]
) -> ColumnElement[bool]:
    """A moment by the database's clock is past by more than that, or never was."""
    now = func.clock_timestamp()
    return or_(
        moment.is_(None),
        moment < now - func.make_interval(0, 0, 0, 0, 0, 0, seconds),
        moment > now,  # the clock was set back since
    )


@cache
def _was_not_dispatched_lately() -> ColumnElement[bool]:
    wait = func.least(
        REDISPATCH_SECONDS * func.power(2, func.greatest(Deployment.dispatch - 1, 0)),
        REDISPATCH_LIMIT_SECONDS,
    )
    return is_longer_ago(Deployment.dispatched_at, wait)


@cache
def _turns() -> Subquery:
    """The deployments that are due, each with its turn: how many of its project come before it,
    those that run counted in; and when its project was served last."""
    under_way = aliased(Deployment)
    running = (
        select(func.count())
        .where(under_way.project_id == Deployment.project_id, has_status(under_way, RUNNING))
        .scalar_subquery()
    )
    place = func.row_number().over(
        partition_by=Deployment.project_id, order_by=Deployment.created_at
    )
    turn = (place + running).label("turn")
    served = aliased(Deployment)
    served_at = (
        select(func.max(served.started_at))
        .where(served.project_id == Deployment.project_id)
        .scalar_subquery()
        .label("served_at")
    )
    return select(Deployment.id, turn, served_at).where(is_due(), is_unleased()).subquery()


@cache
def _on_the_queue() -> Select[int]:
    """How many deployments were queued and have not begun, however long ago that was: the queue
    may be slow, and what is queued again takes no more of its room."""
    return select(func.count()).where(
        has_status(Deployment, OPEN),
        Deployment.status == DeploymentStatus.QUEUED,
        is_due(),
        is_unleased(),
        Deployment.dispatched_at.is_not(None),
    )


async def _mark_dispatched(resources: Resources, deployment_id: UUID | None) -> list[_Dispatch]:
    async with resources.db.transaction() as session:
        room = max(WINDOW - (await session.scalar(_on_the_queue()) or 0), 0)
        chosen = await (
            _choose_in_turn(session, room)
            if deployment_id is None
            else _choose_alone(session, room, deployment_id)
        )
        if not chosen:
            return []
        result = await session.execute(
            update(Deployment)
            .where(Deployment.id.in_(chosen))
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


async def _choose_in_turn(session: AsyncSession, room: int) -> set[UUID]:
    """Of all that are due, locked: those that have their place already, and the first new ones."""
    turns = _turns()
    due = (
        select(Deployment.id)
        .join(turns, turns.c.id == Deployment.id)
        .where(is_unleased(), _was_not_dispatched_lately())
        .order_by(turns.c.turn, turns.c.served_at.nulls_first(), Deployment.created_at)
        .with_for_update(of=Deployment, skip_locked=True)
    )
    again = await session.scalars(due.where(_has_a_place()))
    new = await session.scalars(due.where(Deployment.dispatched_at.is_(None)).limit(room))
    return {*again, *new}


async def _choose_alone(session: AsyncSession, room: int, deployment_id: UUID) -> set[UUID]:
    """One deployment, locked, where it is due and there is room for it."""
    due = select(Deployment.id).where(
        Deployment.id == deployment_id, is_due(), is_unleased(), _was_not_dispatched_lately()
    )
    if not room:
        due = due.where(_has_a_place())
    return {*await session.scalars(due.with_for_update(skip_locked=True))}


def _has_a_place() -> ColumnElement[bool]:
    """Whether it is queued however many others are: for a rollback somebody waits."""
    return or_(Deployment.dispatched_at.is_not(None), Deployment.kind == "rollback")


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
