"""Accounts that users have connected: what is stored of them, listed, and taken away again."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import AutoDeployError, Conflict, NotFound
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.providers.identity import (
    Account,
    Grant,
    Granted,
    IdentityProvider,
    IdentityProviders,
)
from autodeploy.services.auth import account_store, audit, identities, store
from autodeploy.services.auth.errors import LastSignIn
from autodeploy.services.auth.grants import (
    BY_TOKEN,
    Earlier,
    Guard,
    find,
    find_all,
    open_grant,
    store_grant,
)
from autodeploy.services.auth.models import LinkedIdentity, ProviderIntegration
from autodeploy.services.auth.oauth_schemas import (
    ConnectionFailure,
    ConnectionView,
    Disconnected,
    OwnerView,
)
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope

_log = structlog.get_logger(__name__)


async def list_connections(
    resources: Resources, principal: Principal, user_id: UUID
) -> Page[ConnectionView]:
    """The caller's connected accounts, by provider: all of them in one page, never a token.

    Raises ``NotFound`` for another user.
    """
    require_scope(principal, Scope.READ)
    if principal.user_id != user_id:
        raise NotFound("No such user.")
    async with resources.db.transaction() as session:
        signing_in = {each.provider: each for each in await identities.find(session, user_id)}
        stored = {each.provider: each for each in await find_all(session, user_id)}
    names = sorted(signing_in.keys() | stored.keys())
    return Page(items=[view_of(name, signing_in.get(name), stored.get(name)) for name in names])


async def connect(
    resources: Resources,
    principal: Principal,
    provider: IdentityProvider,
    granted: Granted,
    *,
    guard: Guard | None = None,
) -> ConnectionView:
    """Store what an account granted, instead of what an earlier one of this provider did.

    The earlier token ends at the provider only after the new one is stored: a process that dies
    in between leaves one that the provider lists and its owner can end there. The new one ends
    where it is not stored.

    Raises ``IdentityTaken``, and as ``guard``.
    """
    try:
        view, earlier = await _store(resources, principal, provider, granted, guard)
    except Conflict:
        if granted.grant is not None:
            await _end_token(provider, granted.grant, provider.retire)
        raise
    if earlier is not None and granted.grant is not None:
        await _end_earlier(provider, earlier, by=granted.grant, of=granted.account)
    return view


async def _store(
    resources: Resources,
    principal: Principal,
    provider: IdentityProvider,
    granted: Granted,
    guard: Guard | None,
) -> tuple[ConnectionView, Earlier | None]:
    account, grant, user_id = granted.account, granted.grant, principal.user_id
    row, earlier = None, None
    async with resources.db.transaction() as session:
        await lock_user(session, user_id)
        if provider.signs_in:
            await identities.link(session, principal, user_id, provider, account)
        if grant is not None:
            row, earlier = await store_grant(
                resources, session, principal, provider.name, account, grant, guard=guard
            )
        linked = {each.provider: each for each in await identities.find(session, user_id)}
        return view_of(provider.name, linked.get(provider.name), row), earlier


async def disconnect(
    resources: Resources,
    providers: IdentityProviders,
    principal: Principal,
    user_id: UUID,
    name: str,
) -> Disconnected:
    """End a connection, at the provider first and then here, whether or not it answers.

    A process that dies in between leaves a connection whose token is dead; this ends it when it
    is called again. Raises ``NotFound``, and ``LastSignIn`` when the user could not come back.
    """
    require_scope(principal, Scope.ADMIN)
    if principal.user_id != user_id:
        raise _not_connected()
    async with resources.db.transaction() as session:
        await _require_another_way_in(session, providers, user_id, name)
        # Held while it is revoked: what renews it meanwhile would bring a token that lives on.
        row = await find(session, user_id, name, lock=True)
        shared = row is not None and await _is_shared(session, row)
        revoked = await _end(resources, providers, row, shared=shared) if row is not None else None
    async with resources.db.transaction() as session:
        await lock_user(session, user_id)
        # Decided again under the lock: another of the ways in may have been removed meanwhile.
        await _require_another_way_in(session, providers, user_id, name)
        await identities.unlink(session, principal, name)
        # By its id: an account that was connected since then stays connected.
        present = await session.get(ProviderIntegration, row.id) if row is not None else None
        if present is not None:
            before = audit.snapshot(present)
            await audit.record(
                session, principal, audit.OwnAction.DISCONNECT, present, before=before
            )
            await session.delete(present)
    return Disconnected(
        provider=name,
        revoked_at_provider=revoked,
        remedy=_remedy(name, revoked, shared=shared, is_own=row is not None and _is_own(row)),
    )


async def end_all(resources: Resources, providers: IdentityProviders, user_id: UUID) -> None:
    """End at their providers what all connections of a user were granted, whether or not these
    answer. The connections stay, until their user goes."""
    async with resources.db.transaction() as session:
        await store.act_for(session, user_id)
        names = [each.provider for each in await find_all(session, user_id)]
    for name in names:
        async with resources.db.transaction() as session:
            await store.act_for(session, user_id)
            row = await find(session, user_id, name, lock=True)
            if row is not None:
                shared = await _is_shared(session, row)
                await _end(resources, providers, row, shared=shared)


async def lock_user(session: AsyncSession, user_id: UUID) -> None:
    if await account_store.lock_user(session, user_id) is None:
        raise NotFound("No such user.")


async def _require_another_way_in(
    session: AsyncSession, providers: IdentityProviders, user_id: UUID, name: str
) -> None:
    """Raises ``NotFound`` without such a connection, ``LastSignIn`` if nothing else signs in."""
    linked = await identities.find(session, user_id)
    if not any(each.provider == name for each in linked):
        if await find(session, user_id, name) is None:
            raise _not_connected()
        return
    usable = {(each.name, each.issuer) for each in providers}
    others = [each for each in linked if each.provider != name]
    if any((each.provider, each.issuer) in usable for each in others):
        return
    user = await store.get_user(session, user_id)
    if user.encrypted_password is None:
        raise LastSignIn(
            f"{name} is the only way in which you can sign in.",
            remedy="Set a password first (reset it by e-mail), or connect another provider.",
        )


def _not_connected() -> NotFound:
    return NotFound("No such connection.", remedy="List what is connected.")


async def _is_shared(session: AsyncSession, row: ProviderIntegration) -> bool:
    """Whether other users are connected by the same installation, which ends for all at once."""
    shared = func.autodeploy_is_shared_connection(row.provider, row.external_id, row.user_id)
    return bool(await session.scalar(select(shared)))


async def _end_earlier(
    provider: IdentityProvider,
    earlier: Earlier,
    *,
    by: Grant,
    of: Account,
) -> None:
    """End the access that another has replaced. The user has what was asked for in any case."""
    grant = earlier.grant
    if grant is None or grant.token == by.token:
        return
    is_same = earlier.subject == of.subject
    await _end_token(provider, grant, provider.retire if is_same else provider.revoke)


async def _end_token(
    provider: IdentityProvider, grant: Grant, end: Callable[[Grant], Awaitable[None]]
) -> None:
    try:
        await end(grant)
    except AutoDeployError as error:
        _log.warning("a token lives on", provider=provider.name, reason=error.message)


async def _end(
    resources: Resources, providers: IdentityProviders, row: ProviderIntegration, *, shared: bool
) -> bool | None:
    """Whether the provider has ended the access; None for a token that is its user's own."""
    if _is_own(row):
        return None
    return not shared and await _revoke(resources, providers, row)


