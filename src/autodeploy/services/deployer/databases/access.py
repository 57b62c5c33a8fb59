"""What every request about a database begins with, and why one is refused."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.databases import store
from autodeploy.services.deployer.databases.backups import KEPT
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase


class DatabaseInUse(Conflict):
    """A live release has the database's URL, or a deployment is under way that will have it."""

    code = "database_in_use"
    usual_remedy = "Delete it with `force=true` (--force): what uses it fails from then on."


class DatabaseNotAvailable(Conflict):
    """The database is not there yet, is going, or failed."""

    code = "database_not_available"
    usual_remedy = "Wait until its status is available; its error says what went wrong."


class RotationUnderWay(Conflict):
    """The password before the present one is still in use."""

    code = "rotation_under_way"
    usual_remedy = "Deploy, so that no release is left with it; `revoke` ends both at once."


async def get_allowed(
    session: AsyncSession,
    principal: Principal,
    database_id: UUID,
    action: Action,
    *,
    lock: bool = False,
) -> ProjectDatabase:
    """A database that the caller may do ``action`` to. Raises ``NotFound``, ``Forbidden``."""
    database = await store.get_database(session, principal.reach, database_id, lock=lock)
    require(principal, action, database.organization_id)
    return database


def require_available(database: ProjectDatabase) -> None:
    """Raises ``DatabaseNotAvailable``."""
    if database.status in ("pausing", "paused"):
        raise DatabaseNotAvailable(
            f"The database {database.name} is {database.status}.",
            remedy="Resume it (`autodeploy db resume`).",
        )
    if database.status != "available":
        raise DatabaseNotAvailable(f"The database {database.name} is {database.status}.")


def new_backup(database: ProjectDatabase, kind: str, principal: Principal) -> DatabaseBackup:
    """The intent to make a backup that no schedule asked for."""
    return DatabaseBackup(
        organization_id=database.organization_id,
        project_id=database.project_id,
        database_id=database.id,
        environment=database.environment,
        database_name=database.name,
        kind=kind,
        created_by=principal.account_id,
        expires_at=now() + KEPT,
    )
