"""One-off commands: from the call to their end, also when their worker does not live to see it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from tests.services.auth.people import entries
from tests.services.deployer.platform import Platform, answering, eventually

from autodeploy.kernel.errors import NotFound
from autodeploy.providers.commands import CommandEnd, OutputSink
from autodeploy.services.deployer import projects, variables
from autodeploy.services.deployer.errors import NothingLive
from autodeploy.services.deployer.leftovers import retire_leftovers
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.runs import service
from autodeploy.services.deployer.runs.errors import RunEnded, RunNotPossible, TooManyRuns
from autodeploy.services.deployer.runs.models import Run, RunLine, RunStatus
from autodeploy.services.deployer.runs.rows import KEPT_FOR, claim, remove_old
from autodeploy.services.deployer.runs.schemas import RunInput, RunView
from autodeploy.services.deployer.runs.worker import RunWorker
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.variable_schemas import VariableInput

SERVER = {"Procfile": "web: python3 server.py\n", "server.py": "print('up')\n"}
SECRET = "s3cret-value-of-shop"


class Endless:
    """A command that goes on until it is stopped, with something to say now and then or not."""

    def __init__(self, *, talks: bool = False) -> None:
        self.begun = asyncio.Event()
        self.stopped = False
        self.said = 0
        self._talks = talks

    async def __call__(self, argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        self.begun.set()
        try:
            while True:
                await asyncio.sleep(0.01 if self._talks else 3600)
                await on_line("stdout", "still there")
                self.said += 1
        except asyncio.CancelledError:
            await on_line("stderr", "stopping")
            self.stopped = True
            raise


@pytest.fixture
async def shop(platform: Platform) -> AsyncIterator[ProjectView]:
    """A project whose app is live."""

    async with answering(platform):
        project = await platform.project(SERVER)
        assert (await platform.deployed(project)).status == "ready"
        yield project


async def ask(platform: Platform, project: ProjectView, *command: str, **body: Any) -> RunView:
    return await service.create_run(
        platform.resources,
        platform.principal,
        project.id,
        "production",
        RunInput(command=list(command), **body),
        providers=platform.engine.providers,
    )


async def view(platform: Platform, run_id: UUID) -> RunView:
    return await service.get_run(platform.resources, platform.principal, run_id)


async def lines(platform: Platform, run_id: UUID) -> list[tuple[str, str]]:
    output = await service.read_output(
        platform.resources, platform.principal, run_id, after=0, wait_seconds=0
    )
    return [(line.stream, line.message) for line in output.items]


async def worked(worker: RunWorker) -> None:
    """Take up what waits and see it through."""
    await worker.tick()
    await worker.settle()


async def set_run(platform: Platform, run_id: UUID, **values: object) -> None:
    async with platform.resources.db.transaction() as session:
        await session.execute(update(Run).where(Run.id == run_id).values(**values))


async def test_a_command_runs_in_the_live_release(platform: Platform, shop: ProjectView) -> None:
    run = await ask(platform, shop, "manage", "--check", "a b")
    assert (run.status, run.exit_code) == ("queued", None)
    await worked(RunWorker(platform.engine))
    ended = await view(platform, run.id)
    assert (ended.status, ended.exit_code, ended.error) == ("succeeded", 0, None)
    assert ended.deployment_id == (await platform.environment(shop)).live_deployment_id
    assert await lines(platform, run.id) == [("stdout", "manage --check a b")]
    given = platform.provider.environments
    assert given["command"] == given["run"]


async def test_the_exit_code_is_the_commands(platform: Platform, shop: ProjectView) -> None:
    async def fail(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        await on_line("stderr", "no such table")
        return CommandEnd(3)

    platform.provider.command = fail
    run = await ask(platform, shop, "migrate")
    await worked(RunWorker(platform.engine))
    ended = await view(platform, run.id)
    assert (ended.status, ended.exit_code, ended.error) == ("failed", 3, None)
    assert await lines(platform, run.id) == [("stderr", "no such table")]


async def test_secrets_are_masked_everywhere_but_for_the_command(
    platform: Platform, shop: ProjectView
) -> None:
    await variables.create_variable(
        platform.resources,
        platform.principal,
        shop.id,
        VariableInput(key="API_TOKEN", value=SECRET, is_secret=True),
    )
    given: list[str] = []

    async def tell(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        given.extend(argv)
        await on_line("stdout", f"the token is {SECRET}")
        return CommandEnd(0)

    platform.provider.command = tell
    run = await ask(platform, shop, "curl", f"--token={SECRET}")
    assert SECRET not in run.model_dump_json()
    await worked(RunWorker(platform.engine))
    assert given == ["curl", f"--token={SECRET}"]
    assert await lines(platform, run.id) == [("stdout", "the token is [redacted]")]
    async with platform.resources.db.transaction() as session:
        stored = [*await session.execute(text("SELECT runs::text FROM runs"))]
        stored += [*await session.execute(text("SELECT audit_log::text FROM audit_log"))]
        encrypted = await session.scalar(select(Run.encrypted_command))
    assert SECRET not in str(stored)
    assert encrypted is None  # once it has been used


async def test_who_ran_what_and_how_it_ended_is_in_the_audit_log(
    platform: Platform, shop: ProjectView
) -> None:
    async def fail(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        return CommandEnd(7)

    platform.provider.command = fail
    run = await ask(platform, shop, "rm", "-rf", "cache")
    await worked(RunWorker(platform.engine))
    log = await entries(platform.resources)
    found = [each for each in log if each.action.startswith("run.")]
    assert [(each.action, each.user_id, each.object_id) for each in found] == [
        ("run.create", platform.principal.account_id, str(run.id)),
        ("run.end", platform.principal.account_id, str(run.id)),
    ]
    changes = found[1].changes
    assert changes is not None
    assert {name: changes[name]["after"] for name in ("command", "status", "exit_code")} == {
        "command": ["rm", "-rf", "cache"],
        "status": "failed",
        "exit_code": 7,
    }


async def test_a_cancelled_command_is_stopped(platform: Platform, shop: ProjectView) -> None:
    platform.provider.command = endless = Endless()
    worker = RunWorker(platform.engine)
    run = await ask(platform, shop, "serve")
    await worker.tick()
    await endless.begun.wait()
    await service.cancel_run(platform.resources, platform.principal, run.id)
    assert (await view(platform, run.id)).status == "running"
    await worked(worker)
    ended = await view(platform, run.id)
    assert (endless.stopped, ended.status, ended.exit_code) == (True, "cancelled", None)
    assert await lines(platform, run.id) == [("stderr", "stopping")]
    with pytest.raises(RunEnded):
        await service.cancel_run(platform.resources, platform.principal, run.id)


async def test_one_that_has_not_begun_is_cancelled_at_once(
    platform: Platform, shop: ProjectView
) -> None:
    run = await ask(platform, shop, "serve")
    cancelled = await service.cancel_run(platform.resources, platform.principal, run.id)
    assert cancelled.status == "cancelled"
    await worked(RunWorker(platform.engine))
    assert platform.provider.calls["run_command"] == 0


async def test_a_worker_is_woken(platform: Platform, shop: ProjectView) -> None:
    platform.provider.command = endless = Endless()
    working = asyncio.create_task(RunWorker(platform.engine).run())
    try:
        run = await ask(platform, shop, "serve")
        await asyncio.wait_for(endless.begun.wait(), 10)
        await service.cancel_run(platform.resources, platform.principal, run.id)
        output = await service.read_output(
            platform.resources, platform.principal, run.id, after=1, wait_seconds=10
        )
        assert (output.items, output.ended) == ([], True)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_command_has_a_time_limit(platform: Platform, shop: ProjectView) -> None:
    platform.provider.command = endless = Endless()
    run = await ask(platform, shop, "serve", timeout_seconds=1)
    await worked(RunWorker(platform.engine))
    ended = await view(platform, run.id)
    assert (endless.stopped, ended.status, ended.exit_code) == (True, "failed", None)
    assert ended.error is not None
    assert ended.error.code == "run_timed_out"


async def test_a_lost_worker_ends_its_commands_and_nobody_repeats_them(
    platform: Platform, shop: ProjectView
) -> None:
    run = await ask(platform, shop, "migrate")
    # The worker dies right after it took the command up.
    assert [each.id for each in await claim(platform.resources, 5.0, most=1)] == [run.id]
    other = RunWorker(platform.engine)
    await worked(other)
    assert (await view(platform, run.id)).status == "running"  # the lease is not past
    await set_run(platform, run.id, lease_expires_at=run.created_at)
    await worked(other)
    ended = await view(platform, run.id)
    assert ended.status == "lost"
    assert ended.error is not None
    assert ended.error.code == "run_lost"
    assert platform.provider.calls["run_command"] == 0


async def test_a_worker_whose_command_counts_as_lost_kills_it(
    platform: Platform, shop: ProjectView
) -> None:
    platform.provider.command = endless = Endless(talks=True)
    worker = RunWorker(platform.engine)
    run = await ask(platform, shop, "serve")
    await worker.tick()
    await endless.begun.wait()
    await set_run(platform, run.id, lease_expires_at=run.created_at)
    await RunWorker(platform.engine).tick()  # another one, while this one was paused
    shown = await lines(platform, run.id)
    heard = endless.said

    async def goes_on() -> bool:
        return endless.said > heard + 20

    await eventually(goes_on)  # unheard, and without harm
    await worked(worker)
    assert await lines(platform, run.id) == shown
    assert endless.stopped
    assert (await view(platform, run.id)).status == "lost"


async def test_a_worker_that_is_stopped_says_so(platform: Platform, shop: ProjectView) -> None:
    platform.provider.command = endless = Endless()
    worker = RunWorker(platform.engine)
    run = await ask(platform, shop, "serve")
    await worker.tick()
    await endless.begun.wait()
    await worker.close()
    assert (endless.stopped, (await view(platform, run.id)).status) == (True, "lost")


async def test_what_no_worker_begins_in_time_is_not_begun_later(
    platform: Platform, shop: ProjectView
) -> None:
    run = await ask(platform, shop, "migrate")
    await set_run(platform, run.id, created_at=run.created_at - timedelta(minutes=11))
    await worked(RunWorker(platform.engine))
    assert (await view(platform, run.id)).status == "lost"
    assert platform.provider.calls["run_command"] == 0


async def test_a_release_stays_while_a_command_runs_in_it(
    platform: Platform, shop: ProjectView
) -> None:
    platform.provider.command = endless = Endless()
    worker = RunWorker(platform.engine)
    run = await ask(platform, shop, "serve")
    await worker.tick()
    await endless.begun.wait()
    old = (await view(platform, run.id)).deployment_id
    new = await platform.deployed(shop, branch="upload", build="always")
    assert new.status == "ready"
    assert platform.provider.releases() == {str(old), str(new.id)}
    await service.cancel_run(platform.resources, platform.principal, run.id)
    await worked(worker)
    await retire_leftovers(platform.engine)
    assert platform.provider.releases() == {str(new.id)}


async def test_a_release_that_is_away_fails_the_command(
    platform: Platform, shop: ProjectView
) -> None:
    live = (await platform.environment(shop)).live_deployment_id
    (platform.provider.machine / "releases" / str(live)).unlink()
    run = await ask(platform, shop, "migrate")
    await worked(RunWorker(platform.engine))
    ended = await view(platform, run.id)
    assert (ended.status, ended.error and ended.error.code) == ("failed", "not_found")


async def test_what_cannot_run_is_refused(platform: Platform, shop: ProjectView) -> None:
    empty = await platform.project(name="empty")
    with pytest.raises(NothingLive):
        await ask(platform, empty, "ls")
    async with platform.resources.db.transaction() as session:
        deployment = await session.get_one(
            Deployment, (await platform.environment(shop)).live_deployment_id
        )
        static = {"kind": "static", "start_command": None, "output_directory": "."}
        deployment.plan = {**(deployment.plan or {}), **static}
    with pytest.raises(RunNotPossible):
        await ask(platform, shop, "ls")
    with pytest.raises(NotFound):
        await service.create_run(
            platform.resources,
            platform.principal,
            shop.id,
            "nowhere",
            RunInput(command=["ls"]),
            providers=platform.engine.providers,
        )


async def test_only_so_many_run_at_once(platform: Platform, shop: ProjectView) -> None:
    asked = await asyncio.gather(
        *(ask(platform, shop, "ls") for _ in range(service.MOST_AT_ONCE + 2)),
        return_exceptions=True,
    )
    refused = [each for each in asked if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [TooManyRuns, TooManyRuns]
    await worked(RunWorker(platform.engine))
    assert (await ask(platform, shop, "ls")).status == "queued"


async def test_deleting_the_project_stops_its_commands(
    platform: Platform, shop: ProjectView
) -> None:
    platform.provider.command = endless = Endless()
    was_stopped: list[bool] = []
    platform.provider.at["destroy"] = lambda: was_stopped.append(endless.stopped)
    worker = RunWorker(platform.engine)
    await ask(platform, shop, "serve")
    await worker.tick()
    await endless.begun.wait()
    deleting = asyncio.create_task(
        projects.delete_project(platform.resources, platform.principal, shop.id)
    )

    async def is_gone() -> bool:
        await remove_deleted(platform.engine)
        await worker.tick()
        # The caller waits for so long only.
        async with platform.resources.db.transaction() as session:
            return await session.get(Project, shop.id) is None

    await eventually(is_gone, seconds=60)
    await deleting
    assert was_stopped == [True]  # before its files are removed
    async with platform.resources.db.transaction() as session:
        assert await session.scalar(select(Run.id)) is None


async def test_old_commands_go_with_what_they_printed(
    platform: Platform, shop: ProjectView
) -> None:
    old, new = await ask(platform, shop, "old"), await ask(platform, shop, "new")
    await worked(RunWorker(platform.engine))
    await set_run(platform, old.id, completed_at=old.created_at - KEPT_FOR - timedelta(days=1))
    await remove_old(platform.resources)
    async with platform.resources.db.transaction() as session:
        assert [*await session.scalars(select(Run.id))] == [new.id]
        assert [*await session.scalars(select(RunLine.message))] == ["new"]
        assert await session.scalar(select(Run.status)) == RunStatus.SUCCEEDED
