"""Deployments run to their end, whatever happens to the worker."""

import asyncio
import errno
import os
from dataclasses import replace
from uuid import UUID

import pytest
from tests.kernel.gate import Gate
from tests.services.auth.accounts import principal
from tests.services.deployer.platform import STATIC, WITH_DATABASE, Platform, eventually
from tests.services.deployer.provider import Crash, crash_once, fail_with

from autodeploy.kernel.db import Database
from autodeploy.kernel.errors import DeploymentFailed, Unavailable
from autodeploy.kernel.http.errors import RateLimited
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer import runner as runner_module
from autodeploy.services.deployer.errors import DeploymentEnded
from autodeploy.services.deployer.runner import MAX_RECOVERIES, STEP_ATTEMPTS, Runner

STEPS = [
    "analyze_repository",
    "provision_database",
    "build_application",
    "deploy_to_provider",
    "verify_health",
]


async def test_new_deployment_becomes_ready_and_live(platform: Platform) -> None:
    project = await platform.project()
    deployed = await platform.deployed(project)
    assert deployed.error is None
    assert deployed.status == "ready"
    assert [step.name for step in deployed.steps] == STEPS
    assert [step.status for step in deployed.steps] == [
        "succeeded", "skipped", "succeeded", "succeeded", "succeeded",
    ]  # fmt: skip
    environment = await platform.environment(project)
    assert environment.live_deployment_id == deployed.id
    assert deployed.url == environment.url == "http://shop.localhost"
    assert deployed.local_url == environment.local_url
    assert platform.provider.traffic(environment.number) == str(deployed.id)


async def test_next_deployment_retires_the_release_before(platform: Platform) -> None:
    project = await platform.project()
    first = await platform.deployed(project)
    second = await platform.deployed(project)
    assert platform.provider.releases() == {str(second.id)}
    assert (await platform.row(first.id)).has_release is False


async def test_variable_that_a_database_is_made_for_is_not_called_missing(
    platform: Platform,
) -> None:
    files = {**WITH_DATABASE, "key.py": "import os\nkey = os.environ['API_KEY']\n"}
    deployed = await platform.deployed(await platform.project(files))
    lines = await platform.messages(deployed.id)
    assert "DATABASE_URL is read in app.py:5: a database will be provisioned for it." in lines
    assert [line for line in lines if "not set" in line] == [
        "API_KEY is read in key.py:2 and not set."
    ]


async def test_redeploy_without_change_builds_nothing(platform: Platform) -> None:
    project = await platform.project()
    first = await platform.deployed(project)
    second = await platform.deployed(project)
    assert platform.provider.calls["build"] == 1
    rows = [await platform.row(each.id) for each in (first, second)]
    assert rows[0].artifact_key == rows[1].artifact_key


@pytest.mark.parametrize(
    ("files", "key", "builds"),
    [
        (STATIC, "COLOUR", 1),
        (STATIC, "PIP_INDEX_URL", 2),
        (STATIC, "NEXT_PUBLIC_COLOUR", 2),
        (STATIC | {"autodeploy.toml": "[variables.COLOUR]\nbuild = true\n"}, "COLOUR", 2),
        (STATIC | {"autodeploy.toml": "build = 'python make.py'\noutput = '.'\n"}, "COLOUR", 2),
    ],
)
async def test_changed_variable_builds_again_only_where_the_build_may_read_it(
    platform: Platform, files: dict[str, str], key: str, builds: int
) -> None:
    project = await platform.project(files)
    await platform.deployed(project)
    changed = {"configuration": {"environmentVariables": {key: "green"}}}
    deployed = await platform.deployed(project, **changed)
    assert platform.provider.calls["build"] == builds
    assert deployed.status == "ready"
    assert platform.provider.environments["run"][key] == "green"
    await platform.deployed(project)
    assert platform.provider.calls["build"] == builds


async def test_switch_that_takes_longer_than_the_lease_is_done_once(platform: Platform) -> None:
    """The run has the row locked meanwhile, so that its lease cannot be renewed, nor taken."""
    created = await platform.deploy(await platform.project())
    engine = platform.make_engine("slow", lease_seconds=2.0)
    platform.provider.at["promote"] = lambda: asyncio.sleep(3.5)
    await Runner(engine).run(created.id)

    assert (await platform.view(created.id)).status == "ready"
    assert platform.provider.calls["promote"] == 1
    assert (await platform.row(created.id)).recoveries == 0


