"""What accounts have granted: sealed, stored in one row a user and provider, and opened again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import VaultError
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.identity import (
    Account,
    Grant,
)
from autodeploy.services.auth import audit
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.principal import Principal

#: What the details of a connection say whose token somebody has made in the provider's console.
BY_TOKEN = "byToken"  # noqa: S105 - a name, not a token

#: Refuses that a connection goes: what acts by it is known further up (``connection_use``).
Guard = Callable[[AsyncSession, ProviderIntegration], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Earlier(NamedTuple):
    """A connection that another took the place of; ``grant`` is None where it does not open."""

    subject: str | None
    grant: Grant | None


class SealedTokens(NamedTuple):
    """The tokens of a connection, as its row holds them."""

    token: str
    refresh_token: str | None


async def store_grant(
    resources: Resources,
    session: AsyncSession,
    principal: Principal,
    provider: str,
    account: Account,
    grant: Grant,
    *,
    guard: Guard | None = None,
) -> tuple[ProviderIntegration, Earlier | None]:
    """Store what an account granted; the user's row is locked. Of the same account it keeps the
    row, and with it all that acts by it; of another one there is a new row, unless ``guard``
    refuses that. Raises as that does."""
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
            if guard is not None:
                await guard(session, present)
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
        missing_since=None,
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


async def find_all(session: AsyncSession, user_id: UUID) -> Sequence[ProviderIntegration]:
    """The user's connections, by provider."""
    found = await session.scalars(
        select(ProviderIntegration)
        .where(ProviderIntegration.user_id == user_id)
        .order_by(ProviderIntegration.provider)
    )
    return found.all()


def owner_of(details: Mapping[str, Any] | None) -> str | None:
    """Whose things a connection is for: chosen with a token, or told by a consent page."""
    told = details or {}
    chosen: Mapping[str, str] = told.get("owner") or {}
    return chosen.get("id") or told.get("teamId") or told.get("organizationSlug")
