"""Accounts that users have connected: what is stored of them, listed, and taken away again."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.vault import VaultError
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
from autodeploy.services.auth.oauth_schemas import (
    ConnectionFailure,
    ConnectionView,
    Disconnected,
    OwnerView,
)
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope

#: What the details of a connection say whose token somebody has made in the provider's console.
BY_TOKEN = "byToken"  # noqa: S105 - a name, not a token

_log = structlog.get_logger(__name__)


class Earlier(NamedTuple):
    """A connection that another took the place of; ``grant`` is None where it does not open."""

    subject: str | None
    grant: Grant | None


class SealedTokens(NamedTuple):
    """The tokens of a connection, as its row holds them."""

    token: str
    refresh_token: str | None


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
    row, earlier = None, None
    async with resources.db.transaction() as session:
        await lock_user(session, user_id)
        if provider.signs_in:
            await identities.link(session, principal, user_id, provider, account)
        if grant is not None:
            row, earlier = await store_grant(
                resources, session, principal, provider.name, account, grant
            )
        linked = {each.provider: each for each in await identities.find(session, user_id)}
        view = view_of(provider.name, linked.get(provider.name), row)
    if earlier is not None and grant is not None:
        await _end_earlier(provider, earlier, by=grant, of=account)
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


async def store_grant(
    resources: Resources,
    session: AsyncSession,
    principal: Principal,
    provider: str,
    account: Account,
    grant: Grant,
) -> tuple[ProviderIntegration, Earlier | None]:
    """Store what an account granted; the user's row is locked. Of the same account it keeps the
    row, and with it all that acts by it; of another one there is a new row."""
    present = await find(session, principal.user_id, provider, lock=True)
    earlier, before, row_id = None, None, uuid4()
    if present is not None:
        before = audit.snapshot(present)
        earlier = Earlier(present.external_id, await _open_or_none(resources, present))
        if owner_of(present.details) == owner_of(grant.details) and (
            present.external_id == account.subject
        ):
            row_id = present.id
        else:
            await session.delete(present)
            await session.flush()
    made = await _seal(resources, principal.user_id, provider, account, grant, row_id)
    row = await session.merge(made)
    await session.flush()
    await audit.record(
        session,
        principal,
        audit.OwnAction.CONNECT,
        row,
        before=before,
        after=audit.snapshot(row),
    )
    return row, earlier


async def _seal(
    resources: Resources,
    user_id: UUID,
    provider: str,
    account: Account,
    grant: Grant,
    row_id: UUID,
) -> ProviderIntegration:
    """The row of a connection that works, as far as is known: it is checked soon."""
    tokens = await seal_tokens(resources, user_id, provider, row_id, grant)
    return ProviderIntegration(
        id=row_id,
        user_id=user_id,
        provider=provider,
        external_id=account.subject,
        encrypted_token=tokens.token,
        encrypted_refresh_token=tokens.refresh_token,
        expires_at=grant.expires_at,
        scopes=list(grant.scopes),
        missing=list(grant.missing),
        details={**grant.details, "accountName": account.name},
        failed_at=None,
        failure=None,
        failure_told_at=None,
        checked_at=None,
        check_due_at=now(),
        created_at=now(),
    )


async def seal_tokens(
    resources: Resources, user_id: UUID, provider: str, row_id: UUID, grant: Grant
) -> SealedTokens:
    """The tokens of a grant, which open for this user, provider and row alone."""

    async def sealed(column: InstrumentedAttribute[Any], token: str) -> str:
        place = place_of(column, user_id=user_id, provider=provider, id=row_id)
        return await resources.vault.encrypt_for(place.subject, token, context=place.context)

    kind, renewing = ProviderIntegration, grant.refresh_token
    return SealedTokens(
        await sealed(kind.encrypted_token, grant.token),
        await sealed(kind.encrypted_refresh_token, renewing) if renewing else None,
    )


async def open_grant(resources: Resources, row: ProviderIntegration) -> Grant:
    """The grant of a stored connection, to renew or to end it. Raises ``VaultError``."""

    async def opened(column: InstrumentedAttribute[Any], sealed: str) -> str:
        place = place_of(column, user_id=row.user_id, provider=row.provider, id=row.id)
        return await resources.vault.decrypt_for(place.subject, sealed, context=place.context)

    kind, renewing = ProviderIntegration, row.encrypted_refresh_token
    return Grant(
        token=await opened(kind.encrypted_token, row.encrypted_token),
        refresh_token=await opened(kind.encrypted_refresh_token, renewing) if renewing else None,
        details=row.details or {},
    )


async def _open_or_none(resources: Resources, row: ProviderIntegration) -> Grant | None:
    try:
        return await open_grant(resources, row)
    except VaultError as error:
        _log.warning("an earlier token lives on", provider=row.provider, reason=error.message)
        return None


async def find(
    session: AsyncSession, user_id: UUID, provider: str, *, lock: bool = False
) -> ProviderIntegration | None:
    """The user's connection to a provider; ``lock`` waits for whoever renews it."""
    query = select(ProviderIntegration).where(
        ProviderIntegration.user_id == user_id, ProviderIntegration.provider == provider
    )
    return await session.scalar(query.with_for_update(key_share=True) if lock else query)


def owner_of(details: Mapping[str, Any] | None) -> str | None:
    """Whose things a connection is for: chosen with a token, or told by a consent page."""
    told = details or {}
    chosen: Mapping[str, str] = told.get("owner") or {}
    return chosen.get("id") or told.get("teamId") or told.get("organizationSlug")


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
    try:
        if earlier.subject == of.subject:
            await provider.retire(grant)
        else:
            await provider.revoke(grant)
    except AutoDeployError as error:
        _log.warning("an earlier token lives on", provider=provider.name, reason=error.message)


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


def remedy_of(provider: str) -> str:
    """What a user does about a connection that has failed."""
    return (
        f"Connect the account again, at its page or with a new token "
        f"(`autodeploy connections add {provider}`). What is deployed there keeps running."
    )
