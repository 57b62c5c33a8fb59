"""The handler of the ``provisioning`` queue: does what is to be done with one database."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.services.auth.connection_checks import doubt
from autodeploy.services.deployer.databases import (
    backups,
    deletion,
    pauses,
    provisioning,
    restores,
    rotation,
)
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.databases.work import Work, begin, end, working_on
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.transitions import LeaseLost

# With the pauses between them, the last try is some ten minutes after the first.
MOST_FAILURES = 7

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Thing:
    """Something to do with a database, and what its failure leaves."""

    name: str
    run: Callable[[Work], Awaitable[None]]
    fail: Callable[[Work, AsyncSession, AutoDeployError], Awaitable[None]]


async def handle_provisioning(engine: Engine, payload: Mapping[str, Any]) -> None:
    """Do all that is to be done with the database that the job names; often that is nothing."""
    database_id = UUID(payload["databaseId"])
    async with working_on(engine.resources.db, database_id) as mine:
        while mine and await _do_next(engine, database_id):
            continue


async def _do_next(engine: Engine, database_id: UUID) -> bool:
    """Do one thing; whether another may follow at once."""
    thing = await _find_next(engine, database_id)
    work = await begin(engine, database_id) if thing else None
    if thing is None or work is None:
        return False
    try:
        await thing.run(work)
    except LeaseLost:
        return False
    except Exception as error:
        known = isinstance(error, AutoDeployError)
        _log.warning(
            "database.failed",
            database_id=str(database_id),
            thing=thing.name,
            error=type(error).__name__,
            exc_info=None if known else error,
        )
        if isinstance(error, CredentialRefused) and work.database.connection_id is not None:
            await doubt(engine.resources, [work.database.connection_id])
        may_pass = error.retryable if isinstance(error, AutoDeployError) else True
        if may_pass and work.database.failures < MOST_FAILURES:
            return False  # the reconciler queues it again after a pause
        await _give_up(work, thing, error)
    await end(work)
    return True


async def _give_up(work: Work, thing: _Thing, error: Exception) -> None:
    if not isinstance(error, AutoDeployError):
        error = AutoDeployError(f"The {thing.name} failed inside ({type(error).__name__}).")
    async with work.engine.resources.db.transaction() as session:
        await work.hold(session)
        await thing.fail(work, session, error)


async def _find_next(engine: Engine, database_id: UUID) -> _Thing | None:
    async with engine.resources.db.transaction() as session:
        database = await session.get(ProjectDatabase, database_id)
        if database is None:
            return None
        project = await session.get_one(Project, database.project_id)
        if project.deletion_requested_at is not None:
            return None  # which takes its databases with it
        restore = await session.scalar(
            select(DatabaseRestore).where(
                DatabaseRestore.database_id == database_id, DatabaseRestore.status == "pending"
            )
        )
        backup = await _next_backup(session, database, restore)
    if database.status == "deleting":
        if backup is not None:
            return _backup(backup)
        return _Thing("deletion", deletion.destroy, deletion.fail)
    if database.status == "pausing":
        return _Thing("pause", pauses.pause, pauses.fail)
    if database.status == "provisioning" and (database.external_id is None or restore is None):
        return _Thing("provisioning", provisioning.provision, provisioning.fail)
    if database.rotation_requested_at is not None:
        return _Thing("rotation", rotation.rotate, rotation.fail)
    if restore is not None and not _comes_first(backup, restore):
        return _restore(restore)
    return _backup(backup) if backup is not None else None


def _comes_first(backup: DatabaseBackup | None, restore: DatabaseRestore) -> bool:
    if backup is None or backup.id != restore.safety_backup_id:
        return False
    return backup.status == "pending"


def _restore(restore: DatabaseRestore) -> _Thing:
    return _Thing(
        "restore",
        lambda work: restores.run(work, restore),
        lambda work, session, error: restores.fail(work, session, restore, error),
    )


def _backup(backup: DatabaseBackup) -> _Thing:
    run = backups.make if backup.status == "pending" else backups.drill
    return _Thing(
        "backup",
        lambda work: run(work, backup),
        lambda _work, session, error: backups.fail(session, backup, error),
    )


async def _next_backup(
    session: AsyncSession, database: ProjectDatabase, restore: DatabaseRestore | None
) -> DatabaseBackup | None:
    """What a deletion or a restore waits for comes first, then the oldest."""
    unfinished = select(DatabaseBackup).where(
        DatabaseBackup.database_id == database.id, DatabaseBackup.status.in_(("pending", "stored"))
    )
    if database.status == "deleting":
        unfinished = unfinished.where(DatabaseBackup.kind == "final")
    elif restore is not None and restore.safety_backup_id is not None:
        first = await session.get(DatabaseBackup, restore.safety_backup_id)
        if first is not None and first.status == "pending":
            return first
    return await session.scalar(
        unfinished.order_by(DatabaseBackup.created_at, DatabaseBackup.id).limit(1)
    )
