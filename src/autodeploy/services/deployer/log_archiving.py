"""The age of log lines: in PostgreSQL, then as compressed objects, and in the end removed.

Lines are moved oldest first. An object is stored before the transaction that removes its lines and
writes its row, so that a reader finds each line in one place, whenever a pass is interrupted; the
next pass stores the same lines under the same name. Objects that no row names, which interrupted
passes leave, are removed when they are no longer young.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.objects import ObjectNotFound
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.log_archive import FOLDER, SEGMENT_LINES, Packer, folder_of
from autodeploy.services.deployer.log_models import DeploymentLog, DeploymentLogArchive
from autodeploy.services.deployer.models import Deployment, Environment
from autodeploy.services.deployer.states import TERMINAL
from autodeploy.services.deployer.unnamed import list_unnamed

_BATCH = 500
# How long who logs for the deployment may be kept waiting.
_CONFIRM_SECONDS = 10.0

# One index entry a deployment, however many lines they have.
_HOLDING_LINES = text("""
    WITH RECURSIVE holding AS (
        (SELECT deployment_id FROM deployment_logs ORDER BY deployment_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT deployment_id FROM deployment_logs
            WHERE deployment_id > holding.deployment_id ORDER BY deployment_id LIMIT 1
        ) FROM holding WHERE holding.deployment_id IS NOT NULL
    )
    SELECT id FROM holding JOIN deployments ON id = deployment_id
    WHERE status = ANY (:ends) AND completed_at < :before
