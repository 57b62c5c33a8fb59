"""The queues as an operator of the platform sees them: what waits, what failed, retry and drop."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.api.deployer import User
from tests.kernel.test_queue import eventually, running

from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.queue import JobName, QueueName, Queues, QueueWorker
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service

JOB = {"requestId": "request", "repositoryId": "repository", "force": False}


@pytest.fixture
async def operator(client: httpx.AsyncClient, resources: Resources) -> User:
    token = await service.ensure_administrator(resources, "operator@example.com")
    return User(client, {"Authorization": f"Bearer {token}"})


async def _counts(operator: User, queue: str) -> dict[str, int]:
    answer = await operator.call("GET", "/queues", status=200)
    [found] = [each for each in answer["items"] if each["name"] == queue]
    return {key: value for key, value in found.items() if isinstance(value, int)}


async def test_deployment_that_waits_is_shown_and_cancelled_rather_than_dropped(
    client, sign_up, operator
):
    user = User(client, await sign_up())
    deployment = await user.deployment(await user.project())
    assert (await _counts(operator, "deployment")) == {
        "concurrency": 10, "waiting": 1, "delayed": 0, "active": 0, "completed": 0, "failed": 0,
    }  # fmt: skip
    answer = await operator.call("GET", "/queues/deployment/jobs?state=waiting", status=200)
    [job] = answer["items"]
    assert job["payload"]["deploymentId"] == deployment["id"]
    assert (job["priority"], job["attempts"], job["failure"]) == ("normal", 0, None)
    path = f"/queues/deployment/jobs/{job['id']}"
    refused = await operator.call("DELETE", path, status=409)
    assert f"autodeploy cancel {deployment['id']}" in refused["remedy"]
    await operator.call("POST", f"{path}/retry", status=409)


async def test_failed_job_is_tried_again_and_then_removed(resources, redis_url, operator):
    tries: list[str] = []

    async def fail(name: str, _payload: Any) -> None:
        tries.append(name)
        raise Conflict("postgres://user:hunter2@host/db is not there")

    await resources.queues.add(
        QueueName.ANALYSIS, JobName.REPOSITORY_ANALYSIS, JOB, job_id="analysis-1"
    )
    async with running(QueueWorker(redis_url, QueueName.ANALYSIS, fail)):
        await eventually(lambda: _has_failed(operator, 1))
        [job] = (await operator.call("GET", "/queues/analysis/jobs", status=200))["items"]
        assert (job["id"], job["failure"]) == ("analysis-1", "conflict")
        again = await operator.call("POST", "/queues/analysis/jobs/analysis-1/retry", status=200)
        assert again["state"] == "waiting"
        await eventually(lambda: len(tries) == 2)
        await eventually(lambda: _has_failed(operator, 1))
    await operator.call("DELETE", "/queues/analysis/jobs/analysis-1", status=204)
    await operator.call("DELETE", "/queues/analysis/jobs/analysis-1", status=404)
    assert (await _counts(operator, "analysis"))["failed"] == 0


async def _has_failed(operator: User, count: int) -> bool:
    return (await _counts(operator, "analysis"))["failed"] == count


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/queues/none/jobs", "queue"),
        ("/queues/analysis/jobs?state=lost", "state"),
        ("/queues/analysis/jobs?limit=0", "limit"),
    ],
)
async def test_unknown_queue_state_or_limit_is_named(operator, path, field):
    assert (await operator.call("GET", path, status=422))["field"] == field


async def test_id_that_no_job_can_have_is_refused(operator):
    refused = await operator.call("DELETE", "/queues/analysis/jobs/a%20b", status=422)
    assert refused["field"] == "job_id"


async def test_queues_cannot_be_shown_while_redis_is_away(app, client, resources, operator):
    away = Queues.connect("unix:///nonexistent/valkey.sock?db=0")
    app.state.resources = replace(resources, queues=away)
    refused = await operator.call("GET", "/queues", status=503)
    assert refused["code"] == "unavailable"
    await away.close()
