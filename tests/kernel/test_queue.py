"""Jobs reach a worker fast, once, in order, and survive what happens to workers and to Redis."""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bullmq import Job
from bullmq import Queue as LibraryQueue
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from autodeploy.kernel import queue as queue_module
from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from autodeploy.kernel.queue import (
    QUEUE_SETTINGS,
    JobName,
    Priority,
    QueueName,
    Queues,
    QueueSettings,
    QueueWorker,
)
from autodeploy.kernel.queue_jobs import JobState, QueueJobs
from autodeploy.kernel.redis import open_redis

_Q = QueueName.DEPLOYMENT
_ONCE = QueueSettings(10, attempts=1, backoff_seconds=None, keep_completed=50, keep_failed=50)


class Recorder:
    """A handler that notes each call and then does as it is told."""

    def __init__(self, then: Callable[[], Awaitable[None]] | None = None):
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.times: list[float] = []
        self._then = then

    async def __call__(self, name: str, payload: Any) -> None:
        self.times.append(time.monotonic())
        self.calls.append((name, dict(payload)))
        if self._then is not None:
            await self._then()

    @property
    def ids(self) -> list[str]:
        return [payload["deploymentId"] for _, payload in self.calls]

    async def wait_for(self, count: int, seconds: float = 20) -> None:
        await eventually(lambda: len(self.calls) >= count, seconds)


async def eventually(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until the condition, plain or awaitable, holds."""
    async with asyncio.timeout(seconds):
        while True:
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(worker: QueueWorker) -> AsyncIterator[QueueWorker]:
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.close(timeout=5)
        await asyncio.wait_for(task, 5)


@pytest.fixture
async def queues(redis_url):
    queues = Queues.connect(redis_url)
    yield queues
    await queues.close()


@pytest.fixture
async def library(redis_url):
    """The queue as other tools see it."""
    redis = open_redis(redis_url, retries=1)
    yield LibraryQueue(_Q.value, {"connection": redis})
    await redis.aclose()


@pytest.fixture
async def own_valkey(home, system_user):
    """A server of this test's own, to be killed and started again."""
    server = EmbeddedValkey(home / "valkey", home / "run" / "s", home / "log", system_user)
    await server.start()
    await server.wait_ready()
    yield server
    await server.stop()


async def kill(server: EmbeddedValkey) -> None:
    assert server.process is not None
    server.process.kill()
    await server.process.wait()


async def restart(server: EmbeddedValkey) -> None:
    await server.start()
    await server.wait_ready()


async def add(queues: Queues, job_id: str, **options: Any) -> None:
    await queues.add(_Q, JobName.DEPLOYMENT, {"deploymentId": job_id}, job_id=job_id, **options)


async def state(library: LibraryQueue, job_id: str) -> str:
    job = await Job.fromId(library, job_id)
    return await job.getState() if job else "gone"


def test_settings_are_those_of_the_specification():
    deployment, analysis, provisioning = (QUEUE_SETTINGS[name] for name in QueueName)
    assert (deployment.concurrency, deployment.attempts) == (10, 3)
    assert (deployment.keep_completed, deployment.keep_failed) == (50, 20)
    assert (analysis.concurrency, analysis.attempts, analysis.keep_completed) == (20, 2, 100)
    assert (provisioning.concurrency, provisioning.attempts) == (5, 3)
    assert deployment.backoff_seconds and provisioning.backoff_seconds
    assert analysis.backoff_seconds is None


async def test_added_job_reaches_the_handler_with_name_and_payload(redis_url, queues):
    handler = Recorder()
    async with running(QueueWorker(redis_url, _Q, handler)):
        payload = {"deploymentId": "d-1", "force": True}
        await queues.add(_Q, JobName.DEPLOYMENT, payload, job_id="d-1.0")
        await handler.wait_for(1)
    assert handler.calls == [("deployment", payload)]


async def test_queues_do_not_share_jobs(redis_url, queues):
    handler = Recorder()
    await queues.add(QueueName.ANALYSIS, JobName.REPOSITORY_ANALYSIS, {}, job_id="other")
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "mine")
        await handler.wait_for(1)
    assert handler.ids == ["mine"]


async def test_idle_worker_picks_up_at_once(redis_url, queues):
    handler = Recorder()
    redis = open_redis(redis_url, retries=1)
    delays = []

    async def is_waiting() -> bool:
        return any(client["cmd"] == "bzpopmin" for client in await redis.client_list())

    async with running(QueueWorker(redis_url, _Q, handler)):
        for n in range(7):
            await eventually(is_waiting)
            started = time.monotonic()
            await add(queues, f"job-{n}")
            await handler.wait_for(n + 1)
            delays.append(handler.times[-1] - started)
    await redis.aclose()
    assert sorted(delays)[3] < 0.1


