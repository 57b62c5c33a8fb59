"""The backup that is made of a database before it is deleted, and kept for a while after."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.providers.manifests import Capability, DatabaseEngine
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.databases.access import new_backup
from autodeploy.services.deployer.databases.backups import KEPT
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase


class LastBackupFailed(Conflict):
    """The database was to be deleted after a last backup, which could not be made."""

    code = "last_backup_failed"
    usual_remedy = "Delete it again; `backup=false` (--no-backup) goes without a last backup."


async def ask_last_backup(
    session: AsyncSession,
    principal: Principal,
    database: ProjectDatabase,
    *,
    backup: bool,
    providers: Registry,
) -> None:
    """Write down that a last backup is to be made, where ``backup`` says so and the database is
    one that can be backed up."""
    # A last backup that failed before is not the one of this deletion.
    await session.execute(
        update(DatabaseBackup)
        .where(DatabaseBackup.database_id == database.id, DatabaseBackup.kind == "final")
        .values(kind="manual")
    )
    able = Capability.DATABASE_BACKUPS in providers.get(database.provider).manifest.capabilities
    has_backups = able and database.engine == DatabaseEngine.POSTGRESQL
    if backup and has_backups and database.external_id is not None:
        session.add(new_backup(database, "final", principal))


async def find_last_backups(
    session: AsyncSession, database_ids: Collection[UUID]
) -> Sequence[DatabaseBackup]:
    """The last backups that were asked for of these databases, whatever became of them."""
    found = await session.scalars(
        select(DatabaseBackup).where(
            DatabaseBackup.database_id.in_(database_ids), DatabaseBackup.kind == "final"
        )
    )
    return found.all()


async def let_expire(session: AsyncSession, database_ids: Collection[UUID]) -> None:
    """Have the backups of databases that are gone go too, in ``KEPT``."""
    await session.execute(
        update(DatabaseBackup)
        .where(DatabaseBackup.database_id.in_(database_ids), DatabaseBackup.expires_at.is_(None))
        .values(expires_at=now() + KEPT)
    )
