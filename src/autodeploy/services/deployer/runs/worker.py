"""Runs the one-off commands of this platform: each worker takes up some, and stops those that are
to be stopped."""

import asyncio
import contextlib
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import structlog

from autodeploy.kernel.db import DatabaseAway
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.questions import Question
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.commands import CommandEnd
from autodeploy.services.deployer.app_environment import load_app_environment
from autodeploy.services.deployer.context import make_release_request, spec_of
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.errors import InternalFailure
from autodeploy.services.deployer.log_lines import OWN_SOURCE
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.runs.announcements import WORK_CHANNEL
from autodeploy.services.deployer.runs.errors import RunLost, RunNotPossible, RunTimedOut
from autodeploy.services.deployer.runs.models import Run, RunStatus
from autodeploy.services.deployer.runs.output import RunOutput
from autodeploy.services.deployer.runs.rows import End, claim, end_lost, finish, has_work, renew
from autodeploy.services.deployer.runs.stdin import read_stdin
from autodeploy.services.deployer.runs.terminal import RunTerminal
from autodeploy.services.deployer.transitions import LeaseLost

# Each holds a sandbox with all the memory that an app may have.
MOST_AT_ONCE = 10
# The bus says that there is something to do; this is how late a worker is without it.
TICK_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_HAS_WORK = Question(has_work())

_log = structlog.get_logger(__name__)


@dataclass
class _Running:
    """A command of this worker. ``stop`` is set when it is to end: when that was asked for, and
    when its row does not say any more that it runs."""

    task: asyncio.Task[None]
    stop: asyncio.Event


class RunWorker:
    """The commands of one worker."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._running: dict[UUID, _Running] = {}

    async def run(self) -> None:
        """Take up commands for ever. When this is cancelled, those that run are killed."""
        try:
            async with self._engine.resources.events.subscribe(WORK_CHANNEL) as messages:
                while True:
                    try:
                        await self.tick()
                    except Exception as error:
                        _log.warning("runs.failed", error=type(error).__name__)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(TICK_SECONDS):
                            await anext(messages)
        finally:
            await self.close()

    async def tick(self) -> None:
        """One pass: hold on to what runs, stop what is to be stopped, end what was lost, and take
        up what waits."""
        resources, seconds = self._engine.resources, self._engine.lease_seconds
        wanted = await renew(resources, list(self._running), seconds)
        for run_id, running in self._running.items():
            if wanted.get(run_id, True):
                running.stop.set()
        if not await _HAS_WORK.holds(resources.db):
            return
        await end_lost(resources)
        room = MOST_AT_ONCE - len(self._running)
        if room > 0:
            for run in await claim(resources, seconds, most=room):
                self._begin(run)

    async def settle(self) -> None:
        """Wait for the end of every command that runs here."""
        await asyncio.gather(*(running.task for running in self._running.values()))

    async def close(self) -> None:
        """Kill what runs; their rows say that they were lost."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, run: Run) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(self._see_through(run, stop))
        self._running[run.id] = _Running(task, stop)
        task.add_done_callback(lambda _: self._running.pop(run.id, None))

    async def _see_through(self, run: Run, stop: asyncio.Event) -> None:
        """Run a command to its end, and write that down, also while PostgreSQL is away."""
        try:
            end = await self._outcome(run, stop)
        except asyncio.CancelledError:
            lost = RunLost("The worker that ran the command was stopped, and the command with it.")
            await finish(self._engine.resources, run.id, End(RunStatus.LOST, error=lost))
            raise
        while True:
            try:
                return await finish(self._engine.resources, run.id, end)
            except DatabaseAway:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _outcome(self, run: Run, stop: asyncio.Event) -> End:
        try:
            return await self._run(run, stop)
        except LeaseLost:  # its row says already how it ended
            return End(RunStatus.LOST)
        except AutoDeployError as error:
            return End(RunStatus.FAILED, error=error)
        except Exception as error:
            _log.error("run.failed", run_id=str(run.id), exc_info=error)
            failure = InternalFailure(
                f"The command could not be run ({type(error).__name__}).",
                remedy="Run it again; if it fails again, the worker's log says why.",
            )
            return End(RunStatus.FAILED, error=failure)

    async def _run(self, run: Run, stop: asyncio.Event) -> End:
        resources = self._engine.resources
        async with resources.db.transaction() as session:
            deployment = await session.get_one(Deployment, run.deployment_id)
            environment = await session.get_one(Environment, run.environment_id)
            project = await session.get_one(Project, run.project_id)
        if spec_of(deployment).kind == "static":
            raise RunNotPossible("What is live is a folder of static files by now.")
        variables = await load_app_environment(resources, project, environment.name)
        request = make_release_request(deployment, environment, variables)
        place = place_of(Run.encrypted_command, organization_id=run.organization_id, id=run.id)
        argv: list[str] = json.loads(
            await resources.vault.decrypt_for(
                place.subject, run.encrypted_command or "", context=place.context
            )
        )
        provider = self._engine.providers.commands(deployment.provider)
        output = RunOutput(resources, run.id, variables.redactor())
        try:
            stdin = read_stdin(resources.events, run.id) if run.stdin else None
            async with AsyncExitStack() as stack:
                terminal = None
                if run.terminal is not None:
                    terminal = RunTerminal(resources.events, run.id, run.terminal)
                    await stack.enter_async_context(terminal.listening())
                command = asyncio.create_task(
                    provider.run_command(
                        request, argv, output.print, stdin=stdin, terminal=terminal
                    )
                )
                end = await _until(command, stop, run.timeout_seconds)
            if command.cancelled():
                end = end or End(RunStatus.CANCELLED)
            else:
                end = await _end_of(command.result(), output)
            with contextlib.suppress(DatabaseAway):  # for which the next call waits
                await output.flush()
            await output.stored()
            return end
        finally:
            await output.close()


async def _until(
    command: asyncio.Task[CommandEnd], stop: asyncio.Event, timeout_seconds: float
) -> End | None:
    """Wait until the command has ended, or was made to; the end that its time limit is."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(
            {command, stopped}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if command.done():
            return None
        timed_out = None
        if not stopped.done():
            late = RunTimedOut(f"The command took longer than {timeout_seconds} s.")
            timed_out = End(RunStatus.FAILED, error=late)
        command.cancel()
        await asyncio.wait({command})
        return timed_out
    finally:
        stopped.cancel()
        if not command.done():
            command.cancel()
            await asyncio.wait({command})


async def _end_of(outcome: CommandEnd, output: RunOutput) -> End:
    if outcome.out_of_memory:
        await output.print(
            OWN_SOURCE, "The command needed more memory than it may have, and was ended."
        )
    status = RunStatus.FAILED if outcome.exit_code else RunStatus.SUCCEEDED
    return End(status, outcome.exit_code)