async def test_blocking_read_outlasts_the_client_librarys_time_out(redis_url):
    # redis-py gives up after 5 s by default, just when an idle worker's wait ends.
    redis = open_redis(redis_url, retries=0)
    started = time.monotonic()
    assert await redis.bzpopmin("nothing", 5.3) is None
    assert time.monotonic() - started >= 5.2
    await redis.aclose()


async def test_idle_worker_closes_at_once(redis_url, queues):
    handler = Recorder()
    worker = QueueWorker(redis_url, _Q, handler)
    task = asyncio.create_task(worker.run())
    await add(queues, "job-1")
    await handler.wait_for(1)
    started = time.monotonic()
    await worker.close(timeout=10)
    await task
    assert time.monotonic() - started < 3


async def test_worker_closed_before_it_runs_does_not_run(redis_url):
    worker = QueueWorker(redis_url, _Q, Recorder())
    await worker.close(timeout=1)
    await asyncio.wait_for(worker.run(), 5)


async def test_close_lets_running_job_finish(redis_url, queues, library):
    handler = Recorder(lambda: asyncio.sleep(0.3))
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "job-1")
        await handler.wait_for(1)
    assert await state(library, "job-1") == "completed"


async def test_closing_worker_leaves_the_next_job_to_another(redis_url, queues):
    release = asyncio.Event()
    handler = Recorder(release.wait)
    worker = QueueWorker(redis_url, _Q, handler)
    task = asyncio.create_task(worker.run())
    await add(queues, "job-1")
    await handler.wait_for(1)
    closing = asyncio.create_task(worker.close(timeout=10))
    await asyncio.sleep(0)
    await add(queues, "job-2")
    release.set()
    await closing
    await task
    assert handler.ids == ["job-1"]
    successor = Recorder()
    async with running(QueueWorker(redis_url, _Q, successor)):
        await successor.wait_for(1)
    assert successor.ids == ["job-2"]


async def test_job_that_outlasts_close_goes_back_without_using_an_attempt(
    redis_url, queues, library
):
    stuck = Recorder(lambda: asyncio.sleep(3600))
    worker = QueueWorker(redis_url, _Q, stuck)
    task = asyncio.create_task(worker.run())
    await add(queues, "job-1")
    await stuck.wait_for(1)
    started = time.monotonic()
    await worker.close(timeout=0.1)
    await asyncio.wait_for(task, 5)
    assert time.monotonic() - started < 3
    assert (await Job.fromId(library, "job-1")).attemptsMade == 0

    handler = Recorder()
    async with running(QueueWorker(redis_url, _Q, handler)):
        await handler.wait_for(1, seconds=3)
    assert handler.ids == ["job-1"]
    assert await state(library, "job-1") == "completed"


async def test_handler_that_ignores_cancellation_does_not_hang_close(
    redis_url, queues, monkeypatch
):
    monkeypatch.setattr(queue_module, "_FORCE_TIMEOUT_SECONDS", 0.2)
    released = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    handler = Recorder(stubborn)
    worker = QueueWorker(redis_url, _Q, handler)
    task = asyncio.create_task(worker.run())
    await add(queues, "job-1")
    await handler.wait_for(1)
    await asyncio.wait_for(worker.close(timeout=0.1), 5)
    released.set()
    await asyncio.wait_for(task, 5)


async def test_delay_under_a_second_is_not_rounded_up(redis_url, queues):
    handler = Recorder()
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "warm-up")
        await handler.wait_for(1)
        started = time.monotonic()
        await add(queues, "job-1", delay_seconds=0.25)
        await handler.wait_for(2)
    assert 0.2 <= handler.times[1] - started < 0.8


async def test_backoff_under_a_second_doubles_and_is_not_rounded_up(redis_url):
    async def fail() -> None:
        raise ValueError("no")

    handler = Recorder(fail)
    queues = Queues(redis_url, {_Q: QueueSettings(10, 3, 0.1, 50, 50)})
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "job-1")
        await handler.wait_for(3)
    await queues.close()
    first, second, third = handler.times
    assert second - first >= 0.08
    assert third - second >= 0.18
    assert third - first < 3  # which whole seconds would take at least: 1 and 2


