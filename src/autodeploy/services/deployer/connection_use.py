"""What acts by a connected account, and taking the account away from it."""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.providers.identity import IdentityProviders
from autodeploy.services.auth import connections, grants
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.oauth_schemas import Disconnected
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.kept import is_kept
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.states import TERMINAL

_NAMED = 10


class ConnectionInUse(Conflict):
    """Environments or databases act by the connection that was to be removed or replaced."""

    code = "connection_in_use"


async def disconnect(
    resources: Resources,
    providers: IdentityProviders,
    principal: Principal,
    user_id: UUID,
    name: str,
    *,
    force: bool,
) -> Disconnected:
    """End a connection that nothing acts by, or with ``force`` any.

    Raises ``ConnectionInUse``, and as ``connections.disconnect``.
    """
    require_scope(principal, Scope.ADMIN)
    if not force and principal.user_id == user_id:
        async with resources.db.transaction() as session:
            row = await grants.find(session, user_id, name)
            uses = await describe_uses(session, row.id) if row is not None else None
        if uses:
            raise ConnectionInUse(
                f"The connection to {name} is used by {uses}.",
                remedy="Without it they keep running, and cannot be changed, rolled back or "
                "removed from here. Move or remove them first (one that has just moved away is "
                "stopped there soon: try again), or disconnect with `force=true` (--force).",
            )
    return await connections.disconnect(resources, providers, principal, user_id, name)


def guard_for(*, force: bool) -> grants.Guard | None:
    """What refuses that another account takes the place of one that something acts by, unless
    that is meant."""
    return None if force else _require_unused


async def _require_unused(session: AsyncSession, row: ProviderIntegration) -> None:
    """Raises ``ConnectionInUse``."""
    if uses := await describe_uses(session, row.id):
        raise ConnectionInUse(
            f"Another account of {row.provider} is connected, and used by {uses}.",
            remedy="Without it they keep running, and cannot be changed, rolled back or removed "
            "from here. Move or remove them first, connect that account and team again instead, "
            "or connect this one with `force=true` (--force).",
        )


async def describe_uses(session: AsyncSession, connection_id: UUID) -> str | None:
    """In words, the environments and databases that act by a connection, of those that the caller
    sees; None where there are none."""
    uses = await _list_uses(session, connection_id)
    more = len(uses) - _NAMED
    return "; ".join([*uses[:_NAMED], *([f"and {more} more"] if more > 0 else [])]) or None


def _is_live_elsewhere() -> ColumnElement[bool]:
    return exists(
        select(Environment.id).where(
            Environment.project_id == Deployment.project_id,
            Environment.name == Deployment.environment,
            Environment.live_deployment_id.is_not(None),
            Environment.provider != Deployment.provider,
        )
    )


async def _list_uses(session: AsyncSession, connection_id: UUID) -> list[str]:
    apps = await session.execute(
        select(Project.slug, Environment.name)
        .join(Environment, Environment.project_id == Project.id)
        .where(Environment.connection_id == connection_id)
        .union(
            select(Project.slug, Deployment.environment)
            .join(Deployment, Deployment.project_id == Project.id)
            .where(
                Deployment.connection_id == connection_id,
                # One that has ended may have a release yet that is to be stopped there, or be kept.
                or_(
                    Deployment.status.not_in(TERMINAL),
                    Deployment.has_release,
                    and_(is_kept(), _is_live_elsewhere()),
                ),
            )
        )
    )
    databases = await session.execute(
        select(Project.slug, ProjectDatabase.environment, ProjectDatabase.name)
        .join(ProjectDatabase, ProjectDatabase.project_id == Project.id)
        .where(ProjectDatabase.connection_id == connection_id)
    )
    return [
        *sorted(f"{environment} of {slug}" for slug, environment in apps),
        *sorted(
            f"the database {name} of {slug}, {environment}" for slug, environment, name in databases
        ),
    ]
