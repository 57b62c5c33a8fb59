"""Bringing a backup back: into a copy, which takes the database's place once it was compared."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Conflict
from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.deployer.databases.backups import (
    BackupUnusable,
    open_backup,
    require_same,
    restoring,
)
from autodeploy.services.deployer.databases.models import DatabaseBackup, DatabaseRestore
from autodeploy.services.deployer.databases.work import Work
from autodeploy.services.deployer.notable_events import tell_of_database


async def run(work: Work, restore: DatabaseRestore) -> None:
    """Restore, compare, and put the copy in the place of the database.

    One that took its place already, and was not recorded, is found by its mark: what the app has
    written since stays.
    """
    engine, database = work.engine, work.database
    provider = engine.providers.database_backups(database.provider)
    external_id, mark = database.external_id or "", str(restore.id)
    if await provider.restored_by(external_id) != mark:
        backup = await _load_backup(work, restore)
        async with restoring():
            found = await provider.restore_copy(
                external_id, await open_backup(engine.resources, backup), keep_as=mark
            )
        try:
            require_same(backup, found)
        except BackupUnusable:
            await provider.discard_copy(external_id)
            raise
        await provider.adopt_copy(external_id, mark)
    async with engine.resources.db.transaction() as session:
        await work.settle(session, "available", error_code=None, error_message=None)
        await _close(session, restore, status="succeeded")
        if database.status == "provisioning":
            await tell_of_database(session, database.id, EventType.DATABASE_READY)


async def fail(
    work: Work, session: AsyncSession, restore: DatabaseRestore, error: AutoDeployError
) -> None:
    """Say why the database is what it was; a new one, which holds nothing, is of no use."""
    await _close(
        session, restore, status="failed", error_code=error.code, error_message=error.message
    )
    if work.database.status == "provisioning":
        await work.settle(session, "error", error_code=error.code, error_message=error.message)
        await tell_of_database(session, work.database.id, EventType.DATABASE_FAILED)


async def _load_backup(work: Work, restore: DatabaseRestore) -> DatabaseBackup:
    async with work.engine.resources.db.transaction() as session:
        for backup_id in (restore.safety_backup_id, restore.backup_id):
            backup = await session.get(DatabaseBackup, backup_id) if backup_id else None
            if backup_id is not None and backup is not None and backup.status == "failed":
                raise Conflict(f"The backup {backup_id} failed: nothing was restored.")
    if backup is None:
        raise Conflict("The backup was deleted: nothing was restored.")
    return backup


async def _close(session: AsyncSession, restore: DatabaseRestore, **values: object) -> None:
    await session.execute(
        update(DatabaseRestore)
        .where(DatabaseRestore.id == restore.id, DatabaseRestore.status == "pending")
        .values(completed_at=now(), **values)
    )