def _is_own(row: ProviderIntegration) -> bool:
    return bool((row.details or {}).get(BY_TOKEN))


async def _revoke(
    resources: Resources, providers: IdentityProviders, row: ProviderIntegration
) -> bool:
    """Whether the provider has ended the access; asked twice when it does not answer."""
    try:
        provider = providers.find(row.provider)
        grant = await open_grant(resources, row)
        try:
            await provider.revoke(grant)
        except ProviderUnavailable:
            await provider.revoke(grant)
    except AutoDeployError as error:
        _log.warning("access lives on at a provider", provider=row.provider, reason=error.message)
        return False
    return True


def _remedy(name: str, revoked: bool | None, *, shared: bool, is_own: bool) -> str | None:
    if is_own:
        return f"The token is yours and still works: delete it in your settings at {name}."
    if shared:
        return "Others here use the same installation, so it stays until they disconnect."
    if revoked is False:
        return f"End the access of this platform in your settings at {name}."
    return None


def view_of(
    name: str, identity: LinkedIdentity | None, row: ProviderIntegration | None
) -> ConnectionView:
    stored_name = (row.details or {}).get("accountName") if row else None
    owner = (row.details or {}).get("owner") if row else None
    connected = row or identity
    assert connected is not None
    return ConnectionView(
        provider=name,
        account_name=identity.account_name if identity else stored_name,
        signs_in=identity is not None,
        has_access=row is not None,
        scopes=(row.scopes or []) if row else [],
        expires_at=row.expires_at if row else None,
        connected_at=connected.created_at,
        owner=owner and OwnerView.model_validate(owner),
        status="working" if row is None or row.failed_at is None else "failed",
        failure=None if row is None else _failure_of(row),
        missing_scopes=row.missing if row else [],
        checked_at=row.checked_at if row else None,
    )


def _failure_of(row: ProviderIntegration) -> ConnectionFailure | None:
    if row.failed_at is None:
        return None
    return ConnectionFailure(
        reason=row.failure or "", since=row.failed_at, remedy=remedy_of(row.provider)
    )


def lacking(row: ProviderIntegration) -> str:
    """What a connection says of the rights that it lacks."""
    return f"It lacks rights that are needed there: {', '.join(row.missing)}."


def remedy_of(provider: str) -> str:
    """What a user does about a connection that has failed."""
    return (
        f"Connect the account again, at its page or with a new token "
        f"(`autodeploy connections add {provider}`). What is deployed there keeps running."
    )
