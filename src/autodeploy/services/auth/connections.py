"""Accounts that users have connected: what is stored of them, listed, and taken away again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.identity import (
    Account,
    Grant,
    Granted,
    IdentityProvider,
    IdentityProviders,
)
from autodeploy.services.auth import account_store, audit, identities, store
from autodeploy.services.auth.errors import LastSignIn
from autodeploy.services.auth.models import LinkedIdentity, ProviderIntegration
from autodeploy.services.auth.oauth_schemas import ConnectionView, Disconnected, OwnerView
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope

_log = structlog.get_logger(__name__)

_RENEWED = (
    "id",
    "encrypted_token",
    "encrypted_refresh_token",
    "expires_at",
    "scopes",
    "details",
    "created_at",
)


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
        stored = {
            each.provider: each
            for each in await session.scalars(
                select(ProviderIntegration).where(ProviderIntegration.user_id == user_id)
            )
        }
    names = sorted(signing_in.keys() | stored.keys())
    return Page(items=[view_of(name, signing_in.get(name), stored.get(name)) for name in names])


async def connect(
    resources: Resources, principal: Principal, provider: IdentityProvider, granted: Granted
) -> ConnectionView:
    """Store what an account granted, instead of what an earlier one of this provider did.

    The earlier token ends at the provider only after the new one is stored: a process that dies
    in between leaves one that the provider lists and its owner can end there.

    Raises ``IdentityTaken``.
    """
    account, grant, user_id = granted.account, granted.grant, principal.user_id
    row = await seal(resources, user_id, provider.name, account, grant) if grant else None
    async with resources.db.transaction() as session:
        await lock_user(session, user_id)
        if provider.signs_in:
            await identities.link(session, principal, user_id, provider, account)
        earlier = await find(session, user_id, provider.name)
        if row is not None:
            await replace(session, principal, earlier, row)
        linked = {each.provider: each for each in await identities.find(session, user_id)}
        view = view_of(provider.name, linked.get(provider.name), row)
    if earlier is not None and grant is not None:
        await _end_earlier(resources, provider, earlier, by=grant, of=account)
    return view


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
        row = await find(session, user_id, name)
        shared = row is not None and await _is_shared(session, row)
    revoked = None if row is None else not shared and await _revoke(resources, providers, row)
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
        provider=name, revoked_at_provider=revoked, remedy=_remedy(name, revoked, shared)
    )


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


async def seal(
    resources: Resources, user_id: UUID, provider: str, account: Account, grant: Grant
) -> ProviderIntegration:
    """The row of a connection. Its tokens open for this user, provider and row alone."""
    row_id = uuid4()

    async def sealed(column: InstrumentedAttribute[Any], token: str) -> str:
        place = place_of(column, user_id=user_id, provider=provider, id=row_id)
        return await resources.vault.encrypt_for(place.subject, token, context=place.context)

    renewing = grant.refresh_token
    kind = ProviderIntegration
    return ProviderIntegration(
        id=row_id,
        user_id=user_id,
        provider=provider,
        external_id=account.subject,
        encrypted_token=await sealed(kind.encrypted_token, grant.token),
        encrypted_refresh_token=await sealed(kind.encrypted_refresh_token, renewing)
        if renewing
        else None,
        expires_at=grant.expires_at,
        scopes=list(grant.scopes),
        details={**grant.details, "accountName": account.name},
        created_at=now(),
    )


async def _open(resources: Resources, row: ProviderIntegration) -> Grant:
    """The grant of a stored connection, to end it. Raises ``VaultError``."""

    async def opened(column: InstrumentedAttribute[Any], sealed: str) -> str:
        place = place_of(column, user_id=row.user_id, provider=row.provider, id=row.id)
        return await resources.vault.decrypt_for(place.subject, sealed, context=place.context)

    kind, renewing = ProviderIntegration, row.encrypted_refresh_token
    return Grant(
        token=await opened(kind.encrypted_token, row.encrypted_token),
        refresh_token=await opened(kind.encrypted_refresh_token, renewing) if renewing else None,
        details=row.details or {},
    )


async def find(session: AsyncSession, user_id: UUID, provider: str) -> ProviderIntegration | None:
    return await session.scalar(
        select(ProviderIntegration).where(
            ProviderIntegration.user_id == user_id, ProviderIntegration.provider == provider
        )
    )


async def replace(
    session: AsyncSession,
    principal: Principal,
    earlier: ProviderIntegration | None,
    row: ProviderIntegration,
) -> None:
    """Store ``row`` instead of ``earlier``. What was done with an earlier token of the same account
    goes on with this one; what another account did is nobody's from here on."""
    before = audit.snapshot(earlier) if earlier is not None else None
    if earlier is not None and _is_same_account(earlier, row):
        # What names the row follows its id, to which the new tokens are bound.
        await session.execute(
            update(ProviderIntegration)
            .where(ProviderIntegration.id == earlier.id)
            .values({name: getattr(row, name) for name in _RENEWED}),
            execution_options={"synchronize_session": False},
        )
        session.expunge(earlier)
    else:
        if earlier is not None:
            await session.delete(earlier)
            await session.flush()
        session.add(row)
        await session.flush()
    await audit.record(
        session,
        principal,
        audit.OwnAction.CONNECT,
        row,
        before=before,
        after=audit.snapshot(row),
    )


def _is_same_account(one: ProviderIntegration, other: ProviderIntegration) -> bool:
    """Whether both act for the same account, and for the same team or organization of it."""
    return one.external_id == other.external_id and owner_of(one) == owner_of(other)


def owner_of(row: ProviderIntegration) -> str | None:
    """Whose things a connection is for: chosen with a token, or told by a consent page."""
    details = row.details or {}
    chosen: Mapping[str, str] = details.get("owner") or {}
    return chosen.get("id") or details.get("teamId") or details.get("organizationSlug")


async def _is_shared(session: AsyncSession, row: ProviderIntegration) -> bool:
    """Whether other users are connected by the same installation, which ends for all at once."""
    shared = func.autodeploy_is_shared_connection(row.provider, row.external_id, row.user_id)
    return bool(await session.scalar(select(shared)))


async def _end_earlier(
    resources: Resources,
    provider: IdentityProvider,
    earlier: ProviderIntegration,
    *,
    by: Grant,
    of: Account,
) -> None:
    """End the access that another has replaced. The user has what was asked for in any case."""
    try:
        grant = await _open(resources, earlier)
        if grant.token == by.token:
            return
        if earlier.external_id == of.subject:
            await provider.retire(grant)
        else:
            await provider.revoke(grant)
    except AutoDeployError as error:
        _log.warning("an earlier token lives on", provider=provider.name, reason=error.message)


async def _revoke(
    resources: Resources, providers: IdentityProviders, row: ProviderIntegration
) -> bool:
    """Whether the provider has ended the access; asked twice when it does not answer."""
    try:
        provider = providers.find(row.provider)
        grant = await _open(resources, row)
        try:
            await provider.revoke(grant)
        except ProviderUnavailable:
            await provider.revoke(grant)
    except AutoDeployError as error:
        _log.warning("access lives on at a provider", provider=row.provider, reason=error.message)
        return False
    return True


def _remedy(name: str, revoked: bool | None, shared: bool) -> str | None:
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
    )
