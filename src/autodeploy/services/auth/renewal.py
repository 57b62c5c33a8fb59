"""Access that expires is renewed before it does.

What renews it works once, so a connection is renewed by one caller at a time, who holds its row,
and what the provider answered is stored whatever happens to the caller. Where the answer itself
is lost, the next one asks again with what is stored: that renews where the provider never heard
of it, and else is refused, and the connection has failed until its user connects it again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import CredentialRefused, ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import VaultError
from autodeploy.providers.identity import Grant, ProviderMisconfigured, RenewingProvider
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connections import remedy_of
from autodeploy.services.auth.grants import open_grant, seal_tokens
from autodeploy.services.auth.models import ProviderIntegration

#: Access that ends sooner than this is renewed.
RENEWED_BEFORE = timedelta(minutes=15)

_AT_ONCE = 4
_MOST = 100
# How long what a provider answered is held for PostgreSQL and the vault to be back: it is nowhere
# else, and what it was asked with is spent.
_STORING_SECONDS = (0.2, 1.0, 2.0, 4.0, 8.0)

_Answer = TypeVar("_Answer")

# Renewals under way: they end by themselves, also when nobody waits for them any more.
_under_way: set["asyncio.Task[ProviderIntegration | None]"] = set()

_log = structlog.get_logger(__name__)


async def renew_due(resources: Resources, providers: Registry) -> None:
    """Renew every access that is about to expire; what a provider does not answer waits."""
    async with resources.db.transaction() as session:
        due = await session.scalars(
            select(ProviderIntegration)
            .where(
                ProviderIntegration.expires_at < now() + RENEWED_BEFORE,
                ProviderIntegration.encrypted_refresh_token.is_not(None),
            )
            .order_by(ProviderIntegration.expires_at)
            .limit(_MOST)
        )
        rows = list(due)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def renew(row: ProviderIntegration) -> None:
        async with slots:
            try:
                await keep_fresh(resources, row, providers)
            except AutoDeployError as error:
                _log.warning("connection.not_renewed", provider=row.provider, reason=error.message)

    await asyncio.gather(*map(renew, rows))


async def keep_fresh(
    resources: Resources, row: ProviderIntegration, providers: Registry
) -> ProviderIntegration | None:
    """The connection, renewed where its access is about to end; None when it is gone meanwhile.

    While the access lasts, that it could not be renewed is no error. Afterwards raises
    ``CredentialRefused``, or ``ProviderUnavailable`` and ``ProviderMisconfigured`` where it may
    be renewed yet.
    """
    if not ends_soon(row):
        return row
    renewal = providers.find_renewal(row.provider)
    fresh: ProviderIntegration | None = row
    if renewal is not None and row.encrypted_refresh_token is not None:
        # A caller that is cancelled, such as a deployment, must not lose the answer.
        task = asyncio.create_task(_renew(resources, renewal, row.id))
        _under_way.add(task)
        task.add_done_callback(_under_way.discard)
        try:
            fresh = await asyncio.shield(task)
        except (ProviderUnavailable, ProviderMisconfigured):
            if _has_ended(row):
                raise
    if fresh is not None and _has_ended(fresh):
        raise CredentialRefused(
            f"The access to {fresh.provider} has expired and is not renewed.",
            remedy=remedy_of(fresh.provider),
        )
    return fresh


async def _renew(
    resources: Resources, renewal: RenewingProvider, connection_id: UUID
) -> ProviderIntegration | None:
    """The connection, renewed unless another has done so; marked where that is refused."""
    answered: _Renewed | None = None
    try:
        async with resources.db.transaction() as session:
            row = await session.scalar(
                select(ProviderIntegration)
                .where(ProviderIntegration.id == connection_id)
                .with_for_update(key_share=True)
            )
            if row is None or row.encrypted_refresh_token is None or not ends_soon(row):
                return row
            try:
                grant = await _ask(renewal, await open_grant(resources, row))
            except (CredentialRefused, VaultError) as error:
                mark_failed(row, error)
                row.encrypted_refresh_token = None  # it is spent or of no use
                return row
            answered = await _Renewed.seal(resources, row, grant)
            return await answered.store(session)
    except Unavailable:
        if answered is None:
            raise
        return await _insist(lambda: _store_anew(resources, answered))


@fault_point("auth.renew_access")
async def _ask(renewal: RenewingProvider, grant: Grant) -> Grant:
    return await renewal.refresh(grant)


class _Renewed:
    """What a provider answered, sealed; ``before`` is the token that it is to stand in place of."""

    def __init__(self, row_id: UUID, before: str, columns: dict[str, object]):
        self.row_id = row_id
        self._before = before
        self._columns = columns

    @classmethod
    async def seal(cls, resources: Resources, row: ProviderIntegration, grant: Grant) -> "_Renewed":
        user_id, provider, row_id, details = row.user_id, row.provider, row.id, row.details
        tokens = await _insist(lambda: seal_tokens(resources, user_id, provider, row_id, grant))
        return cls(
            row_id,
            row.encrypted_token,
            {
                "encrypted_token": tokens.token,
                "encrypted_refresh_token": tokens.refresh_token,
                "expires_at": grant.expires_at,
                "details": {**(details or {}), **grant.details},
                "failed_at": None,
                "failure": None,
                "failure_told_at": None,
            },
        )

    async def store(self, session: AsyncSession) -> ProviderIntegration | None:
        """The connection with these; None where it holds others by now, or is gone."""
        renewed: ProviderIntegration | None = await session.scalar(
            update(ProviderIntegration)
            .where(
                ProviderIntegration.id == self.row_id,
                ProviderIntegration.encrypted_token == self._before,
            )
            .values(self._columns)
            .returning(ProviderIntegration)
            .execution_options(populate_existing=True)
        )
        return renewed


async def _store_anew(resources: Resources, answered: _Renewed) -> ProviderIntegration | None:
    """Store in another transaction what the first one was lost with, if it was."""
    async with resources.db.transaction() as session:
        return await answered.store(session) or await session.get(
            ProviderIntegration, answered.row_id
        )


async def _insist(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    for pause in _STORING_SECONDS:
        try:
            return await call()
        except Unavailable:
            await asyncio.sleep(pause)
    return await call()


def mark_failed(row: ProviderIntegration, error: AutoDeployError) -> None:
    """The provider accepts the connection no more; since when, stays as it was first seen."""
    if row.failed_at is None:
        row.failed_at = now()
    row.failure = error.message


def ends_soon(row: ProviderIntegration) -> bool:
    """Whether its access is to be renewed now."""
    return row.expires_at is not None and row.expires_at < now() + RENEWED_BEFORE


def _has_ended(row: ProviderIntegration) -> bool:
    return row.expires_at is not None and row.expires_at <= now()
