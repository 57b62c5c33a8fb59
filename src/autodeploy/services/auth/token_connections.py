"""Accounts that are connected by a token from the provider's console, and their use."""

from collections.abc import Sequence
from uuid import UUID

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import VaultError
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.hosted import ConnectedAccount, Owner, TokenAccount
from autodeploy.providers.identity import Account, Grant
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import connections, grants, identities
from autodeploy.services.auth.grants import BY_TOKEN
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.oauth_schemas import ConnectionView, ProviderTokenInput
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.renewal import keep_fresh


async def connect_by_token(
    resources: Resources,
    principal: Principal,
    user_id: UUID,
    name: str,
    body: ProviderTokenInput,
    *,
    providers: Registry,
    guard: grants.Guard | None = None,
) -> ConnectionView:
    """Check a token at its provider and store it, instead of an earlier one of this provider.

    The earlier token is not ended there: it is somebody's own, made in the provider's console.

    Raises:
        NotFound: for another user.
        InvalidInput: the provider takes no tokens, refuses this one, or it does not do.
        ProviderUnavailable: the provider does not answer.
        Conflict: ``guard`` refuses that the connection of another account goes.
    """
    require_scope(principal, Scope.ADMIN)
    if principal.user_id != user_id:
        raise NotFound("No such user.")
    provider = providers.takes_tokens(name)
    try:
        account = await provider.check_token(body.token)
    except CredentialRefused as error:
        raise InvalidInput(error.message, field="token", remedy=error.remedy) from None
    _require_rights(provider.manifest.title, account)
    owner = _choose(account.owners, body.owner_id)
    chosen = {} if owner is None else {"owner": {"id": owner.id, "name": owner.name}}
    async with resources.db.transaction() as session:
        await connections.lock_user(session, user_id)
        row, _ = await grants.store_grant(
            resources,
            session,
            principal,
            name,
            Account(subject=account.id, name=account.name),
            Grant(token=body.token, details={**chosen, BY_TOKEN: True}),
            guard=guard,
        )
        linked = {each.provider: each for each in await identities.find(session, user_id)}
        return connections.view_of(name, linked.get(name), row)


async def open_account(
    resources: Resources, connection_id: UUID | None, *, providers: Registry
) -> ConnectedAccount | None:
    """The account of a connection, to act for it; None where it is not connected any more.

    Access that is about to expire is renewed. Raises ``CredentialRefused`` where it has expired
    and is not renewed any more, ``ProviderMisconfigured`` and ``ProviderUnavailable``.
    """
    if connection_id is None:
        return None
    async with resources.db.transaction() as session:
        row = await session.get(ProviderIntegration, connection_id)
    row = row and await keep_fresh(resources, row, providers)
    if row is None:
        return None
    place = place_of(
        ProviderIntegration.encrypted_token, user_id=row.user_id, provider=row.provider, id=row.id
    )
    try:
        token = await resources.vault.decrypt_for(
            place.subject, row.encrypted_token, context=place.context
        )
    except VaultError:
        return None
    return ConnectedAccount(row.id, token, grants.owner_of(row.details))


def _require_rights(title: str, account: TokenAccount) -> None:
    if account.missing:
        raise InvalidInput(
            f"The token lacks rights that are needed at {title}: {', '.join(account.missing)}.",
            field="token",
            remedy="Make one with these rights.",
        )


def _choose(owners: Sequence[Owner], wanted: str | None) -> Owner | None:
    """Whose things are meant: the one that is named, or the only one."""
    if wanted is None and len(owners) < 2:
        return owners[0] if owners else None
    found = next((each for each in owners if each.id == wanted), None)
    if found is None:
        named = ", ".join(f"{each.id} ({each.name})" for each in owners) or "none"
        raise InvalidInput(
            "The account has several teams, and one is to be named."
            if wanted is None
            else "The account has no such team.",
            field="ownerId",
            remedy=f"Name one of: {named}.",
        )
    return found
