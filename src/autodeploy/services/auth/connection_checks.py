"""Whether connections work: their providers are asked from time to time, their users told once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.mail import Mail, MailNotSent, NoMailServer
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import VaultError
from autodeploy.providers.hosted import TokenAccount, TokenCheck
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connections import lacking, remedy_of
from autodeploy.services.auth.grants import open_grant
from autodeploy.services.auth.mails import connection_failed_mail, connection_lacks_mail
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


@asynccontextmanager
async def doubting(resources: Resources, connection_id: UUID | None) -> AsyncIterator[None]:
    """What is done by a connection inside: where its provider refuses it, it is in doubt."""
    try:
        yield
    except CredentialRefused:
        if connection_id is not None:
            await doubt(resources, [connection_id])
        raise


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
            _keep_missing(row, missing)
            if not _runs_out(row):
                row.failed_at = row.failure = row.failure_told_at = None
        case CredentialRefused():
            row.checked_at = now()
            mark_failed(row, found)
        case AutoDeployError():
            row.check_due_at = now() + _AGAIN_AFTER
            _log.warning("connection.not_checked", provider=row.provider, reason=found.message)


def _keep_missing(row: ProviderIntegration, missing: Sequence[str]) -> None:
    """What was lost since the last check is told; what was not granted when the account was
    connected is known to who has connected it."""
    if not missing:
        row.missing_since = row.missing_told_at = None
    elif not set(missing) <= set(row.missing):
        row.missing_since, row.missing_told_at = now(), None
    row.missing = list(missing)


def _runs_out(row: ProviderIntegration) -> bool:
    """Whether it works for some minutes yet, and cannot be renewed any more."""
    return ends_soon(row) and row.encrypted_refresh_token is None


@dataclass(frozen=True)
class _Trouble:
    """What users are told of once: ``since`` says that it is so, ``told_at`` that they know."""

    since: InstrumentedAttribute[datetime | None]
    told_at: InstrumentedAttribute[datetime | None]
    reason: Callable[[ProviderIntegration], str]
    mail: Callable[..., Mail]


_TROUBLES = (
    _Trouble(
        ProviderIntegration.failed_at,
        ProviderIntegration.failure_told_at,
        lambda row: row.failure or "",
        connection_failed_mail,
    ),
    _Trouble(
        ProviderIntegration.missing_since,
        ProviderIntegration.missing_told_at,
        lacking,
        connection_lacks_mail,
    ),
)


async def tell_of_failures(resources: Resources) -> None:
    """Write to the users whose connections have failed or lost rights, to each once.

    One process at a time does this. One that dies right after a mail writes it again: told twice
    is better than not told.
    """
    try:
        for trouble in _TROUBLES:
            await _tell_of(resources, trouble)
    except NoMailServer:
        return  # the list of connections tells


async def _tell_of(resources: Resources, trouble: _Trouble) -> None:
    """Raises ``NoMailServer``."""
    async with resources.db.transaction() as session:
        untold = await session.execute(
            select(ProviderIntegration, User, trouble.since)
            .join(User, User.id == ProviderIntegration.user_id)
            .where(trouble.since.is_not(None), trouble.told_at.is_(None))
            # What fails anew goes before what no server took so far.
            .order_by(trouble.since.desc())
            .limit(_MOST)
        )
        found = [(row, user, since) for row, user, since in untold]
    for row, user, since in found:
        mail = trouble.mail(
            resources.public_url,
            user.email,
            provider=row.provider,
            account=(row.details or {}).get("accountName"),
            reason=trouble.reason(row),
            remedy=remedy_of(row.provider),
        )
        try:
            await resources.mail.send(mail)
        except MailNotSent as error:
            _log.warning("mail.not_sent", code=error.code, reason=error.message)
            continue
        async with resources.db.transaction() as session:
            await session.execute(
                update(ProviderIntegration)
                .where(ProviderIntegration.id == row.id, trouble.since == since)
                .values({trouble.told_at: now()})
            )
