"""Providers that act for somebody's account: whose, and how the engine comes to them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.resources import Resources
from autodeploy.providers.base import DeployProvider
from autodeploy.providers.databases import DatabaseProvider, DatabaseState
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connection_checks import doubt
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Environment


async def choose_connection(
    session: AsyncSession,
    principal: Principal,
    providers: Registry,
    provider: str,
    environment: Environment | None = None,
) -> UUID | None:
    """The connection by which the provider is to act: that of the environment, where it is at this
    provider already, else the caller's own; None for a provider that needs none.

    Raises ``AccountMissing``: before any work starts.
    """
    if not providers.is_hosted(provider):
        return None
    present = None
    if environment is not None and environment.provider == provider:
        present = environment.connection_id
    own = select(ProviderIntegration.id).where(
        ProviderIntegration.provider == provider,
        ProviderIntegration.user_id == principal.account_id,
    )
    found = present or await session.scalar(own)
    if found is None:
        raise AccountMissing(
            f"No account of yours at {providers.title(provider)} is connected.",
            remedy=f"Connect one: `autodeploy connections add {provider}`.",
        )
    return found


async def deploys_for(engine: Engine, provider: str, connection_id: UUID | None) -> DeployProvider:
    """The provider, acting for the account of the connection. Raises ``AccountMissing``, and as
    ``open_account``."""
    account = await open_account(engine.resources, connection_id, providers=engine.providers)
    return engine.providers.deploys(provider, account)


async def doubt_connections(engine: Engine, deployment: Deployment) -> None:
    """Have the connections checked that a deployment acts by: a provider refused one of them."""
    async with engine.resources.db.transaction() as session:
        of_databases = await session.scalars(
            select(ProjectDatabase.connection_id).where(
                ProjectDatabase.project_id == deployment.project_id,
                ProjectDatabase.environment == deployment.environment,
            )
        )
        acted_by = {deployment.connection_id, *of_databases} - {None}
    await doubt(engine.resources, [each for each in acted_by if each is not None])


async def databases_for(engine: Engine, database: ProjectDatabase) -> DatabaseProvider:
    """The provider of a database, acting for its account. Raises as ``deploys_for``."""
    account = await open_account(
        engine.resources, database.connection_id, providers=engine.providers
    )
    return engine.providers.databases(database.provider, account)


async def charged_plan(
    resources: Resources,
    providers: Registry,
    *,
    provider: str,
    connection_id: UUID | None,
    plan: str,
) -> str:
    """The plan by whose price a database that is to be made would be charged. Raises as
    ``deploys_for``."""
    if not providers.is_hosted(provider):
        return plan
    account = await open_account(resources, connection_id, providers=providers)
    return await providers.hosted_databases(provider, account).charged_plan(plan)


async def state_of_database(engine: Engine, database: ProjectDatabase) -> DatabaseState:
    """How a database that was made is at its provider; on this machine nobody else stops one.
    Raises as ``deploys_for``."""
    if not engine.providers.is_hosted(database.provider):
        return DatabaseState.RUNNING
    account = await open_account(
        engine.resources, database.connection_id, providers=engine.providers
    )
    provider = engine.providers.hosted_databases(database.provider, account)
    return await provider.database_state(database.external_id or "")
