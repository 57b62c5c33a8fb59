"""What callers ask of backups."""

from uuid import UUID

from sqlalchemy import func, select

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.databases import store
from autodeploy.services.deployer.databases.access import (
    get_allowed,
    new_backup,
    require_available,
)
from autodeploy.services.deployer.databases.dispatch import dispatch_databases
from autodeploy.services.deployer.databases.engines import require_postgresql
from autodeploy.services.deployer.databases.models import DatabaseBackup
from autodeploy.services.deployer.databases.schemas import BackupView
from autodeploy.services.deployer.databases.views import backup_view
from autodeploy.services.deployer.store import get_project

_MOST_WAITING = 5


async def create_backup(
    resources: Resources, principal: Principal, database_id: UUID, *, providers: Registry
) -> BackupView:
    """Ask for a backup now. Raises ``DatabaseNotAvailable``; ``Conflict`` while several wait."""
    async with resources.db.transaction() as session:
        database = await get_allowed(
            session, principal, database_id, Action.DATABASE_BACKUP, lock=True
        )
        require_postgresql(database, "backups")
        providers.get(database.provider, Capability.DATABASE_BACKUPS)
        require_available(database)
        waiting = await session.scalar(
            select(func.count()).where(
                DatabaseBackup.database_id == database_id, DatabaseBackup.status == "pending"
            )
        )
        if (waiting or 0) >= _MOST_WAITING:
            raise Conflict(
                f"{waiting} backups of this database wait to be made.",
                remedy="Wait until they are; they hold the same.",
            )
        backup = new_backup(database, "manual", principal)
        session.add(backup)
        await session.flush()
        await session.refresh(backup)
        await audit.record(session, principal, Action.DATABASE_BACKUP, database)
    await dispatch_databases(resources, database_id=database_id)
    return backup_view(backup)


async def get_backup(
    resources: Resources, principal: Principal, database_id: UUID, backup_id: UUID
) -> BackupView:
    """One backup of a database. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        database = await get_allowed(session, principal, database_id, Action.DATABASE_READ)
        backup = await store.find_backup(session, database.project_id, backup_id)
    if backup is None or backup.database_id != database_id:
        raise NotFound("No such backup.")
    return backup_view(backup)


async def list_backups(
    resources: Resources,
    principal: Principal,
    database_id: UUID,
    *,
    limit: int,
    cursor: str | None,
) -> Page[BackupView]:
    """The backups of a database, newest first."""
    async with resources.db.transaction() as session:
        await get_allowed(session, principal, database_id, Action.DATABASE_READ)
        rows = await store.list_backups(session, database_id, limit=limit, cursor=cursor)
    page, following = split_page(rows, limit)
    return Page(items=[backup_view(row) for row in page], next_cursor=following)


async def list_project_backups(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    *,
    limit: int,
    cursor: str | None,
) -> Page[BackupView]:
    """The backups of all databases that a project has, or had, newest first."""
    async with resources.db.transaction() as session:
        project = await get_project(session, principal.reach, project_id)
        require(principal, Action.DATABASE_READ, project.organization_id)
        rows = await store.list_project_backups(session, project.id, limit=limit, cursor=cursor)
    page, following = split_page(rows, limit)
    return Page(items=[backup_view(row) for row in page], next_cursor=following)
