"""Taking a database down, after a last backup."""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Conflict
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.databases.backups import KEPT
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.databases.work import Work


class LastBackupFailed(Conflict):
    """The database was to be deleted after a last backup, which could not be made."""

    code = "last_backup_failed"
    usual_remedy = "Delete it again; `backup=false` (--no-backup) goes without a last backup."


async def destroy(work: Work) -> None:
    """Remove the database at its provider, then its row; its backups stay for a while.

    Raises ``LastBackupFailed`` where the backup that was to be made first is of no use.
    """
    resources, database = work.engine.resources, work.database
    async with resources.db.transaction() as session:
        last = await session.scalar(
            select(DatabaseBackup)
            .where(DatabaseBackup.database_id == database.id, DatabaseBackup.kind == "final")
            .order_by(DatabaseBackup.created_at.desc())
            .limit(1)
        )
    if last is not None and last.status == "failed":
        raise LastBackupFailed(f"The last backup failed: {last.error_message}")
    provider = work.engine.providers.databases(database.provider)
    # One whose making was interrupted is known by the id that it was asked for with.
    await provider.destroy_database(database.external_id or str(database.id))
    async with resources.db.transaction() as session:
        await work.hold(session)
        await session.execute(
            update(DatabaseBackup)
            .where(DatabaseBackup.database_id == database.id, DatabaseBackup.expires_at.is_(None))
            .values(expires_at=now() + KEPT)
        )
        await audit.record(
            session,
            audit.SYSTEM,
            Action.DATABASE_DELETE,
            database,
            before=audit.snapshot(database),
        )
        await session.execute(delete(ProjectDatabase).where(ProjectDatabase.id == database.id))


async def fail(work: Work, session: AsyncSession, error: AutoDeployError) -> None:
    """Give the database back: it is what it was."""
    await work.set(session, status="available", error_code=error.code, error_message=error.message)