async def test_handler_that_is_cancelled_fails_its_job_and_not_the_worker(redis_url, library):
    async def cancelled() -> None:
        raise asyncio.CancelledError

    handler = Recorder(cancelled)
    queues = Queues(redis_url, {_Q: _ONCE})
    async with running(QueueWorker(redis_url, _Q, handler, concurrency=1)):
        await add(queues, "job-1")
        await add(queues, "job-2")
        await handler.wait_for(2)
        for job_id in ("job-1", "job-2"):
            await eventually(lambda job_id=job_id: _is(library, job_id, "failed"))
    await queues.close()


async def _is(library: LibraryQueue, job_id: str, expected: str) -> bool:
    return await state(library, job_id) == expected


async def test_error_that_is_not_retryable_fails_the_job_at_once(redis_url, queues, library):
    async def refuse() -> None:
        raise Conflict("it is already there")

    handler = Recorder(refuse)
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "job-1")
        await eventually(lambda: _is(library, "job-1", "failed"))
    assert len(handler.calls) == 1
    assert (await Job.fromId(library, "job-1")).failedReason == "conflict"


async def test_retryable_error_is_tried_again(redis_url, library):
    async def unavailable() -> None:
        raise Unavailable("try later")

    handler = Recorder(unavailable)
    queues = Queues(redis_url, {_Q: QueueSettings(10, 2, None, 50, 50)})
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "job-1")
        await eventually(lambda: _is(library, "job-1", "failed"))
    await queues.close()
    assert len(handler.calls) == 2


async def test_message_of_a_failure_is_not_stored(redis_url, library):
    async def leak() -> None:
        raise ValueError("password is hunter2-secret")

    queues = Queues(redis_url, {_Q: _ONCE})
    async with running(QueueWorker(redis_url, _Q, Recorder(leak))):
        await add(queues, "job-1")
        await eventually(lambda: _is(library, "job-1", "failed"))
    await queues.close()
    stored = await library.client.hgetall("bull:deployment:job-1")
    assert stored["failedReason"] == "ValueError"
    assert "hunter2" not in str(stored)


async def test_waiting_jobs_run_by_priority_then_age(redis_url, queues):
    release = asyncio.Event()
    handler = Recorder(release.wait)
    async with running(QueueWorker(redis_url, _Q, handler, concurrency=1)):
        await add(queues, "first")
        await handler.wait_for(1)
        for n, priority in enumerate(("low", "normal", "high", "low", "normal", "high")):
            await add(queues, f"{priority}-{n}", priority=Priority(priority))
        release.set()
        await handler.wait_for(7)
    assert handler.ids[1:] == ["high-2", "high-5", "normal-1", "normal-4", "low-0", "low-3"]


async def test_no_more_jobs_than_the_concurrency_run_at_once(redis_url, queues):
    now = most = 0

    async def busy() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1

    handler = Recorder(busy)
    async with running(QueueWorker(redis_url, _Q, handler, concurrency=3)):
        for n in range(12):
            await add(queues, f"job-{n}")
        await handler.wait_for(12)
    assert most == 3


async def test_id_that_is_still_kept_is_not_added_again(redis_url, queues):
    handler = Recorder()
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "job-1")
        await handler.wait_for(1)
        await add(queues, "job-1")
        await add(queues, "job-2")
        await handler.wait_for(2)
    assert handler.ids == ["job-1", "job-2"]


async def test_only_so_many_finished_jobs_are_kept(redis_url, library):
    queues = Queues(redis_url, {_Q: QueueSettings(10, 1, None, keep_completed=3, keep_failed=2)})
    failing = False

    async def perhaps_fail() -> None:
        if failing:
            raise ValueError

    handler = Recorder(perhaps_fail)

    async def counts(completed: int, failed: int) -> bool:
        found = await library.getJobCounts("completed", "failed", "active", "prioritized")
        return found == {"completed": completed, "failed": failed, "active": 0, "prioritized": 0}

    async with running(QueueWorker(redis_url, _Q, handler, concurrency=1)):
        for n in range(6):
            await add(queues, f"good-{n}")
        await handler.wait_for(6)
        await eventually(lambda: counts(3, 0))
        failing = True
        for n in range(5):
            await add(queues, f"bad-{n}")
        await handler.wait_for(11)
        await eventually(lambda: counts(3, 2))
    await queues.close()


