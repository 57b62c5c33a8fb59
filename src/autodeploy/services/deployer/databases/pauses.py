"""Pausing databases, which then cost nothing and answer nobody, and bringing them back.

A database is brought back as it was made: by provisioning, which finds what is there. So does a
deployment that needs one, and a resumption of one that its provider paused by itself.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.databases import store
from autodeploy.services.deployer.databases.access import (
    DatabaseInUse,
    get_allowed,
    require_available,
)
from autodeploy.services.deployer.databases.dispatch import dispatch_databases
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.schemas import DatabaseView
from autodeploy.services.deployer.databases.views import views_of
from autodeploy.services.deployer.databases.work import Work

_RESUMABLE = ("available", "paused", "error")


async def pause_database(
    resources: Resources,
    principal: Principal,
    database_id: UUID,
    *,
    force: bool,
    providers: Registry,
) -> DatabaseView:
    """Ask for a pause; nothing where it is paused or about to be.

    Raises ``InvalidInput`` where its provider pauses none, ``DatabaseNotAvailable``, and
    ``DatabaseInUse`` unless it is used by nothing or ``force`` is set.
    """
    async with resources.db.transaction() as session:
        database = await get_allowed(
            session, principal, database_id, Action.DATABASE_PAUSE, lock=True
        )
        providers.get(database.provider, Capability.DATABASE_PAUSES)
        if database.status not in ("pausing", "paused"):
            require_available(database)
            if not force and await store.is_in_use(session, database):
                raise DatabaseInUse(
                    f"A release or a deployment of {database.environment} uses it.",
                    remedy="Pause it with `force=true` (--force): what uses it fails until it is "
                    "resumed.",
                )
            await _begin(session, principal, database, "pausing")
        [view] = await views_of(session, [database])
    await dispatch_databases(resources, database_id=database_id)
    return view


async def resume_database(
    resources: Resources, principal: Principal, database_id: UUID, *, providers: Registry
) -> DatabaseView:
    """Ask for it to be brought back, also where its provider paused it; one that goes on running
    stays as it is. Raises ``InvalidInput`` where its provider pauses none, and ``Conflict``."""
    async with resources.db.transaction() as session:
        database = await get_allowed(
            session, principal, database_id, Action.DATABASE_PAUSE, lock=True
        )
        providers.get(database.provider, Capability.DATABASE_PAUSES)
        if database.status in _RESUMABLE:
            await _begin(session, principal, database, "provisioning")
        elif database.status != "provisioning":
            raise Conflict(
                f"The database {database.name} is {database.status}.",
                remedy="Wait until that is done.",
            )
        [view] = await views_of(session, [database])
    await dispatch_databases(resources, database_id=database_id)
    return view


async def pause(work: Work) -> None:
    """Pause the database at its provider. Idempotent."""
    resources, database, providers = work.engine.resources, work.database, work.engine.providers
    account = await open_account(resources, database.connection_id, providers=providers)
    provider = providers.database_pauses(database.provider, account)
    await provider.pause_database(database.external_id or "")
    async with resources.db.transaction() as session:
        await work.settle(session, "paused", updated_at=now())


async def fail(work: Work, session: AsyncSession, error: AutoDeployError) -> None:
    """It is there as before, as far as is known."""
    await work.settle(session, "available", error_code=error.code, error_message=error.message)


async def _begin(
    session: AsyncSession, principal: Principal, database: ProjectDatabase, status: str
) -> None:
    database.status, database.failures, database.updated_at = status, 0, now()
    database.error_code = database.error_message = None
    await audit.record(session, principal, Action.DATABASE_PAUSE, database)
    await session.flush()
