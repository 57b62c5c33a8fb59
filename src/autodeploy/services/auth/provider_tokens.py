"""The tokens of provider connections at rest."""

from uuid import UUID

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import VaultError
from autodeploy.kernel.vault.columns import sealed_columns
from autodeploy.kernel.vault.reseal import reseal_where
from autodeploy.services.auth.models import ProviderIntegration


async def rotate(resources: Resources, user_id: UUID, provider: str) -> None:
    """Seal the tokens of a user's connection anew, under the current key with a new nonce.

    A token that is replaced meanwhile stays as it was replaced; killed anywhere, both tokens can
    be read. Raises ``NotFound``, ``VaultError`` for a token that does not open,
    ``Conflict`` when the row stays locked, ``VaultAway``.
    """
    table = ProviderIntegration.__table__
    is_connection = (ProviderIntegration.user_id == user_id) & (
        ProviderIntegration.provider == provider
    )
    sealed = [one for one in sealed_columns(ProviderIntegration.metadata) if one.table is table]
    results = [
        await reseal_where(resources.db, resources.vault, column, is_connection)
        for column in sealed
    ]
    for result in results:
        if result.failures:
            raise VaultError(result.failures[0], remedy="Connect the provider again.")
        if result.left:
            raise Conflict("The connection stays in use.", remedy="Try again in a moment.")
    if not any(result.done for result in results):
        raise NotFound(f"The user has no connection to {provider}.")
