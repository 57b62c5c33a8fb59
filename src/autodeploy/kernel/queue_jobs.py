"""What is in a queue of BullMQ, for the platform's operators: counts, jobs, retry and drop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bullmq import Job, Queue

from autodeploy.kernel.errors import Conflict, NotFound, Unavailable
from autodeploy.kernel.jobs import PRIORITY_OF, Priority, check_job_id
from autodeploy.kernel.redis import REDIS_AWAY

_ANSWER_SECONDS = 5.0


class JobState(StrEnum):
    """Where a job is. One that failed and will be tried again is delayed."""

    WAITING = "waiting"
    DELAYED = "delayed"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


#: The library keeps jobs that wait with a priority, as all of ours do, in a list of their own.
_LISTS: dict[JobState, tuple[str, ...]] = {
    JobState.WAITING: ("wait", "prioritized", "paused"),
    JobState.DELAYED: ("delayed",),
    JobState.ACTIVE: ("active",),
    JobState.COMPLETED: ("completed",),
    JobState.FAILED: ("failed",),
}
_STATES = {name: state for state, names in _LISTS.items() for name in names} | {
    "waiting": JobState.WAITING
}


@dataclass(frozen=True)
class QueuedJob:
    """One job. ``failure`` is the code of the error or its type, never its message."""

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


class QueueJobs:
    """The jobs of one queue. Every call raises ``Unavailable`` while Redis is away."""

    def __init__(self, queue: Queue):
        self._queue = queue

    async def count(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        async with _answered():
            found = await self._queue.getJobCounts(*(n for names in _LISTS.values() for n in names))
        return {
            state: sum(int(found.get(name, 0)) for name in names) for state, names in _LISTS.items()
        }

    async def list(self, state: JobState, limit: int) -> list[QueuedJob]:
        """Up to ``limit`` jobs in this state, the latest first where they have ended, and those
        that are next first where they wait."""
        ended = state in (JobState.COMPLETED, JobState.FAILED)
        async with _answered():
            lists = [
                await self._queue.getJobs([name], 0, limit - 1, not ended) for name in _LISTS[state]
            ]
        return [_seen(job, state) for jobs in lists for job in jobs][:limit]

    async def get(self, job_id: str) -> QueuedJob:
        """One job. Raises ``NotFound``."""
        async with _answered():
            return _seen(*await self._find(job_id))

    async def retry(self, job_id: str) -> QueuedJob:
        """Try a failed job again, with all its attempts. Raises ``NotFound`` and ``Conflict``."""
        async with _answered():
            job, state = await self._find(job_id)
            if state != JobState.FAILED:
                raise Conflict(
                    f"Only a failed job is tried again; this one is {state}.",
                    remedy="`autodeploy queue jobs QUEUE` lists those that failed.",
                )
            await job.retry("failed", {"resetAttemptsMade": True, "resetAttemptsStarted": True})
            return _seen(job, JobState.WAITING)

    async def drop(self, job_id: str) -> None:
        """Remove a job that nobody works on. Raises ``NotFound`` and ``Conflict``."""
        async with _answered():
            job, state = await self._find(job_id)
            if state == JobState.ACTIVE or not await job.queue.backend.remove(job_id, True):
                raise Conflict(
                    "A worker runs this job at present.",
                    remedy="Wait until it has ended, or cancel its deployment.",
                )

    async def _find(self, job_id: str) -> tuple[Job, JobState]:
        check_job_id(job_id)
        job = await Job.fromId(self._queue, job_id)
        state = _STATES.get(await job.getState()) if job else None
        if job is None or state is None:
            raise NotFound("The queue has no such job.")
        return job, state


def _seen(job: Job, state: JobState) -> QueuedJob:
    return QueuedJob(
        id=str(job.id),
        name=job.name,
        state=state,
        priority=PRIORITY_OF.get(job.priority, Priority.NORMAL),
        attempts=job.attemptsMade,
        payload=dict(job.data),
        failure=job.failedReason,
        created_at=_moment(job.timestamp),
        started_at=_moment(job.processedOn) if job.processedOn else None,
        finished_at=_moment(job.finishedOn) if job.finishedOn else None,
    )


def _moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            yield
    except REDIS_AWAY as error:
        raise Unavailable("The job queue does not answer.") from error
