"""The job queues, for the platform's operators: what waits, runs and failed; retry and drop.

A queue only hands out work. What is to be deployed is in the rows of deployments, so a job that is
dropped while its deployment is due would be queued again: such a deployment is cancelled instead.
"""

import asyncio
from datetime import datetime

import structlog

from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.jobs import QUEUE_SETTINGS, Priority, QueueName
from autodeploy.kernel.queue_jobs import JobState
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page, Schema
from autodeploy.services.auth.permissions import require_operator
from autodeploy.services.auth.principal import Principal, Scope

_WAITS = (JobState.WAITING, JobState.DELAYED)

_log = structlog.get_logger(__name__)


class QueueView(Schema):
    """A queue: how many jobs may run at a time, on all workers together, and how many there are
    in each state. Of those that ended, some of the latest are kept."""

    name: QueueName
    concurrency: int
    waiting: int
    delayed: int
    active: int
    completed: int
    failed: int


class QueuedJobView(Schema):
    """A job. ``payload`` holds ids and flags; ``failure`` is an error's code, never its text.
    ``attempts`` counts those that ended."""

    id: str
    name: str
    state: JobState
    priority: Priority
    attempts: int
    payload: dict[str, str | bool]
    failure: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


async def list_queues(resources: Resources, principal: Principal) -> Page[QueueView]:
    """All queues. Raises ``Forbidden`` and ``Unavailable``, as all of these do."""
    require_operator(principal, Scope.READ)
    counts = await asyncio.gather(*(resources.queues.jobs(name).count() for name in QueueName))
    return Page(
        items=[
            QueueView(
                name=name,
                concurrency=QUEUE_SETTINGS[name].concurrency,
                **{state.value: number for state, number in found.items()},
            )
            for name, found in zip(QueueName, counts, strict=True)
        ]
    )


async def list_jobs(
    resources: Resources, principal: Principal, queue: QueueName, state: JobState, *, limit: int
) -> Page[QueuedJobView]:
    """The jobs in one state: the latest first where they have ended, else those that are next."""
    require_operator(principal, Scope.READ)
    found = await resources.queues.jobs(queue).list(state, limit)
    return Page(items=[QueuedJobView.model_validate(job) for job in found])


async def retry_job(
    resources: Resources, principal: Principal, queue: QueueName, job_id: str
) -> QueuedJobView:
    """Queue a failed job again. Raises ``NotFound``, and ``Conflict`` where it has not failed."""
    require_operator(principal, Scope.WRITE)
    job = await resources.queues.jobs(queue).retry(job_id)
    _log.info("queue.retried", queue=queue.value, job_id=job_id, account_id=str(principal.user_id))
    return QueuedJobView.model_validate(job)


async def drop_job(
    resources: Resources, principal: Principal, queue: QueueName, job_id: str
) -> None:
    """Remove a job. Raises ``NotFound``, and ``Conflict`` where a worker runs it or where it
    would be queued again."""
    require_operator(principal, Scope.WRITE)
    jobs = resources.queues.jobs(queue)
    job = await jobs.get(job_id)
    if queue == QueueName.DEPLOYMENT and job.state in _WAITS:
        raise Conflict(
            "The deployment of this job is still to run, so it would be queued again.",
            remedy=f"Cancel it: `autodeploy cancel {job.payload.get('deploymentId', '')}`.",
        )
    await jobs.drop(job_id)
    _log.info("queue.dropped", queue=queue.value, job_id=job_id, account_id=str(principal.user_id))