async def test_build_is_made_or_left_out_as_asked(platform: Platform) -> None:
    project = await platform.project(
        STATIC | {"autodeploy.toml": "build = 'python make.py'\noutput = '.'\n"}
    )
    refused = await platform.deployed(project, build="never")
    assert refused.error is not None
    assert refused.error.code == "not_built"
    await platform.deployed(project)
    again = await platform.deployed(project, build="always")
    assert platform.provider.calls["build"] == 2
    changed = {"configuration": {"environmentVariables": {"COLOUR": "green"}}}
    kept = await platform.deployed(project, build="never", **changed)
    assert platform.provider.calls["build"] == 2
    assert (await platform.row(kept.id)).artifact_key == (await platform.row(again.id)).artifact_key
    elsewhere = await platform.deployed(project, build="never", environment="staging")
    assert elsewhere.error is not None
    assert elsewhere.error.code == "not_built"


@pytest.mark.parametrize("moment", ["at", "after"])
@pytest.mark.parametrize("call", ["build", "deploy", "promote"])
async def test_worker_killed_in_a_call_is_resumed_there(
    platform: Platform, call: str, moment: str
) -> None:
    project = await platform.project()
    created = await platform.deploy(project)
    getattr(platform.provider, moment)[call] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(created.id)
    await Runner(platform.make_engine("second")).run(created.id)
    assert (await platform.view(created.id)).status != "ready", "the lease was not respected"
    await platform.expire_lease(created.id)
    await Runner(platform.make_engine("second")).run(created.id)
    assert (await platform.view(created.id)).status == "ready"
    assert (await platform.row(created.id)).recoveries == 1
    assert platform.provider.calls["build"] == (2 if call == "build" else 1)
    assert (await platform.step(created.id, "analyze_repository")).attempt == 1
    assert platform.provider.releases() == {str(created.id)}
    assert not list((platform.resources.home / "builds").iterdir())