@pytest.mark.parametrize("job_id", ["", "a:b", "12345", "٣", "-x", "a b", "a\n", "x" * 201])
async def test_id_that_the_library_mistakes_is_refused(queues, job_id):
    with pytest.raises(InvalidInput) as error:
        await add(queues, job_id)
    assert error.value.field == "job_id"


@pytest.mark.parametrize("value", [{"a": "b"}, ["a"], None, 1.5, "x" * 1025])
async def test_payload_of_more_than_references_is_refused(queues, value):
    with pytest.raises(InvalidInput) as error:
        await queues.add(_Q, JobName.DEPLOYMENT, {"configuration": value}, job_id="job-1")
    assert error.value.field == "configuration"


async def test_job_of_a_killed_worker_process_is_taken_up_within_seconds(redis_url, queues):
    script = (
        "import asyncio, sys\n"
        "from autodeploy.kernel.queue import QueueName, QueueWorker\n"
        "async def handler(name, payload):\n"
        "    print('started', flush=True)\n"
        "    await asyncio.sleep(3600)\n"
        "worker = QueueWorker(sys.argv[1], QueueName.DEPLOYMENT, handler,"
        " lock_seconds=1, stalled_seconds=0.5)\n"
        "asyncio.run(worker.run())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, redis_url, stdout=asyncio.subprocess.PIPE
    )
    await add(queues, "job-1")
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"started\n"
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    handler = Recorder()
    worker = QueueWorker(redis_url, _Q, handler, lock_seconds=1, stalled_seconds=0.5)
    async with running(worker):
        await handler.wait_for(1, seconds=6)
    assert handler.ids == ["job-1"]


async def test_job_longer_than_its_lock_is_not_taken_from_a_living_worker(
    redis_url, queues, library
):
    handler = Recorder(lambda: asyncio.sleep(3))
    one = QueueWorker(redis_url, _Q, handler, lock_seconds=1.5, stalled_seconds=0.3)
    other = QueueWorker(redis_url, _Q, handler, lock_seconds=1.5, stalled_seconds=0.3)
    async with running(one), running(other):
        await add(queues, "job-1")
        await eventually(lambda: _is(library, "job-1", "completed"))
    assert handler.ids == ["job-1"]


async def test_job_longer_than_its_lock_is_not_taken_from_a_worker_that_closes(
    redis_url, queues, library
):
    handler = Recorder(lambda: asyncio.sleep(1.5))
    one = QueueWorker(redis_url, _Q, handler, lock_seconds=0.4, stalled_seconds=0.2)
    task = asyncio.create_task(one.run())
    await add(queues, "job-1")
    await handler.wait_for(1)
    other = QueueWorker(redis_url, _Q, handler, lock_seconds=0.4, stalled_seconds=0.2)
    async with running(other):
        await one.close(timeout=10)
        await task
        assert await state(library, "job-1") == "completed"
    assert handler.ids == ["job-1"]


async def test_redis_flushed_while_a_job_runs_does_not_stop_the_worker(redis_url, queues, library):
    release = asyncio.Event()
    handler = Recorder(release.wait)
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "job-1")
        await handler.wait_for(1)
        await library.client.flushdb()
        release.set()
        await add(queues, "job-2")
        await handler.wait_for(2, seconds=10)
    assert handler.ids == ["job-1", "job-2"]


async def test_worker_goes_on_within_seconds_after_redis_was_killed(own_valkey):
    handler = Recorder()
    queues = Queues.connect(own_valkey.url)
    async with running(QueueWorker(own_valkey.url, _Q, handler)):
        await add(queues, "job-1")
        await handler.wait_for(1)
        await kill(own_valkey)
        # Longer than the connection itself tries again.
        away_until = time.monotonic() + 3.5
        while time.monotonic() < away_until:
            with pytest.raises(Unavailable):
                await add(queues, "job-2")
        await restart(own_valkey)
        await add(queues, "job-2")
        await handler.wait_for(2, seconds=5)
    await queues.close()


async def test_worker_started_before_redis_begins_when_it_is_there(own_valkey):
    await kill(own_valkey)
    handler = Recorder()
    queues = Queues.connect(own_valkey.url)
    async with running(QueueWorker(own_valkey.url, _Q, handler)):
        with pytest.raises(Unavailable):
            await add(queues, "job-1")
        await restart(own_valkey)
        await add(queues, "job-1")
        await handler.wait_for(1, seconds=5)
    await queues.close()


