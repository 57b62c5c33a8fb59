"""The job queue: BullMQ on Redis, as the dispatcher. The row in PostgreSQL is the intent to run.

Node tools such as Bull Board can attach to the same queues. What the library does not do by itself
is handled here: see the comments, each has its regression test.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

import structlog
from bullmq import Job, Queue, Worker
from bullmq.custom_errors import DelayedError, UnrecoverableError

from autodeploy.kernel import telemetry
from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.jobs import (
    QUEUE_SETTINGS,
    JobName,
    Payload,
    Priority,
    QueueName,
    QueueSettings,
    check_job_id,
    check_payload,
    job_options,
)
from autodeploy.kernel.queue_jobs import QueueJobs
from autodeploy.kernel.redis import REDIS_AWAY, open_redis

__all__ = [
    "QUEUE_SETTINGS",
    "JobName",
    "Payload",
    "Priority",
    "QueueName",
    "QueueSettings",
    "QueueWorker",
    "Queues",
]

_log = structlog.get_logger(__name__)

_ADD_TIMEOUT_SECONDS = 5.0
_FORCE_TIMEOUT_SECONDS = 5.0
_RECONNECT_SECONDS = 0.5

Handler = Callable[[str, Mapping[str, Any]], Awaitable[None]]


class JobInterruptedError(Exception):
    """The handler was cancelled from within; the attempt counts as failed."""


class JobFailedError(Exception):
    """What the queue stores of a failure: its code or type, never a message that could hold a
    secret. The log has the rest, redacted."""


class Queues:
    """The producing side of all queues, on one connection pool."""

    def __init__(
        self, redis_url: str, settings: Mapping[QueueName, QueueSettings] = QUEUE_SETTINGS
    ):
        self._redis = open_redis(redis_url, retries=3)
        self._settings = settings
        self._opened: dict[QueueName, Queue] = {}

    @classmethod
    def connect(cls, redis_url: str) -> "Queues":
        """The queues on this Redis; it connects on first use."""
        return cls(redis_url)

    @fault_point("queue.add")
    async def add(
        self,
        queue: QueueName,
        job_name: JobName,
        payload: Payload,
        *,
        job_id: str,
        priority: Priority = Priority.NORMAL,
        delay_seconds: float = 0,
    ) -> None:
        """Queue a job. An id that the queue still keeps is not added again.

        Args:
            payload: ids and references, never secrets: anyone who reads Redis reads it.
            job_id: letters, digits, ``.``, ``_`` and ``-``, and not digits alone, which the
                library reserves for ids of its own.

        Raises:
            InvalidInput: the id or the payload cannot be queued.
            Unavailable: Redis did not answer; the reconciler dispatches due work again.
        """
        check_job_id(job_id)
        check_payload(payload)
        options = job_options(self._settings[queue], job_id, priority, delay_seconds)
        try:
            async with asyncio.timeout(_ADD_TIMEOUT_SECONDS):
                # With each job, since a Redis that was flushed has forgotten it.
                await self._open(queue).setGlobalConcurrency(self._settings[queue].concurrency)
                await self._open(queue).add(job_name.value, dict(payload), options)
        except REDIS_AWAY as error:
            telemetry.QUEUE_DISPATCHES.labels(queue.value, "failed").inc()
            raise Unavailable("The job queue does not answer.") from error
        telemetry.QUEUE_DISPATCHES.labels(queue.value, "queued").inc()

    def jobs(self, queue: QueueName) -> QueueJobs:
        """What is in a queue, to be looked at and tidied up."""
        return QueueJobs(self._open(queue))

    def _open(self, queue: QueueName) -> Queue:
        """The queue, made when it is first needed: the library reads 50 files for each."""
        if queue not in self._opened:
            self._opened[queue] = Queue(queue.value, {"connection": self._redis})
        return self._opened[queue]

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class QueueWorker:
    """The consuming side of one queue."""

    def __init__(
        self,
        redis_url: str,
        queue: QueueName,
        handler: Handler,
        concurrency: int | None = None,
        lock_seconds: float = 10,
        stalled_seconds: float = 5,
    ):
        """
        Args:
            handler: called with the job's name and payload. An AutoDeployError that is not
                retryable fails the job at once; any other exception uses up an attempt.
            concurrency: jobs at a time; the queue's setting when None.
            lock_seconds, stalled_seconds: a job of a worker that died is taken up by another
                after at most their sum.
        """
        self._redis_url = redis_url
        self._queue = queue
        self._handler = handler
        self._options = {
            "autorun": False,
            "concurrency": concurrency or QUEUE_SETTINGS[queue].concurrency,
            "lockDuration": round(lock_seconds * 1000),
            "stalledInterval": round(stalled_seconds * 1000),
            # A job that outlives several workers is not to blame for their deaths at once.
            "maxStalledCount": 3,
            # The default waits 15 s after each lost connection.
            "runRetryDelay": round(_RECONNECT_SECONDS * 1000),
        }
        self._worker: Worker | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._handing_back = asyncio.Event()

    async def run(self) -> None:
        """Work until ``close``. Redis may be away at the start and at any time."""
        while not self._closing.is_set():
            try:
                await self._run_once()
            except REDIS_AWAY as error:
                name = type(error).__name__
                _log.warning("queue.unreachable", queue=self._queue.value, error=name)
            if not self._closing.is_set():
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def close(self, timeout: float) -> None:
        """Take no more jobs and wait for those that run.

        What still runs after ``timeout`` seconds is cancelled and goes back to the queue without
        using up an attempt.
        """
        self._closing.set()
        worker = self._worker
        if worker is None:
            return
        # The library's close stops renewing the locks of the jobs that it waits for, so another
        # worker would take them up a second time: pause, and close when they are done.
        await worker.pause(do_not_wait_active=True)
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=timeout)
        self._handing_back.set()
        for task in self._handlers:
            task.cancel()
        # The library's close does not end when it is cancelled, so it is never awaited directly.
        closing = asyncio.ensure_future(worker.close())
        await asyncio.wait({closing}, timeout=_FORCE_TIMEOUT_SECONDS)
        if not closing.done():
            forced = asyncio.ensure_future(worker.close(force=True))
            await asyncio.wait({forced}, timeout=_FORCE_TIMEOUT_SECONDS)

    async def _run_once(self) -> None:
        redis = open_redis(self._redis_url, retries=5, max_connections=50)
        worker = Worker(self._queue.value, self._process, {**self._options, "connection": redis})
        try:
            worker.on("error", self._report_error)
            # Before the server's version is known the library rounds waits up to whole seconds.
            await worker.backend.blocking_connection.getRedisVersion()
            await worker.backend.connection.getRedisVersion()
            if self._closing.is_set():
                return
            self._worker = worker
            await worker.run()
        except asyncio.CancelledError:
            # A forced close cancels jobs, and the library lets that out of its own loop.
            if not self._closing.is_set() or _is_cancelled():
                raise
        finally:
            self._worker = None
            # Where the library was not closed, or does not come to its end, its own stays open.
            await worker.backend.blocking_connection.close()
            await redis.aclose()

    async def _process(self, job: Job, token: str) -> None:
        """Run the handler in a task of its own, so that a cancellation of it is told apart from a
        cancellation of the worker: the library would stop working without a word."""
        if self._handing_back.is_set():
            await _hand_back(job, token)
        task = asyncio.ensure_future(self._handler(job.name, job.data))
        self._handlers.add(task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            self._handlers.discard(task)
        if task.cancelled() and self._handing_back.is_set():
            await _hand_back(job, token)
        outcome = _failure(task)
        telemetry.JOBS_FINISHED.labels(self._queue.value, "failed" if outcome else "done").inc()
        if outcome is not None:
            raise outcome

    def _report_error(self, error: Exception, *_: object) -> None:
        _log.warning("queue.error", queue=self._queue.value, error=type(error).__name__)


async def _hand_back(job: Job, token: str) -> NoReturn:
    """Put a job back for other workers. It does not count as an attempt."""
    await job.moveToDelayed(round(now().timestamp() * 1000), token)
    raise DelayedError


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _failure(task: "asyncio.Future[None]") -> Exception | None:
    """What the queue is told about a handler's end, and so what it stores."""
    if task.cancelled():
        return JobInterruptedError("the handler was cancelled")
    error = task.exception()
    if error is None:
        return None
    _log.error("job.failed", exc_info=error)
    if isinstance(error, AutoDeployError):
        return JobFailedError(error.code) if error.retryable else UnrecoverableError(error.code)
    return JobFailedError(type(error).__name__)