async def test_build_folder_of_a_dead_worker_is_removed(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    left = platform.resources.home / "builds" / f"{created.id}-0" / "source"
    left.mkdir(parents=True)
    await platform.runner.run(created.id)
    assert not left.parent.exists()


async def test_worker_killed_while_a_database_is_made_makes_one(platform: Platform) -> None:
    project = await platform.project(WITH_DATABASE)
    created = await platform.deploy(project)
    platform.provider.after["ensure_database"] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(created.id)
    await platform.expire_lease(created.id)
    await Runner(platform.make_engine("second")).run(created.id)
    assert (await platform.step(created.id, "provision_database")).status == "succeeded"
    assert len(list((platform.provider.machine / "databases").iterdir())) == 1


async def test_late_worker_writes_nothing(platform: Platform) -> None:
    project = await platform.project()
    created = await platform.deploy(project)
    waking = asyncio.Event()
    platform.provider.at["build"] = waking.wait
    late = asyncio.create_task(platform.runner.run(created.id))
    await eventually(lambda: _running(platform, created.id, "build_application"))
    platform.provider.at.clear()
    await platform.expire_lease(created.id)
    await Runner(platform.make_engine("second")).run(created.id)
    before = await platform.row(created.id)
    lines = await platform.messages(created.id)
    waking.set()
    await late
    after = await platform.row(created.id)
    assert before.status == after.status == "ready"
    assert before.event_sequence == after.event_sequence
    assert lines == await platform.messages(created.id)


@pytest.mark.parametrize("moment", ["at", "after"])
@pytest.mark.parametrize("call", ["build", "deploy", "promote"])
async def test_database_that_is_away_for_a_while_costs_no_run(
    resources: Resources,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    moment: str,
) -> None:
    monkeypatch.setattr(runner_module, "RETRY_SECONDS", 0.01)
    async with Gate(database_url, resources.home) as gate:
        behind = replace(resources, db=Database(gate.url, role="autodeploy_worker"))
        platform = Platform(behind, await principal(resources))
        created = await platform.deploy(await platform.project())
        opening = asyncio.Event()

        async def go_away() -> None:
            getattr(platform.provider, moment).clear()
            await gate.shut()
            opening.set()

        async def come_back() -> None:
            await opening.wait()
            await eventually(lambda: _refused(gate, 2 * STEP_ATTEMPTS))
            gate.open()

        getattr(platform.provider, moment)[call] = go_away
        async with asyncio.TaskGroup() as group:
            group.create_task(come_back())
            group.create_task(platform.runner.run(created.id))
        assert (await platform.view(created.id)).status == "ready"
        assert (await platform.row(created.id)).recoveries == 0
        await behind.db.close()


async def test_stopping_worker_hands_the_deployment_on_at_once(platform: Platform) -> None:
    project = await platform.project()
    created = await platform.deploy(project)
    platform.provider.at["build"] = asyncio.Event().wait
    task = asyncio.create_task(platform.runner.run(created.id))
    await eventually(lambda: _running(platform, created.id, "build_application"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    platform.provider.at.clear()
    await Runner(platform.make_engine("second")).run(created.id)
    assert (await platform.view(created.id)).status == "ready"
    assert (await platform.row(created.id)).recoveries == 0


async def test_deployment_that_loses_too_many_workers_becomes_a_dead_letter(
    platform: Platform,
) -> None:
    project = await platform.project()
    created = await platform.deploy(project)
    expired = {"lease_owner": "dead", "lease_expires_at": created.created_at}
    await platform.set(created.id, recoveries=MAX_RECOVERIES, **expired)
    await platform.runner.run(created.id)
    view = await platform.view(created.id)
    assert view.status == "error"
    assert view.error is not None
    assert view.error.code == "recovered_too_often"
    assert "workers were lost" in view.error.message


@pytest.mark.parametrize(
    ("call", "step"),
    [
        ("ensure_database", "provision_database"),
        ("build", "build_application"),
        ("deploy", "deploy_to_provider"),
        ("status", "verify_health"),
    ],
)
async def test_cancel_in_a_step_stops_the_work(platform: Platform, call: str, step: str) -> None:
    project = await platform.project(WITH_DATABASE)
    created = await platform.deploy(project)
    platform.provider.at[call] = asyncio.Event().wait
    task = asyncio.create_task(platform.runner.run(created.id))
    await eventually(lambda: _running(platform, created.id, step))
    platform.runner.cancel(created.id)
    async with asyncio.timeout(5):
        await task
    view = await platform.view(created.id)
    assert (view.status, view.reason) == ("cancelled", "requested")
    assert {each.name: each.status for each in view.steps}[step] == "cancelled"
    assert platform.provider.releases() == set()


async def test_cancel_by_request_reaches_a_worker_that_missed_the_message(
    platform: Platform,
) -> None:
    project = await platform.project()
    live = await platform.deployed(project)
    created = await platform.deploy(project, build="always")
    platform.provider.at["build"] = asyncio.Event().wait
    task = asyncio.create_task(platform.runner.run(created.id))
    await eventually(lambda: _running(platform, created.id, "build_application"))
    await deployments.cancel_deployment(platform.resources, platform.principal, created.id)
    async with asyncio.timeout(5):
        await task
    assert (await platform.view(created.id)).status == "cancelled"
    environment = await platform.environment(project)
    assert environment.live_deployment_id == live.id
    assert platform.provider.traffic(environment.number) == str(live.id)


async def test_cancel_of_a_queued_deployment_is_immediate(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    view = await deployments.cancel_deployment(platform.resources, platform.principal, created.id)
    assert view.status == "cancelled"
    assert view.reason == "requested"
    await platform.runner.run(created.id)
    assert platform.provider.calls.total() == 0


async def test_cancel_of_an_ended_deployment_is_refused(platform: Platform) -> None:
    ready = await platform.deployed(await platform.project())
    with pytest.raises(DeploymentEnded):
        await deployments.cancel_deployment(platform.resources, platform.principal, ready.id)


async def test_newer_deployment_supersedes_queued_ones(platform: Platform) -> None:
    project = await platform.project()
    older = await platform.deploy(project)
    newer = await platform.deploy(project)
    view = await platform.view(older.id)
    assert (view.status, view.reason) == ("cancelled", "superseded")
    assert (await platform.view(newer.id)).status == "queued"


async def test_second_deployment_waits_for_the_running_one(platform: Platform) -> None:
    project = await platform.project()
    first = await platform.deploy(project)
    release = asyncio.Event()
    platform.provider.at["build"] = release.wait
    task = asyncio.create_task(platform.runner.run(first.id))
    await eventually(lambda: _running(platform, first.id, "build_application"))
    second = await platform.deploy(project)
    await Runner(platform.make_engine("second")).run(second.id)
    assert (await platform.view(second.id)).status == "queued"
    release.set()
    await task
    await platform.runner.run(second.id)
    assert (await platform.view(second.id)).status == "ready"


async def test_failed_build_says_why_and_leaves_the_live_release(platform: Platform) -> None:
    project = await platform.project()
    live = await platform.deployed(project)
    platform.provider.at["build"] = fail_with(
        DeploymentFailed("npm failed", remedy="fix it", log_tail=["line 1", "line 2"])
    )
    failed = await platform.deployed(project, build="always")
    assert failed.status == "error"
    assert failed.error is not None
    assert failed.error.remedy == "fix it"
    assert failed.error.log_tail == ["line 1", "line 2"]
    steps = {step.name: step for step in failed.steps}
    assert steps["build_application"].status == "failed"
    assert steps["build_application"].error_code == "deployment_failed"
    environment = await platform.environment(project)
    assert environment.live_deployment_id == live.id


async def test_release_that_crashes_never_gets_traffic(platform: Platform) -> None:
    project = await platform.project(WITH_DATABASE)
    platform.provider.state = "crashed"
    failed = await platform.deployed(project)
    assert failed.status == "error"
    assert failed.error is not None
    assert failed.error.code == "app_crashed"
    assert failed.error.log_tail == ["last words"]
    assert platform.provider.calls["promote"] == 0
    assert platform.provider.releases() == set()


async def test_failed_switch_gives_traffic_back_to_the_live_release(platform: Platform) -> None:
    project = await platform.project()
    live = await platform.deployed(project)
    platform.provider.after["promote"] = fail_with(DeploymentFailed("proxy broke"), times=1)
    failed = await platform.deployed(project)
    assert failed.status == "error"
    environment = await platform.environment(project)
    assert platform.provider.traffic(environment.number) == str(live.id)


async def test_passing_failure_is_tried_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodeploy.services.deployer.runner.RETRY_SECONDS", 0.01)
    project = await platform.project()
    platform.provider.at["deploy"] = fail_with(Unavailable("busy"), times=2)
    assert (await platform.deployed(project)).status == "ready"


def _limit(seconds: int) -> RateLimited:
    return RateLimited("A cloud takes no more calls for now.", retry_after_seconds=seconds)


async def test_limit_of_a_provider_is_waited_for_and_is_no_attempt(platform: Platform) -> None:
    project = await platform.project()
    platform.provider.at["deploy"] = fail_with(_limit(0), times=2 * STEP_ATTEMPTS)
    view = await platform.deployed(project)
    assert view.status == "ready"
    waits = [each for each in await platform.messages(view.id) if "Waiting until " in each]
    assert len(waits) == 2 * STEP_ATTEMPTS


async def test_limit_that_lasts_longer_than_an_hour_ends_the_deployment(platform: Platform) -> None:
    platform.provider.at["deploy"] = fail_with(_limit(3601))
    failed = await platform.deployed(await platform.project())
    assert failed.error is not None
    assert failed.error.code == "provider_rate_limited"
    assert failed.error.remedy == "Try again in 3601 s."
    assert platform.provider.calls["deploy"] == 1


@pytest.mark.parametrize(("seconds", "status"), [(1, "error"), (60, "ready")])
async def test_what_a_call_takes_itself_counts_towards_the_hour_that_limits_are_waited_for(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, seconds: int, status: str
) -> None:
    """A limit counts as a second at least: of one second nothing is left for the call itself."""
    monkeypatch.setattr("autodeploy.services.deployer.runner.LONGEST_LIMIT_SECONDS", seconds)
    platform.provider.at["deploy"] = fail_with(_limit(0), times=1)
    assert (await platform.deployed(await platform.project())).status == status
    assert platform.provider.calls["deploy"] == (1 if status == "error" else 2)


async def test_cancel_ends_the_wait_for_a_limit_through_which_the_lease_is_kept(
    platform: Platform,
) -> None:
    created = await platform.deploy(await platform.project())
    platform.provider.at["deploy"] = fail_with(_limit(3000))
    runner = Runner(platform.make_engine("patient"))
    running = asyncio.create_task(runner.run(created.id))
    await eventually(lambda: _waits(platform, created.id))
    first = (await platform.row(created.id)).lease_expires_at
    assert first is not None

    async def renewed() -> bool:
        expires = (await platform.row(created.id)).lease_expires_at
        return expires is not None and expires > first

    await eventually(renewed)
    runner.cancel(created.id)
    await running
    assert (await platform.view(created.id)).status == "cancelled"


async def _waits(platform: Platform, deployment_id: UUID) -> bool:
    said = await platform.messages(deployment_id)
    return any("Waiting until " in each for each in said)


async def test_defect_ends_in_an_error_after_all_attempts(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodeploy.services.deployer.runner.RETRY_SECONDS", 0.01)
    project = await platform.project()
    platform.provider.at["deploy"] = fail_with(RuntimeError("boom"))
    failed = await platform.deployed(project)
    assert failed.error is not None
    assert failed.error.code == "internal_error"
    assert platform.provider.calls["deploy"] == 3


async def test_rollback_brings_the_artifact_back_without_a_build(platform: Platform) -> None:
    project = await platform.project()
    first = await platform.deployed(project)
    second = await platform.deployed(project, build="always")
    builds = platform.provider.calls["build"]
    created = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(created.id)
    view = await platform.view(created.id)
    assert view.status == "ready"
    assert (view.kind, view.source_deployment_id) == ("rollback", first.id)
    assert [step.status for step in view.steps][:3] == ["skipped"] * 3
    assert platform.provider.calls["build"] == builds
    assert (await platform.row(created.id)).artifact_key == (
        await platform.row(first.id)
    ).artifact_key
    assert (await platform.view(second.id)).rolled_back_at is not None
    assert (await platform.environment(project)).live_deployment_id == created.id


async def test_what_is_live_and_what_it_replaced_are_prepared_to_come_again(
    platform: Platform,
) -> None:
    project = await platform.project()
    first = await platform.row((await platform.deployed(project)).id)
    number = (await platform.environment(project)).number
    assert platform.provider.prepared == {number: [first.artifact_key]}
    view = await platform.deployed(project, build="always")
    second = await platform.row(view.id)
    assert platform.provider.prepared == {number: [first.artifact_key, second.artifact_key]}
    await platform.deployed(project)
    assert platform.provider.prepared == {number: [first.artifact_key, second.artifact_key]}
    created = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(created.id)
    assert platform.provider.prepared == {number: [second.artifact_key, first.artifact_key]}


async def test_deployment_ends_well_when_nothing_can_be_prepared(platform: Platform) -> None:
    project = await platform.project()
    platform.provider.at["prepare"] = fail_with(OSError(errno.ENOSPC, "full"))
    assert (await platform.deployed(project)).status == "ready"
    assert platform.provider.calls["prepare"] == 1


async def test_secret_values_reach_no_log_event_or_error(platform: Platform) -> None:
    project = await platform.project(WITH_DATABASE)
    secret = "s3cr3t-value-42"
    platform.provider.at["deploy"] = fail_with(
        DeploymentFailed(f"bad {secret}", log_tail=[f"tail {secret}"])
    )
    failed = await platform.deployed(
        project, configuration={"environmentVariables": {"API_TOKEN": secret}}
    )
    assert platform.provider.environments["build"]["API_TOKEN"] == secret
    assert "dbpass" in platform.provider.environments["build"]["DATABASE_URL"]
    async with platform.resources.db.transaction() as session:
        from sqlalchemy import text

        dump = ""
        for table in ("deployments", "deployment_steps", "deployment_logs", "deployment_events"):
            dump += str((await session.execute(text(f"SELECT {table}::text FROM {table}"))).all())
    assert "[redacted]" in dump
    assert secret not in dump
    assert "dbpass" not in dump
    assert secret not in str(failed)


async def _running(platform: Platform, deployment_id: object, step: str) -> bool:
    view = await platform.view(deployment_id)  # type: ignore[arg-type]
    assert view.error is None
    return any(each.name == step and each.status == "running" for each in view.steps)


async def _refused(gate: Gate, times: int) -> bool:
    return gate.refused >= times


@pytest.mark.parametrize(
    ("number", "code", "tries"),
    [(errno.EMFILE, "too_few_files", 3), (errno.ENOSPC, "disk_full", 1)],
)
async def test_step_on_an_exhausted_machine_is_told_as_such(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, number: int, code: str, tries: int
) -> None:
    monkeypatch.setattr(runner_module, "RETRY_SECONDS", 0.01)

    def starve() -> None:
        raise OSError(number, os.strerror(number))

    platform.provider.at["build"] = starve
    ended = await platform.deployed(await platform.project())
    assert ended.error is not None
    assert ended.error.code == code
    assert platform.provider.calls["build"] == tries