async def test_worker_closes_while_redis_is_away(own_valkey):
    handler = Recorder()
    queues = Queues.connect(own_valkey.url)
    worker = QueueWorker(own_valkey.url, _Q, handler)
    task = asyncio.create_task(worker.run())
    await add(queues, "job-1")
    await handler.wait_for(1)
    await kill(own_valkey)
    await asyncio.wait_for(worker.close(timeout=5), 12)
    await asyncio.wait_for(task, 5)
    await queues.close()


def _certificate(folder) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
async def test_tcp_and_tls_urls_work_as_sockets_do(own_valkey, tmp_path, scheme):
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(str(own_valkey.socket))
        await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))

    context = _certificate(tmp_path) if scheme == "rediss" else None
    server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    url = f"{scheme}://127.0.0.1:{port}/3"
    if context:
        url += "?ssl_cert_reqs=none&ssl_check_hostname=False"
    handler = Recorder()
    queues = Queues.connect(url)
    async with running(QueueWorker(url, _Q, handler)):
        await add(queues, "job-1")
        await handler.wait_for(1)
    await queues.close()
    server.close()
    await server.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.mark.parametrize("url", ["", "http://localhost", "/run/valkey.sock"])
def test_url_of_another_scheme_is_refused(url):
    with pytest.raises(InvalidInput, match="unix://"):
        Queues.connect(url)


async def test_concurrency_of_a_queue_holds_for_all_its_workers_together(redis_url):
    running_now, most, release = 0, 0, asyncio.Event()

    async def work() -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await release.wait()
        running_now -= 1

    handler = Recorder(work)
    queues = Queues(redis_url, {_Q: QueueSettings(2, 1, None, 50, 50)})
    workers = [QueueWorker(redis_url, _Q, handler) for _ in range(2)]
    async with running(workers[0]), running(workers[1]):
        for number in range(6):
            await add(queues, f"job-{number}")
        await handler.wait_for(2)
        counts = await queues.jobs(_Q).count()
        release.set()
        await handler.wait_for(6)
    await queues.close()
    assert (counts[JobState.ACTIVE], counts[JobState.WAITING]) == (2, 4)
    assert most == 2


async def test_jobs_are_listed_by_state_with_the_code_of_their_failure_alone(redis_url, queues):
    async def refuse() -> None:
        raise Conflict("password=hunter2")

    await add(queues, "first")
    await add(queues, "urgent", priority=Priority.HIGH)
    await add(queues, "later", delay_seconds=600)
    jobs = queues.jobs(_Q)
    assert [job.id for job in await jobs.list(JobState.WAITING, 10)] == ["urgent", "first"]
    [later] = await jobs.list(JobState.DELAYED, 10)
    assert (later.id, later.started_at, later.priority) == ("later", None, Priority.NORMAL)
    async with running(QueueWorker(redis_url, _Q, Recorder(refuse))):
        await eventually(lambda: _has(jobs, JobState.FAILED, 2))
    [latest] = await jobs.list(JobState.FAILED, 1)
    assert latest.payload == {"deploymentId": latest.id}
    assert (latest.failure, latest.attempts) == ("conflict", 1)
    assert latest.finished_at >= latest.started_at >= latest.created_at


async def _has(jobs: QueueJobs, state: JobState, count: int) -> bool:
    return (await jobs.count())[state] == count


async def test_failed_job_is_tried_again_and_what_nobody_works_on_is_dropped(redis_url, queues):
    attempts = 0
    release = asyncio.Event()

    async def fail_first() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise Conflict("not now")
        await release.wait()

    jobs = queues.jobs(_Q)
    handler = Recorder(fail_first)
    await add(queues, "waits", delay_seconds=600)
    async with running(QueueWorker(redis_url, _Q, handler)):
        await add(queues, "job-1")
        await eventually(lambda: _has(jobs, JobState.FAILED, 1))
        await jobs.retry("job-1")
        await handler.wait_for(2)
        with pytest.raises(Conflict, match="A worker runs this job"):
            await jobs.drop("job-1")
        with pytest.raises(Conflict, match="this one is active"):
            await jobs.retry("job-1")
        release.set()
        await eventually(lambda: _has(jobs, JobState.COMPLETED, 1))
    for job_id in ("job-1", "waits"):
        await jobs.drop(job_id)
        with pytest.raises(NotFound):
            await jobs.drop(job_id)
    assert set((await jobs.count()).values()) == {0}


async def test_jobs_cannot_be_looked_at_while_redis_is_away(own_valkey):
    queues = Queues.connect(own_valkey.url)
    await kill(own_valkey)
    with pytest.raises(Unavailable):
        await queues.jobs(_Q).count()
    await queues.close()
