"""Runs one deployment under a lease: resumes it, stops it, ends it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from autodeploy.kernel import telemetry
from autodeploy.kernel.clock import now
from autodeploy.kernel.db import DatabaseAway
from autodeploy.kernel.descriptors import TooFewFiles
from autodeploy.kernel.errors import AutoDeployError, DeploymentFailed
from autodeploy.kernel.http.errors import CredentialRefused, RateLimited
from autodeploy.kernel.vault import VaultAway
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.context import StepContext, load_context
from autodeploy.services.deployer.databases.for_deployments import set_aside
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.endings import Ending
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.errors import InternalFailure, RecoveredTooOften, as_failure
from autodeploy.services.deployer.half_made import tell_what_is_kept
from autodeploy.services.deployer.hosting import doubt_connections
from autodeploy.services.deployer.journal import EnvironmentBusy
from autodeploy.services.deployer.leases import Lease, release_lease, renew_lease, take_lease
from autodeploy.services.deployer.leftovers import retire_leftovers
from autodeploy.services.deployer.logs import LineCleaner, clean_line
from autodeploy.services.deployer.restoration import restore_traffic, tell_not_restored
from autodeploy.services.deployer.standby import have_standing_by
from autodeploy.services.deployer.states import DeploymentStatus, StepName, StepStatus
from autodeploy.services.deployer.steps import STEPS, Step, remove_build_folders
from autodeploy.services.deployer.transitions import (
    LeaseLost,
    TransitionRefused,
    change_status,
    end_open_steps,
)

MAX_RECOVERIES = 5
STEP_ATTEMPTS = 3
# The longest window of a provider that is known: Render's creations (providers/render/patience.py).
LONGEST_LIMIT_SECONDS = 3600
RETRY_SECONDS = 1.0
PROGRESS_SECONDS = 2.0
# A cancellation that the bus lost is noticed with the next heartbeat.
_HEARTBEAT_SECONDS = 1.0
_STOP_SECONDS = 10.0
_LOG_TAIL_LINES = 40

_Answer = TypeVar("_Answer")

_log = structlog.get_logger(__name__)


class Runner:
    """The runs of one worker. ``run`` is what the queue calls; it may be called for any id."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._cancellations: dict[UUID, asyncio.Event] = {}

    @property
    def running(self) -> frozenset[UUID]:
        """The deployments that this worker runs at present."""
        return frozenset(self._cancellations)

    def cancel(self, deployment_id: UUID) -> None:
        """Stop the deployment if it runs here."""
        if cancellation := self._cancellations.get(deployment_id):
            cancellation.set()

    async def run(self, deployment_id: UUID) -> None:
        """Run the deployment to its end, if it is due and no worker holds it.

        When this is cancelled (the worker stops) the lease is given back, and another worker
        resumes at the first unfinished step.
        """
        lease = await take_lease(
            self._engine.resources.db, deployment_id, self._engine.owner, self._engine.lease_seconds
        )
        if lease is None:
            return
        self._cancellations[deployment_id] = asyncio.Event()
        try:
            await self._run_leased(lease, self._cancellations[deployment_id])
        except (DatabaseAway, TooFewFiles):
            # Its lease runs out, and then a worker resumes it.
            _log.warning("deployment.database_away", deployment_id=str(deployment_id))
        except LeaseLost:
            telemetry.LEASE_LOSSES.inc()
            _log.warning("deployment.lease_lost", deployment_id=str(deployment_id))
        except EnvironmentBusy:
            await release_lease(self._engine.resources.db, lease)
        except asyncio.CancelledError:
            await asyncio.shield(release_lease(self._engine.resources.db, lease))
            raise
        finally:
            del self._cancellations[deployment_id]
        await dispatch_due(self._engine.resources)
        await have_standing_by(self._engine, deployment_id)

    async def _run_leased(self, lease: Lease, cancellation: asyncio.Event) -> None:
        heart = asyncio.create_task(self._keep_lease(lease, cancellation))
        work = asyncio.create_task(self._run_or_cancel(lease, cancellation))
        try:
            await asyncio.wait({heart, work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await heart  # raises LeaseLost
            await work
        finally:
            await _stop(heart, work)

    async def _keep_lease(self, lease: Lease, cancellation: asyncio.Event) -> None:
        """Renew the lease until it is lost. While PostgreSQL is away it lasts as long as it was
        renewed for, and not a moment longer; where the run itself has the row locked, until it has
        let go of it."""
        clock = asyncio.get_running_loop().time
        period = min(_HEARTBEAT_SECONDS, self._engine.lease_seconds / 3)
        expires = clock() + self._engine.lease_seconds
        while True:
            was_locked = lease.row.locked()
            async with lease.row:
                begun = clock()
                if was_locked:
                    expires = begun + self._engine.lease_seconds
                try:
                    async with asyncio.timeout_at(expires):
                        if await renew_lease(
                            self._engine.resources.db, lease, self._engine.lease_seconds
                        ):
                            cancellation.set()
                    expires = begun + self._engine.lease_seconds
                except (DatabaseAway, TooFewFiles, TimeoutError, SQLAlchemyError) as error:
                    if clock() >= expires:
                        raise LeaseLost from error
            await asyncio.sleep(period)

    async def _run_or_cancel(self, lease: Lease, cancellation: asyncio.Event) -> None:
        context = await _when_answered(partial(load_context, self._engine, lease), _log_waiting)
        if context.deployment.cancel_requested_at is not None:
            cancellation.set()
        work = asyncio.create_task(self._work(context))
        cancelled = asyncio.create_task(cancellation.wait())
        try:
            await asyncio.wait({work, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() or context.promoting:
                await work
                return
            await _stop(work)
            if work.done() and not work.cancelled():
                await work
            else:
                await self._end_cancelled(context)
        finally:
            await _stop(work, cancelled)
            await context.log.close()

    async def _work(self, context: StepContext) -> None:
        if (ending := Ending.noted(context.journal)) is not None:
            return await self._end(context, ending)
        try:
            if context.lease.recoveries > MAX_RECOVERIES:
                raise RecoveredTooOften(
                    f"{context.lease.recoveries} workers were lost while they ran this deployment, "
                    "so it is not tried again.",
                    remedy="Look at the last lines of its log and the memory of the workers, "
                    "then deploy again.",
                )
            for step in STEPS:
                if not context.journal.is_done(step.name):
                    await self._run_step(context, step)
        except AutoDeployError as error:
            await self._end_failed(context, error)
        else:
            await self._clean_up(context)
            telemetry.DEPLOYMENTS_FINISHED.labels("ready", context.deployment.provider).inc()

    async def _run_step(self, context: StepContext, step: Step) -> None:
        """Run a step, again when it failed for a reason that may pass."""
        await _when_answered(partial(context.journal.begin, step.name))

        async def attempt() -> StepStatus | None:
            await _when_answered(context.open_account)
            return await self._run_with_progress(context, step)

        ended = await self._persist(context, step.name, attempt)
        if ended is not None:
            await _when_answered(context.log.flush)
            await _when_answered(partial(context.journal.end, step.name, ended))

    async def _persist(
        self, context: StepContext, name: StepName, call: Callable[[], Awaitable[_Answer]]
    ) -> _Answer:
        """What a call answers, made again when it failed for a reason that may pass. The limit of a
        provider is waited for, an hour in all with what the call has waited itself, and does not
        count as an attempt."""
        attempt, left = 1, float(LONGEST_LIMIT_SECONDS)
        clock = asyncio.get_running_loop().time
        while True:
            called = clock()
            try:
                return await call()
            except LeaseLost:
                raise
            except Exception as error:
                failure = as_failure(error, name, context.deployment.id)
            if isinstance(failure, RateLimited):
                left -= clock() - called + max(failure.retry_after_seconds, 1)
                if left < 0:
                    raise failure
                await _outwait(context, failure)
                continue
            may_pass = failure.retryable or isinstance(failure, InternalFailure)
            if not may_pass or attempt == STEP_ATTEMPTS:
                raise failure
            await context.say(f"{failure.message} Trying again.", level="warn")
            await asyncio.sleep(RETRY_SECONDS * 2 ** (attempt - 1))
            attempt += 1

    async def _run_with_progress(self, context: StepContext, step: Step) -> StepStatus | None:
        reporter = asyncio.create_task(self._report_progress(context, step))
        try:
            return await _when_answered(
                partial(step.run, context), partial(context.say, level="warn")
            )
        finally:
            reporter.cancel()

    async def _report_progress(self, context: StepContext, step: Step) -> None:
        """Progress is a courtesy: whatever hinders it is the run's concern, not its own."""
        with contextlib.suppress(Exception):
            while True:
                await asyncio.sleep(PROGRESS_SECONDS)
                await context.journal.report_progress(step.name)

    async def _end_failed(self, context: StepContext, error: AutoDeployError) -> None:
        if isinstance(error, CredentialRefused):
            await doubt_connections(self._engine, context.deployment)
        redactor = context.log.redactor
        cleaner = LineCleaner(context.variables.redactor())
        tail = error.log_tail if isinstance(error, DeploymentFailed) else []
        cause = error.cause if isinstance(error, DeploymentFailed) else None
        message = clean_line(redactor, error.message)
        await context.log.write("error", "autodeploy", error.message)
        ending = Ending(
            target=DeploymentStatus.ERROR,
            running=StepStatus.FAILED,
            pending=StepStatus.SKIPPED,
            values={
                "error_code": error.code,
                "error_message": message,
                "error_cause": cause and clean_line(redactor, cause),
                "error_remedy": error.remedy and clean_line(redactor, error.remedy),
                "error_log_tail": list(map(cleaner.clean, tail[-_LOG_TAIL_LINES:])),
            },
            metadata={"code": error.code, "message": message},
        )
        await self._end(context, ending)

    async def _end_cancelled(self, context: StepContext) -> None:
        await context.log.write("info", "autodeploy", "The deployment was cancelled.")
        ending = Ending(
            target=DeploymentStatus.CANCELLED,
            running=StepStatus.CANCELLED,
            pending=StepStatus.CANCELLED,
            values={"details": {"reason": "requested"}},
            metadata={"reason": "requested"},
        )
        await self._end(context, ending)

    async def _end(self, context: StepContext, ending: Ending) -> None:
        # A restoration goes on when it is to be cancelled: it is what a cancellation would do.
        context.promoting = True
        if context.switching:
            # A worker that goes on with this has to end it too, and not begin to verify again.
            await ending.note(context.journal)
            await self._restore_traffic(context)
        await tell_what_is_kept(context)
        await context.log.flush()
        async with announcing(self._engine.resources) as transaction:
            try:
                await change_status(
                    transaction,
                    context.deployment.id,
                    ending.target,
                    fence=context.lease.fence,
                    values=ending.values,
                    metadata=ending.metadata,
                )
            except TransitionRefused as refused:
                raise LeaseLost from refused
            code = ending.values.get("error_code")
            await set_aside(
                transaction.session,
                context,
                error_code=code or DeploymentFailed.code,
                error_message=ending.values.get("error_message")
                or "The deployment that asked for it was cancelled.",
            )
            await end_open_steps(
                transaction.session,
                context.deployment.id,
                running=ending.running,
                pending=ending.pending,
                error_code=str(code) if code else None,
            )
        telemetry.DEPLOYMENTS_FINISHED.labels(
            ending.target.value, context.deployment.provider
        ).inc()
        await self._clean_up(context)

    async def _restore_traffic(self, context: StepContext) -> None:
        restore = partial(_when_answered, partial(restore_traffic, context))
        try:
            if context.lease.recoveries > 2 * MAX_RECOVERIES:
                raise RecoveredTooOften("Each worker that tried to stopped responding.")
            await self._persist(context, StepName.VERIFY_HEALTH, restore)
        except AutoDeployError as error:
            _log.exception("release.not_restored", deployment_id=str(context.deployment.id))
            await tell_not_restored(context, error)

    async def _clean_up(self, context: StepContext) -> None:
        """Remove what has no traffic; the reconciler repeats what does not succeed."""
        await remove_build_folders(self._engine, context.deployment.id)
        await retire_leftovers(self._engine, environment_id=context.environment.id)


async def _outwait(context: StepContext, limit: RateLimited) -> None:
    """Sleep until the provider takes calls again; the log says until when."""
    wait = limit.retry_after_seconds
    until = now() + timedelta(seconds=wait)
    await context.say(f"{limit.message} Waiting until {until:%H:%M:%S} UTC.", level="warn")
    await asyncio.sleep(wait)


async def _log_waiting(message: str) -> None:
    _log.warning("deployment.vault_away", reason=message)


async def _when_answered(
    call: Callable[[], Awaitable[_Answer]],
    tell: Callable[[str], Awaitable[None]] = _log_waiting,
) -> _Answer:
    """Call until PostgreSQL and the vault server are there. While they are away nothing can fail
    for another reason, and the heartbeat ends the run when its lease does. ``tell`` hears once
    that the vault is waited for: somebody may have to unseal it."""
    told = False
    while True:
        try:
            return await call()
        except DatabaseAway:
            await asyncio.sleep(RETRY_SECONDS)
        except VaultAway as error:
            if not told:
                told = True
                await tell(f"{error.message} Waiting for it.")
            await asyncio.sleep(RETRY_SECONDS)


async def _stop(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they have cleaned up. Their outcomes are not looked at here."""
    for task in tasks:
        task.cancel()
    done, _ = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
    for task in done:
        if not task.cancelled():
            task.exception()
