"""Taking a database down, after a last backup."""

import structlog
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.databases.last_backups import (
    LastBackupFailed,
    find_last_backups,
    let_expire,
)
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.work import Work
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.hosting import databases_for

_log = structlog.get_logger(__name__)


async def destroy(work: Work) -> None:
    """Remove the database at its provider, then its row; its backups stay for a while.

    Raises ``LastBackupFailed`` where the backup that was to be made first is of no use.
    """
    resources, database = work.engine.resources, work.database
    async with resources.db.transaction() as session:
        for last in await find_last_backups(session, [database.id]):
            if last.status == "failed":
                raise LastBackupFailed(f"The last backup failed: {last.error_message}")
    # One whose making was interrupted is known by the id that it was asked for with.
    await destroy_at_provider(work.engine, database)
    async with resources.db.transaction() as session:
        await work.hold(session)
        await let_expire(session, [database.id])
        await audit.record(
            session,
            audit.SYSTEM,
            Action.DATABASE_DELETE,
            database,
            before=audit.snapshot(database),
        )
        await session.execute(delete(ProjectDatabase).where(ProjectDatabase.id == database.id))


async def destroy_at_provider(engine: Engine, database: ProjectDatabase) -> None:
    """Remove it there. Where the account is not connected any more, it is its owner's to remove."""
    try:
        provider = await databases_for(engine, database)
    except AccountMissing:
        _log.warning(
            "database.left_at_provider",
            provider=database.provider,
            database_id=str(database.id),
        )
        return
    await provider.destroy_database(database.external_id or str(database.id))


async def fail(work: Work, session: AsyncSession, error: AutoDeployError) -> None:
    """Give the database back: it is what it was. One that has no URL was never of use."""
    database = work.database
    before = database.status_before_deletion or "available"
    status = "error" if database.encrypted_url is None else before
    await work.set(session, status=status, error_code=error.code, error_message=error.message)
