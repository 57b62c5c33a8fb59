"""What workers do to the rows of one-off commands: each change names the status that it ends.

A command is begun once at most, so its status alone says who may write: whoever set it to running,
until the lease is past. Times are the database's, for all workers alike.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import audit
from autodeploy.services.deployer.announcements import Announcing, announcing
from autodeploy.services.deployer.errors import NothingLive
from autodeploy.services.deployer.models import Environment
from autodeploy.services.deployer.runs.announcements import announce_end, announce_work
from autodeploy.services.deployer.runs.errors import RunLost
from autodeploy.services.deployer.runs.models import OPEN, Run, RunStatus

# Who asked for a command does not expect it to begin any later.
BEGIN_WITHIN = timedelta(minutes=10)
KEPT_FOR = timedelta(days=30)
_BATCH = 1000


@dataclass(frozen=True)
class End:
    """How a command ended; ``error`` is why, where it did not do so by itself."""

    status: RunStatus
    exit_code: int | None = None
    error: AutoDeployError | None = None


def has_work() -> ColumnElement[bool]:
    """Whether there are commands to take up or to end."""
    return exists(select(Run.id).where(or_(_is_waiting(), _is_lost())))


@fault_point("runs.claim")
async def claim(resources: Resources, lease_seconds: float, *, most: int) -> list[Run]:
    """Take commands that wait, the oldest first, for the release that is live at this moment.

    That release stays until they have ended, whatever is deployed meanwhile.
    """
    claimed: list[Run] = []
    async with announcing(resources) as transaction:
        session = transaction.session
        waiting = await session.scalars(
            select(Run)
            .where(_is_waiting())
            .order_by(Run.created_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        for run in waiting.all():
            # Where traffic is just being switched, which is live is known a moment later.
            environment = await session.scalar(
                select(Environment)
                .where(Environment.id == run.environment_id)
                .with_for_update(read=True, skip_locked=True)
            )
            if environment is None:
                continue
            if environment.live_deployment_id is None:
                gone = NothingLive(f"Nothing is live in {environment.name} any more.")
                await _end(transaction, run, End(RunStatus.FAILED, error=gone))
                continue
            run.status, run.started_at = RunStatus.RUNNING, now()
            run.deployment_id = environment.live_deployment_id
            await session.flush()
            await session.execute(
                update(Run)
                .where(Run.id == run.id)
                .values(lease_expires_at=_end_of_lease(lease_seconds))
            )
            claimed.append(run)
    return claimed


async def renew(
    resources: Resources, run_ids: Collection[UUID], lease_seconds: float
) -> dict[UUID, bool]:
    """Hold these commands for another period: of each that still runs for its row, whether it is
    to be stopped."""
    if not run_ids:
        return {}
    async with resources.db.transaction() as session:
        rows = await session.execute(
            update(Run)
            .where(Run.id.in_(run_ids), Run.status == RunStatus.RUNNING)
            .values(lease_expires_at=_end_of_lease(lease_seconds))
            .returning(Run.id, Run.cancel_requested_at)
        )
        return {row.id: row.cancel_requested_at is not None for row in rows}


@fault_point("runs.finish")
async def finish(resources: Resources, run_id: UUID, end: End) -> None:
    """Write down how a command ended, unless its row says already that it has."""
    async with announcing(resources) as transaction:
        run = await transaction.session.scalar(
            select(Run).where(Run.id == run_id, Run.status == RunStatus.RUNNING).with_for_update()
        )
        if run is not None:
            await _end(transaction, run, end)


async def end_lost(resources: Resources) -> None:
    """End the commands whose worker was lost, and those that none has begun in time."""
    async with announcing(resources) as transaction:
        rows = await transaction.session.scalars(
            select(Run).where(_is_lost()).limit(_BATCH).with_for_update(skip_locked=True)
        )
        for run in rows.all():
            lost = RunLost("The worker that ran the command was lost, and the command with it.")
            if run.status == RunStatus.QUEUED:
                lost = RunLost("No worker has begun the command in ten minutes.")
            await _end(transaction, run, End(RunStatus.LOST, error=lost))


def _is_waiting() -> ColumnElement[bool]:
    return Run.status == RunStatus.QUEUED


def _is_lost() -> ColumnElement[bool]:
    clock = func.clock_timestamp()
    return or_(
        (Run.status == RunStatus.RUNNING) & (Run.lease_expires_at < clock),
        _is_waiting() & (Run.created_at < clock - BEGIN_WITHIN),
    )


async def stop_all(resources: Resources, which: ColumnElement[bool]) -> bool:
    """Have the commands of something that is deleted stopped; whether none is left."""
    async with announcing(resources) as transaction:
        rows: Sequence[Run] = (
            await transaction.session.scalars(
                select(Run).where(which, Run.status.in_(OPEN)).with_for_update()
            )
        ).all()
        running = [run for run in rows if run.status == RunStatus.RUNNING]
        for run in rows:
            if run.status == RunStatus.QUEUED:
                await _end(transaction, run, End(RunStatus.CANCELLED))
            elif run.cancel_requested_at is None:
                run.cancel_requested_at = now()
                announce_work(transaction, run.id)
    return not running


async def remove_old(resources: Resources) -> None:
    """Remove the commands that ended long ago, with what they printed."""
    async with resources.db.transaction() as session:
        old = select(Run.id).where(Run.completed_at < now() - KEPT_FOR).limit(_BATCH)
        await session.execute(delete(Run).where(Run.id.in_(old)))


async def _end(transaction: Announcing, run: Run, end: End) -> None:
    before = audit.snapshot(run)
    run.status, run.exit_code, run.completed_at = end.status, end.exit_code, now()
    run.encrypted_command = run.lease_expires_at = None
    if end.error is not None:
        run.error_code, run.error_message = end.error.code, end.error.message
        run.error_remedy = end.error.remedy
    await _record(transaction.session, run, before)
    announce_end(transaction, run.id)


async def _record(session: AsyncSession, run: Run, before: audit.Snapshot) -> None:
    kind = audit.ActorKind.USER if run.created_by else audit.ActorKind.SERVICE_TOKEN
    who = audit.Actor(kind=kind, user_id=run.created_by, token_id=run.service_token_id)
    # With what it was, so that one entry tells who ran what and how that ended.
    before = {name: value for name, value in before.items() if name != "command"}
    await audit.record(
        session, who, audit.OwnAction.RUN_END, run, before=before, after=audit.snapshot(run)
    )


def _end_of_lease(lease_seconds: float) -> ColumnElement[object]:
    return func.clock_timestamp() + timedelta(seconds=lease_seconds)
