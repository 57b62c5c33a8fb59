"""Whether connections work: their providers are asked from time to time, their users told once."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.mail import MailNotSent, NoMailServer
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import VaultError
from autodeploy.providers.hosted import TokenAccount, TokenCheck
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connections import remedy_of
from autodeploy.services.auth.grants import open_grant
from autodeploy.services.auth.mails import connection_failed_mail
from autodeploy.services.auth.models import ProviderIntegration, User
from autodeploy.services.auth.renewal import ends_soon, keep_fresh, mark_failed

_EVERY = timedelta(days=1)
# After a provider that did not answer, or does not tell.
_AGAIN_AFTER = timedelta(minutes=15)
_MOST = 40
_AT_ONCE = 4

_log = structlog.get_logger(__name__)


async def look_after_connections(resources: Resources, providers: Registry) -> None:
    """Check the connections that are due, and tell of those that have failed."""
    await check_due(resources, providers)
    await tell_of_failures(resources)


async def doubt(resources: Resources, connection_ids: Collection[UUID]) -> None:
    """Have connections checked soon: a provider refused what was done by them."""
    async with resources.db.transaction() as session:
        await session.execute(
            update(ProviderIntegration)
            .where(ProviderIntegration.id.in_(connection_ids))
            .values(check_due_at=now())
        )


async def check_due(resources: Resources, providers: Registry) -> None:
    """Ask the providers of the connections that are due whether they accept them."""
    async with resources.db.transaction() as session:
        due = await session.scalars(
            select(ProviderIntegration)
            .where(ProviderIntegration.check_due_at <= now())
            .order_by(ProviderIntegration.check_due_at)
            .limit(_MOST)
        )
        rows = list(due)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def check(row: ProviderIntegration) -> None:
        async with slots:
            await _check(resources, row, providers)

    await asyncio.gather(*map(check, rows))


async def _check(resources: Resources, row: ProviderIntegration, providers: Registry) -> None:
    """Ask about one connection, and keep the answer if it is about what is stored still."""
    checking = providers.find_token_check(row.provider)
    fresh: ProviderIntegration | None = row
    found: TokenAccount | AutoDeployError | None
    try:
        fresh = await keep_fresh(resources, row, providers)
        found = None
        if fresh is not None and checking is not None:
            found = await _ask(resources, fresh, checking)
    except AutoDeployError as error:
        found = error
    async with resources.db.transaction() as session:
        present = await session.get(
            ProviderIntegration, row.id, with_for_update={"key_share": True}
        )
        if present is None or fresh is None or present.encrypted_token != fresh.encrypted_token:
            return  # what holds now is checked when it is due
        _keep(present, found)


async def _ask(
    resources: Resources, row: ProviderIntegration, checking: TokenCheck
) -> TokenAccount | AutoDeployError:
    try:
        grant = await open_grant(resources, row)
    except VaultError as error:
        return CredentialRefused(error.message)
    return await checking.check_token(grant.token)


def _keep(row: ProviderIntegration, found: TokenAccount | AutoDeployError | None) -> None:
    row.check_due_at = now() + _EVERY
    match found:
        case TokenAccount(missing=missing):
            row.checked_at = now()
            row.missing = list(missing)
            if not _runs_out(row):
                row.failed_at = row.failure = row.failure_told_at = None
        case CredentialRefused():
            row.checked_at = now()
            mark_failed(row, found)
        case AutoDeployError():
            row.check_due_at = now() + _AGAIN_AFTER
            _log.warning("connection.not_checked", provider=row.provider, reason=found.message)


def _runs_out(row: ProviderIntegration) -> bool:
    """Whether it works for some minutes yet, and cannot be renewed any more."""
    return ends_soon(row) and row.encrypted_refresh_token is None


async def tell_of_failures(resources: Resources) -> None:
    """Write to the users whose connections have failed, to each once.

    One process at a time does this. One that dies right after a mail writes it again: told twice
    is better than not told.
    """
    async with resources.db.transaction() as session:
        untold = await session.execute(
            select(ProviderIntegration, User)
            .join(User, User.id == ProviderIntegration.user_id)
            .where(
                ProviderIntegration.failed_at.is_not(None),
                ProviderIntegration.failure_told_at.is_(None),
            )
            # What fails anew goes before what no server took so far.
            .order_by(ProviderIntegration.failed_at.desc())
            .limit(_MOST)
        )
        pairs = [(row, user) for row, user in untold]
    for row, user in pairs:
        mail = connection_failed_mail(
            resources.public_url,
            user.email,
            provider=row.provider,
            account=(row.details or {}).get("accountName"),
            reason=row.failure or "",
            remedy=remedy_of(row.provider),
        )
        try:
            await resources.mail.send(mail)
        except NoMailServer:
            return  # the list of connections tells
        except MailNotSent as error:
            _log.warning("mail.not_sent", code=error.code, reason=error.message)
            continue
        async with resources.db.transaction() as session:
            await session.execute(
                update(ProviderIntegration)
                .where(
                    ProviderIntegration.id == row.id,
                    ProviderIntegration.failed_at == row.failed_at,
                )
                .values(failure_told_at=now())
            )