""")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LogPolicy:
    """How old lines are when they are archived, and when they are removed."""

    archive_after: timedelta = timedelta(days=1)
    keep_for: timedelta = timedelta(days=90)


DEFAULT_LOG_POLICY = LogPolicy()


async def keep_logs(resources: Resources, policy: LogPolicy) -> None:
    """One pass over the deployments that have ended: remove what is too old, archive what is old
    enough. Of a live app, whose output goes on, only full objects are made. Idempotent.

    Raises ``Unavailable`` where the object store does not answer.
    """
    moment = now()
    await _remove_old(resources, moment - policy.keep_for)
    before = moment - policy.archive_after
    for deployment_id in await _list_holding(resources, before):
        try:
            while await archive_next(resources, deployment_id, before):
                pass
        except Unavailable:
            raise
        except Exception as error:
            _log.warning(
                "logs.not_archived", deployment_id=str(deployment_id), error=type(error).__name__
            )
    async for key in list_unnamed(resources, FOLDER, DeploymentLogArchive.key):
        await _remove_if_unnamed(resources, key)


async def archive_next(resources: Resources, deployment_id: UUID, before: datetime) -> bool:
    """Move the first lines of an ended deployment, those that fit into one object, if all of them
    are older than ``before``; whether it did."""
    packer = Packer()
    async with resources.db.transaction() as session:
        is_live = await session.scalar(
            select(exists().where(Environment.live_deployment_id == deployment_id))
        )
        is_full = await _fill(session, packer, deployment_id)
    packed = await asyncio.to_thread(packer.finish)
    if packed is None or packed[0].last_timestamp >= before or (is_live and not is_full):
        return False
    archive, data = packed
    await resources.objects.put_bytes(archive.key, data)
    return await _replace_lines(resources, archive, data)


async def remove_archives(resources: Resources, of_deployments: ColumnElement[bool]) -> None:
    """Remove the archived objects of deployments whose rows go next. Idempotent."""
    async with resources.db.transaction() as session:
        deployment_ids = (
            await session.scalars(
                select(DeploymentLogArchive.deployment_id)
                .join(Deployment, Deployment.id == DeploymentLogArchive.deployment_id)
                .where(of_deployments)
                .distinct()
            )
        ).all()
    for deployment_id in deployment_ids:
        await resources.objects.delete_below(folder_of(deployment_id))


async def forget_lines(session: AsyncSession, of_deployments: ColumnElement[bool]) -> None:
    """Remove the rows of every line of these deployments."""
    which = select(Deployment.id).where(of_deployments)
    for table in (DeploymentLog, DeploymentLogArchive):
        await session.execute(delete(table).where(table.deployment_id.in_(which)))


async def _fill(session: AsyncSession, packer: Packer, deployment_id: UUID) -> bool:
    """Give the packer the first lines; whether there are more than it takes."""
    rows = await session.stream_scalars(
        select(DeploymentLog)
        .where(DeploymentLog.deployment_id == deployment_id)
        .order_by(DeploymentLog.sequence)
        .limit(SEGMENT_LINES + 1)
        .execution_options(yield_per=_BATCH)
    )
    async for row in rows:
        if not packer.take(row):
            await rows.close()
            return True
    return False


async def _replace_lines(resources: Resources, archive: DeploymentLogArchive, data: bytes) -> bool:
    """Remove the lines that the object holds, and write its row in their place.

    Who holds the deployment's row is alone with its log: another worker may have moved the lines,
    or removed the object for one that no row names.
    """
    count = archive.last - archive.first + 1
    lines = (DeploymentLog.deployment_id == archive.deployment_id) & (
        DeploymentLog.sequence.between(archive.first, archive.last)
    )
    async with resources.db.transaction() as session:
        if not await _lock(session, archive.deployment_id):
            return False  # deleted meanwhile
        if await session.scalar(select(func.count()).where(lines)) != count:
            return False
        async with asyncio.timeout(_CONFIRM_SECONDS):
            if await resources.objects.get_bytes(archive.key) != data:
                raise ObjectNotFound(f"The object store did not keep {archive.key!r}.")
        await session.execute(delete(DeploymentLog).where(lines))
        session.add(archive)
    _log.info("logs.archived", key=archive.key, lines=count, size_bytes=archive.size_bytes)
    return True


async def _lock(session: AsyncSession, deployment_id: UUID) -> bool:
    """Whether the deployment is there; then its row is held until the transaction ends."""
    query = select(Deployment.id).where(Deployment.id == deployment_id)
    return await session.scalar(query.with_for_update(key_share=True)) is not None


async def _list_holding(resources: Resources, before: datetime) -> Sequence[UUID]:
    """The deployments that ended before then and have lines in PostgreSQL."""
    async with resources.db.transaction() as session:
        found = await session.scalars(_HOLDING_LINES, {"ends": list(TERMINAL), "before": before})
        return found.all()


async def _remove_old(resources: Resources, before: datetime) -> None:
    """Remove the lines that are older, archived or not."""
    old = (
        select(DeploymentLogArchive.key)
        .where(DeploymentLogArchive.last_timestamp < before)
        .limit(_BATCH)
    )
    while True:
        async with resources.db.transaction() as session:
            keys = (await session.scalars(old)).all()
            await session.execute(
                delete(DeploymentLogArchive).where(DeploymentLogArchive.key.in_(keys))
            )
        for key in keys:
            await resources.objects.delete(key)
        if len(keys) < _BATCH:
            break
    for deployment_id in await _list_holding(resources, before):
        of_deployment = DeploymentLog.deployment_id == deployment_id
        kept = select(func.min(DeploymentLog.sequence)).where(
            of_deployment, DeploymentLog.timestamp >= before
        )
        # What is kept has no gap in its numbers, whatever the clocks said.
        is_behind = DeploymentLog.sequence < func.coalesce(kept.scalar_subquery(), 2**63 - 1)
        async with resources.db.transaction() as session:
            await session.execute(delete(DeploymentLog).where(of_deployment, is_behind))


async def _remove_if_unnamed(resources: Resources, key: str) -> None:
    """Alone with the log, so that nobody makes a row for the object meanwhile."""
    async with resources.db.transaction() as session:
        await _lock(session, UUID(key.split("/")[1]))
        named = select(exists().where(DeploymentLogArchive.key == key))
        if not await session.scalar(named):
            await resources.objects.delete(key)
