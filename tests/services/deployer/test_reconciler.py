"""What was lost on the way is done again."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import event, select
from tests.services.deployer.platform import WITH_DATABASE, Platform, eventually
from tests.services.deployer.provider import fail_with

from autodeploy.kernel.clock import now
from autodeploy.kernel.disk import DiskFull
from autodeploy.kernel.queue import QueueName, QueueWorker
from autodeploy.providers.base import CronStatus
from autodeploy.services.deployer import dispatch, projects
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.jobs import handle_deployment
from autodeploy.services.deployer.leases import take_lease
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.reconciler import Reconciler
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.upkeep import Upkeep


async def test_flushed_redis_loses_no_deployment(platform: Platform, redis_url: str) -> None:
    created = await platform.deploy(await platform.project())
    redis = Redis.from_url(redis_url)
    assert await redis.keys("bull:deployment:*")
    await redis.flushdb()
    await redis.aclose()
    await platform.set(created.id, dispatched_at=now() - timedelta(minutes=2))
    await Reconciler(platform.engine).run_once()

    async def handle(_name: str, payload: dict[str, str]) -> None:
        await handle_deployment(platform.runner, payload)

    worker = QueueWorker(redis_url, QueueName.DEPLOYMENT, handle)

    working = asyncio.create_task(worker.run())
    await eventually(lambda: _is_ready(platform, created.id))
    await worker.close(2)
    await working
    assert platform.provider.calls["build"] == 1


async def test_job_payload_holds_ids_only(platform: Platform, redis_url: str) -> None:
    await platform.deploy(
        await platform.project(),
        configuration={"environmentVariables": {"API_TOKEN": "s3cr3t-value-42"}},
    )
    redis = Redis.from_url(redis_url)
    dump = ""
    for key in await redis.keys("*"):
        if await redis.type(key) == b"hash":
            dump += str(await redis.hgetall(key))
    await redis.aclose()
    assert "deploymentId" in dump
    assert "s3cr3t-value-42" not in dump


async def test_deployment_queued_lately_is_not_queued_again(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    assert (await platform.row(created.id)).dispatch == 1
    assert await dispatch_due(platform.resources) == 0
    await platform.set(created.id, dispatched_at=now() - timedelta(seconds=6))
    assert await dispatch_due(platform.resources) == 1


async def test_deployment_of_a_lost_worker_is_queued_again_when_its_lease_ends(
    platform: Platform,
) -> None:
    created = await platform.deploy(await platform.project())
    assert await take_lease(platform.engine.resources.db, created.id, "lost", 60) is not None
    assert await dispatch_due(platform.resources) == 0

    await platform.set(created.id, lease_expires_at=now() - timedelta(seconds=1))
    assert await dispatch_due(platform.resources) == 1


async def test_projects_take_turns_and_a_rollback_waits_for_no_room(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "WINDOW", 3)
    busy = await platform.project(name="busy")
    many = [await platform.deploy(busy, environment=f"preview-{n}") for n in range(6)]
    late = [
        await platform.deploy(await platform.project(name=name)) for name in ("first", "second")
    ]
    for each in (*many, *late):
        await platform.set(each.id, dispatched_at=None, dispatch=0)
    assert await dispatch_due(platform.resources) == 3
    assert await dispatch_due(platform.resources) == 0
    queued = {each.id for each in (*many, *late) if (await platform.row(each.id)).dispatch}
    assert queued == {many[0].id, *(each.id for each in late)}
    # What runs counts too: the others of its project come after the project that only waits.
    await platform.set(
        many[0].id,
        status="building",
        lease_owner="x",
        lease_expires_at=now() + timedelta(minutes=1),
    )
    await platform.set(
        late[0].id,
        status="building",
        lease_owner="x",
        lease_expires_at=now() + timedelta(minutes=1),
    )
    await platform.set(late[1].id, dispatched_at=None)
    monkeypatch.setattr(dispatch, "WINDOW", 1)
    assert await dispatch_due(platform.resources) == 1
    assert (await platform.row(late[1].id)).dispatch == 2
    await platform.set(many[5].id, kind="rollback")
    assert await dispatch_due(platform.resources) == 1
    assert (await platform.row(many[5].id)).dispatch == 1


async def test_a_slow_queue_holds_no_more_and_what_it_lost_is_queued_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "WINDOW", 2)
    busy = await platform.project(name="busy")
    many = [await platform.deploy(busy, environment=f"preview-{n}") for n in range(4)]
    late = await platform.deploy(await platform.project(name="late"))
    for each in (*many, late):
        await platform.set(each.id, dispatched_at=None, dispatch=0)
    assert await dispatch_due(platform.resources) == 2
    for _ in range(3):  # nothing is begun for long, and each time the same two are queued again
        for each in (many[0], late):
            await platform.set(each.id, dispatched_at=now() - timedelta(minutes=2))
        assert await dispatch_due(platform.resources) == 2
    tries = [(await platform.row(each.id)).dispatch for each in (*many, late)]
    assert tries == [4, 0, 0, 0, 4]


async def test_deployment_with_a_live_lease_is_left_alone(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    later = now() + timedelta(seconds=60)
    await platform.set(created.id, dispatched_at=None, lease_owner="x", lease_expires_at=later)
    assert await dispatch_due(platform.resources) == 0


async def test_lost_live_release_is_started_again_at_its_address(platform: Platform) -> None:
    project = await platform.project()
    live = await platform.deployed(project)
    environment = await platform.environment(project)
    for file in (platform.provider.machine / "releases").iterdir():
        file.unlink()
    (platform.provider.machine / "traffic" / str(environment.number)).unlink()
    await Reconciler(platform.engine).run_once()
    assert platform.provider.releases() == {str(live.id)}
    assert platform.provider.traffic(environment.number) == str(live.id)
    assert (await platform.environment(project)).url == environment.url


async def test_state_of_the_live_release_is_told_with_its_beginning(platform: Platform) -> None:
    project = await platform.project()
    await platform.deployed(project)
    reconciler = Reconciler(platform.engine)

    async def told() -> dict[str, Any]:
        await reconciler.run_once()
        view = await projects.get_project(platform.resources, platform.principal, project.id)
        runtime = view.environments[0].runtime
        assert runtime is not None
        return runtime.model_dump()

    running = await told()
    assert (running["state"], running["restarts"], running["reason"]) == ("running", 0, None)
    assert await told() == running
    platform.provider.state = "crashed"
    crashed = await told()
    assert (crashed["state"], crashed["exit_code"]) == ("crashed", 1)
    assert crashed["since"] > running["since"]
    platform.provider.state = "running"
    assert (await told())["since"] > crashed["since"]


async def test_when_commands_were_run_and_are_next_is_told(platform: Platform) -> None:
    project = await platform.project()
    await platform.deployed(project)
    platform.provider.crons = (CronStatus("nightly", 1_800_000_000.0, None, None),)
    await Reconciler(platform.engine).run_once()
    view = await projects.get_project(platform.resources, platform.principal, project.id)
    runtime = view.environments[0].runtime
    assert runtime is not None
    [nightly] = runtime.crons
    assert (nightly.name, nightly.last_at, nightly.last_exit_code) == ("nightly", None, None)
    assert nightly.next_at == datetime(2027, 1, 15, 8, tzinfo=UTC)
    changed = (await platform.environment(project)).runtime
    await Reconciler(platform.engine).run_once()
    assert (await platform.environment(project)).runtime == changed


async def test_release_that_cannot_be_started_again_is_told_with_the_reason(
    platform: Platform,
) -> None:
    project = await platform.project()
    await platform.deployed(project)
    for file in (platform.provider.machine / "releases").iterdir():
        file.unlink()
    platform.provider.at["deploy"] = fail_with(DiskFull("no room"))
    await Reconciler(platform.engine).run_once()
    runtime = (await platform.environment(project)).runtime
    assert runtime is not None
    assert (runtime["state"], runtime["reason"]) == ("stopped", "disk_full")
    platform.provider.at.clear()
    await Reconciler(platform.engine).run_once()
    runtime = (await platform.environment(project)).runtime
    assert runtime is not None
    assert (runtime["state"], runtime["reason"]) == ("running", None)


async def test_release_that_was_not_retired_is_retired_later(platform: Platform) -> None:
    project = await platform.project()

    def away() -> None:
        raise ConnectionError("the agent is away")

    platform.provider.at["retire"] = away
    await platform.deployed(project)
    second = await platform.deployed(project)
    assert second.status == "ready"
    assert len(platform.provider.releases()) == 2
    platform.provider.at.clear()
    await Reconciler(platform.engine).run_once()
    assert platform.provider.releases() == {str(second.id)}


async def test_output_of_the_live_app_is_collected_once_and_redacted(platform: Platform) -> None:
    project = await platform.project()
    live = await platform.deployed(
        project, configuration={"environmentVariables": {"API_TOKEN": "s3cr3t-value-42"}}
    )
    platform.provider.output += [
        (time.time(), "stdout", "started"),
        (time.time(), "stderr", "token s3cr3t-value-42\x00"),
    ]
    await Reconciler(platform.engine).run_once()
    await Reconciler(platform.engine).run_once()
    lines = await platform.messages(live.id)
    assert lines.count("started") == 1
    assert lines[-1] == "token [redacted]"


async def test_deleted_project_leaves_nothing_behind(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    project = await platform.project(WITH_DATABASE)
    await platform.deployed(project)
    waiting = await platform.deploy(project)
    await projects.delete_project(platform.resources, platform.principal, project.id)
    await Reconciler(platform.engine).run_once()
    await Reconciler(platform.engine).run_once()
    machine = platform.provider.machine
    for folder in ("releases", "traffic", "databases"):
        assert not list((machine / folder).iterdir()), folder
    async with platform.resources.db.transaction() as session:
        assert await session.scalar(select(Project.id)) is None
    await Runner(platform.engine).run(waiting.id)


async def _is_ready(platform: Platform, deployment_id: object) -> bool:
    return (await platform.view(deployment_id)).status == "ready"  # type: ignore[arg-type]


async def test_release_that_is_replaced_while_it_is_looked_at_is_not_started_again(
    platform: Platform,
) -> None:
    project = await platform.project()
    before = await platform.deployed(project)
    after = await platform.deployed(project, build="always")
    environment = await platform.environment(project)
    (platform.provider.machine / "releases" / str(after.id)).unlink()

    async def replace_it() -> None:
        async with platform.resources.db.transaction() as session:
            session.add(environment)
            environment.live_deployment_id = before.id

    platform.provider.at["status"] = replace_it
    await Upkeep(platform.engine).keep_live()
    assert platform.provider.releases() == set()


async def test_live_apps_are_looked_at_with_as_many_queries_as_one(platform: Platform) -> None:
    project = await platform.project()
    upkeep = Upkeep(platform.engine)
    queries: list[str] = []
    counted: list[int] = []
    event.listen(
        platform.resources.db.engine.sync_engine,
        "before_cursor_execute",
        lambda *arguments: queries.append(arguments[2]),
    )
    for environment in ("production", "staging", "preview"):
        await platform.deployed(project, environment=environment)
        await upkeep.keep_live()
        queries.clear()
        await upkeep.keep_live()
        await upkeep.collect_output()
        counted.append(len(queries))
    assert counted == counted[:1] * 3


async def test_projects_take_turns_whichever_queued_first(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "WINDOW", 0)  # nothing is queued while they are made
    owners = {}
    for name in ("first", "second", "third"):
        project = await platform.project(name=name)
        for environment in ("production", "staging"):
            owners[(await platform.deploy(project, environment=environment)).id] = name
    monkeypatch.setattr(dispatch, "WINDOW", 1)
    served = []
    for _ in owners:
        [row] = await dispatch._mark_dispatched(platform.resources, None)
        served.append(owners[row.id])
        await take_lease(platform.resources.db, row.id, "worker", 60)
        await platform.set(row.id, status="cancelled", completed_at=now())
    assert served == ["first", "second", "third"] * 2
