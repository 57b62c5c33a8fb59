"""``/api/v1/queues``: the job queues, for the platform's operators."""

from typing import Annotated

from fastapi import APIRouter, Query, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.kernel.jobs import QueueName
from autodeploy.kernel.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from autodeploy.kernel.queue_jobs import JobState
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer import queues
from autodeploy.services.deployer.queues import QueuedJobView, QueueView

router = APIRouter(prefix="/api/v1/queues", tags=["operations"])


@router.get("", operation_id="listQueues")
async def list_queues(resources: ResourcesDep, principal: PrincipalDep) -> Page[QueueView]:
    """How many jobs wait, run and have ended in each queue."""
    return await queues.list_queues(resources, principal)


@router.get("/{queue}/jobs", operation_id="listQueuedJobs")
async def list_jobs(
    resources: ResourcesDep,
    principal: PrincipalDep,
    queue: QueueName,
    state: JobState = JobState.FAILED,
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_LIMIT)] = DEFAULT_LIMIT,
) -> Page[QueuedJobView]:
    """The jobs of a queue in one state: the latest first where they have ended, else those that
    are next."""
    return await queues.list_jobs(resources, principal, queue, state, limit=limit)


@router.post("/{queue}/jobs/{job_id}/retry", operation_id="retryQueuedJob")
async def retry_job(
    resources: ResourcesDep, principal: PrincipalDep, queue: QueueName, job_id: str
) -> QueuedJobView:
    """Try a failed job again, with all its attempts."""
    return await queues.retry_job(resources, principal, queue, job_id)


@router.delete(
    "/{queue}/jobs/{job_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="dropQueuedJob"
)
async def drop_job(
    resources: ResourcesDep, principal: PrincipalDep, queue: QueueName, job_id: str
) -> None:
    """Remove a job that nobody works on and that would not be queued again."""
    await queues.drop_job(resources, principal, queue, job_id)
