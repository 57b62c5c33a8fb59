"""What providers keep of apps that have moved away from them: a rollback goes back to it, visitors
may still come by its address, and it is charged there until it is removed."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.models import Deployment, Environment


def is_kept() -> ColumnElement[bool]:
    """Deployments that were live at their providers, which may keep something of them."""
    return and_(Deployment.promoted_at.is_not(None), Deployment.let_go_at.is_(None))


async def list_kept(
    session: AsyncSession, project_id: UUID, at: Mapping[str, str], providers: Registry
) -> list[Deployment]:
    """Of each environment, by whose name ``at`` has its provider, the newest deployment that was
    live at each other one that keeps apps. This machine keeps nothing."""
    newest = await session.scalars(
        select(Deployment)
        .where(
            Deployment.project_id == project_id,
            Deployment.environment.in_(at),
            Deployment.provider.in_(
                [each.name for each in providers.list() if providers.is_hosted(each.name)]
            ),
            is_kept(),
        )
        .ext(distinct_on(Deployment.environment, Deployment.provider))
        .order_by(Deployment.environment, Deployment.provider, Deployment.promoted_at.desc())
    )
    return [each for each in newest if each.provider != at[each.environment]]


def live_places(environments: Sequence[Environment]) -> dict[str, str]:
    """The provider of each environment in which something is live."""
    return {each.name: each.provider for each in environments if each.live_deployment_id}


async def remove_kept(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    name: str,
    provider: str,
    *,
    providers: Registry,
) -> None:
    """Have nothing kept at a provider that an environment's app has moved away from.

    The rows are the intent: workers remove it, and ask again what is away. It cannot be rolled back
    to any more.

    Raises:
        Conflict: nothing is kept there.
        AccountMissing: the account that it is at is not connected any more.
        NotFound, Forbidden.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.ENVIRONMENT_DELETE, project.organization_id)
        environment = await store.find_environment(session, project.id, name, lock=True)
        places = {} if environment is None else live_places([environment])
        kept = await list_kept(session, project.id, places, providers)
        newest = next((each for each in kept if each.provider == provider), None)
        if environment is None or newest is None:
            raise Conflict(
                f"Nothing of {name} is kept at {provider}.",
                remedy="`autodeploy costs` shows what earlier providers keep.",
            )
        if newest.connection_id is None:
            raise AccountMissing(
                f"{name} was at {provider} by an account that is not connected any more.",
                remedy=f"Remove the app in the console of {provider}.",
            )
        # From here on it is what ``leftovers`` removes, by whichever accounts it is there.
        await session.execute(
            update(Deployment)
            .where(
                Deployment.project_id == project.id,
                Deployment.environment == name,
                Deployment.provider == provider,
                is_kept(),
            )
            .values(let_go_at=now(), artifact_key=None, has_release=True)
        )
        await audit.record(session, principal, audit.OwnAction.KEPT_REMOVE, newest)
