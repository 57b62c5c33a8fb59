"""What can be queued: the queues and their settings, the jobs, what a job may carry."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from autodeploy.kernel.errors import InvalidInput

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_VALUE_LIMIT = 1024


class QueueName(StrEnum):
    """The queues; ``worker --queues`` takes these."""

    DEPLOYMENT = "deployment"
    ANALYSIS = "analysis"
    PROVISIONING = "provisioning"


class JobName(StrEnum):
    """The types of job."""

    DEPLOYMENT = "deployment"
    REPOSITORY_ANALYSIS = "repository_analysis"
    DATABASE_PROVISIONING = "database_provisioning"


class Priority(StrEnum):
    """Which waiting job goes first; within one priority, the oldest."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True)
class QueueSettings:
    """How a queue is worked. ``concurrency`` is how many jobs run at a time, on all workers
    together. ``backoff_seconds`` doubles with each attempt; None retries at once.

    ``keep_…`` is how many finished jobs stay to be looked at.
    """

    concurrency: int
    attempts: int
    backoff_seconds: float | None
    keep_completed: int
    keep_failed: int


# Concurrency, attempts, back-off and the first counts are the specification's. It leaves the other
# counts open, where the library would keep every job for ever.
QUEUE_SETTINGS: dict[QueueName, QueueSettings] = {
    QueueName.DEPLOYMENT: QueueSettings(10, 3, 1.0, 50, 20),
    QueueName.ANALYSIS: QueueSettings(20, 2, None, 100, 100),
    QueueName.PROVISIONING: QueueSettings(5, 3, 1.0, 100, 100),
}

Payload = Mapping[str, str | bool]

_PRIORITIES = {Priority.HIGH: 1, Priority.NORMAL: 5, Priority.LOW: 10}
PRIORITY_OF = {number: priority for priority, number in _PRIORITIES.items()}


def check_job_id(job_id: str) -> None:
    """Raises InvalidInput for an id that the library would take for something else."""
    if not _JOB_ID.fullmatch(job_id) or job_id.isdigit():
        raise InvalidInput(
            "A job id holds letters, digits, '.', '_' and '-', and not only digits.",
            field="job_id",
        )


def check_payload(payload: Payload) -> None:
    """Raises InvalidInput for a payload that holds more than references."""
    for key, value in payload.items():
        if not isinstance(value, str | bool) or (
            isinstance(value, str) and len(value) > _VALUE_LIMIT
        ):
            raise InvalidInput("A job payload holds ids and flags only.", field=key)


def job_options(
    settings: QueueSettings, job_id: str, priority: Priority, delay_seconds: float
) -> dict[str, Any]:
    """The library's options for a job."""
    options: dict[str, Any] = {
        "jobId": job_id,
        "attempts": settings.attempts,
        "priority": _PRIORITIES[priority],
        "delay": round(delay_seconds * 1000),
        "removeOnComplete": settings.keep_completed,
        "removeOnFail": settings.keep_failed,
        "stackTraceLimit": 1,
    }
    if settings.backoff_seconds is not None:
        delay = round(settings.backoff_seconds * 1000)
        options["backoff"] = {"type": "exponential", "delay": delay}
    return options
