"""What callers ask of restores."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict, InvalidInput
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
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.databases.schemas import RestoreInput, RestoreView
from autodeploy.services.deployer.databases.views import restore_view


async def create_restore(
    resources: Resources,
    principal: Principal,
    database_id: UUID,
    body: RestoreInput,
    *,
    providers: Registry,
) -> RestoreView:
    """Ask for a backup to be restored: into a new database beside this one, or into this one,
    after a backup of what it holds.

    Raises ``InvalidInput`` for a missing confirmation or an unusable backup, ``Conflict`` where a
    database of the new name is there, or a restore is under way.
    """
    async with resources.db.transaction() as session:
        database = await get_allowed(
            session, principal, database_id, Action.DATABASE_RESTORE, lock=True
        )
        require_postgresql(database, "backups")
        providers.get(database.provider, Capability.DATABASE_BACKUPS)
        if body.name is not None and body.name != database.name:
            require(principal, Action.DATABASE_CREATE, database.organization_id)
            target = await _new_beside(session, principal, database, body.name)
            restore = await begin_restore(session, principal, target, body.backup_id)
        else:
            if body.confirm != database.name:
                raise InvalidInput(
                    "A restore into the same database replaces what it holds, so it takes its "
                    "name.",
                    field="confirm",
                    remedy=f'Send "confirm": "{database.name}", or the "name" of a new one.',
                )
            require_available(database)
            target = database
            before = new_backup(database, "safety", principal)
            session.add(before)
            await session.flush()
            restore = await begin_restore(session, principal, target, body.backup_id, before)
    await dispatch_databases(resources, database_id=target.id)
    return restore_view(restore)


async def list_restores(
    resources: Resources,
    principal: Principal,
    database_id: UUID,
    *,
    limit: int,
    cursor: str | None,
) -> Page[RestoreView]:
    """The restores into a database, newest first."""
    async with resources.db.transaction() as session:
        await get_allowed(session, principal, database_id, Action.DATABASE_READ)
        rows = await store.list_restores(session, database_id, limit=limit, cursor=cursor)
    page, following = split_page(rows, limit)
    return Page(items=[restore_view(row) for row in page], next_cursor=following)


async def begin_restore(
    session: AsyncSession,
    principal: Principal,
    target: ProjectDatabase,
    backup_id: UUID,
    safety: DatabaseBackup | None = None,
) -> DatabaseRestore:
    """Write down that ``target`` is to hold what a backup of its project holds.

    Raises ``InvalidInput`` with field ``backupId``, and ``Conflict`` while another one runs.
    """
    backup = await store.find_backup(session, target.project_id, backup_id)
    if backup is None:
        raise InvalidInput("The project has no such backup.", field="backupId")
    if backup.status not in ("stored", "verified"):
        raise InvalidInput(
            f"This backup is {backup.status}: there is nothing to restore.",
            field="backupId",
            remedy="Choose one that is verified.",
        )
    if await store.is_restoring(session, target.id):
        raise Conflict("A backup is being restored into this database already.")
    restore = DatabaseRestore(
        organization_id=target.organization_id,
        database_id=target.id,
        backup_id=backup.id,
        safety_backup_id=safety.id if safety else None,
        created_by=principal.account_id,
    )
    session.add(restore)
    await session.flush()
    await session.refresh(restore)
    await audit.record(session, principal, Action.DATABASE_RESTORE, target)
    return restore


async def _new_beside(
    session: AsyncSession, principal: Principal, database: ProjectDatabase, name: str
) -> ProjectDatabase:
    if await store.find_database(session, database.project_id, database.environment, name):
        raise Conflict(
            f"{database.environment} has a database {name!r} already.",
            field="name",
            remedy="Choose another name, or restore into that one.",
        )
    target = ProjectDatabase(
        organization_id=database.organization_id,
        project_id=database.project_id,
        environment=database.environment,
        name=name,
        provider=database.provider,
        plan=database.plan,
        region=database.region,
    )
    session.add(target)
    await session.flush()
    await session.refresh(target)
    await audit.record(
        session, principal, Action.DATABASE_CREATE, target, after=audit.snapshot(target)
    )
    return target
