"""Providers that act for somebody's account: whose, and how the engine comes to them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.providers.base import DeployProvider
from autodeploy.providers.databases import DatabaseProvider
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.engine import Engine


async def choose_connection(
    session: AsyncSession,
    principal: Principal,
    providers: Registry,
    provider: str,
    *,
    present: UUID | None,
) -> UUID | None:
    """The connection by which the provider is to act: ``present``, where it is one of this
    provider's, else the caller's own; None for a provider that needs none.

    Raises ``AccountMissing``: before any work starts.
    """
    if not providers.is_hosted(provider):
        return None
    own = select(ProviderIntegration.id).where(
        ProviderIntegration.provider == provider, ProviderIntegration.user_id == principal.user_id
    )
    found = present or await session.scalar(own)
    if found is None:
        raise AccountMissing(
            f"No account of yours at {providers.get(provider).manifest.title} is connected.",
            remedy=f"Connect one: `autodeploy connections add {provider}`.",
        )
    return found


async def deploys_for(engine: Engine, provider: str, connection_id: UUID | None) -> DeployProvider:
    """The provider, acting for the account of the connection. Raises ``AccountMissing``."""
    if not engine.providers.is_hosted(provider):
        return engine.providers.deploys(provider)
    account = await open_account(engine.resources, connection_id)
    return engine.providers.deploys(provider, account)


async def databases_for(engine: Engine, database: ProjectDatabase) -> DatabaseProvider:
    """The provider of a database, acting for its account. Raises ``AccountMissing``."""
    if not engine.providers.is_hosted(database.provider):
        return engine.providers.databases(database.provider)
    account = await open_account(engine.resources, database.connection_id)
    return engine.providers.databases(database.provider, account)
