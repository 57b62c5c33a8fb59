"""Adding repositories at GitHub: for the account of the caller there, once for an organization."""

import re
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.errors import RepositoryNeedsCredentials, RepositoryNotFound
from autodeploy.kernel.git.urls import RemoteUrl
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.resources import Resources
from autodeploy.providers.hosted import AccountMissing, ConnectedAccount
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import store
from autodeploy.services.analyzer.hosts import (
    GITHUB,
    HostedRepository,
    facts_of,
    look_again,
    open_by_account,
    proof_of,
)
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth import audit, grants
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account

_SHORT_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")


def spelled_out(url: str, providers: Registry) -> str:
    """``owner/name`` as the URL of that repository at GitHub; any other text as it is."""
    short = url.strip()
    if _SHORT_FORM.fullmatch(short) and providers.can(GITHUB, Capability.SOURCE):
        return providers.sources(GITHUB).url_of(short)
    return url


def name_at_github(url: RemoteUrl, providers: Registry) -> str | None:
    """``owner/name`` where the URL names a repository at GitHub."""
    known = providers.can(GITHUB, Capability.SOURCE)
    return providers.sources(GITHUB).name_in(url) if known else None


async def own_account(
    resources: Resources, principal: Principal, providers: Registry
) -> ConnectedAccount | None:
    """The account at GitHub that the caller has connected."""
    if principal.account_id is None:
        return None
    async with resources.db.transaction() as session:
        connection = await grants.find(session, principal.account_id, GITHUB)
    if connection is None:
        return None
    return await open_account(resources, connection.id, providers=providers)


def nobody_sees(full_name: str) -> RepositoryNeedsCredentials:
    """The refusal of a repository that GitHub does not show without an account."""
    return RepositoryNeedsCredentials(
        f"GitHub shows {full_name} to nobody without an account: it is private, or there is none.",
        field="url",
        remedy="Check the name. For a private repository, connect your account at GitHub: "
        "`autodeploy connections add github`.",
    )


async def add_from_github(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    full_name: str,
    url: RemoteUrl,
    *,
    providers: Registry,
) -> Repository | None:
    """The organization's row of a repository at GitHub: the one that is there, or a new one.

    One that was added by git alone becomes it. None where the caller has no account at GitHub and
    it was not added before.

    Raises:
        RepositoryNotFound: the account does not see it.
        Also what ``GitHubAccount`` raises: ``CredentialRefused``, ``ProviderUnavailable``.
    """
    hosting = providers.sources(GITHUB)
    async with resources.db.transaction() as session:
        known = await store.find_github_repository(
            session, organization_id, url=hosting.url_of(full_name)
        )
    account = await own_account(resources, principal, providers)
    if account is None:
        return known
    acting = hosting.sources_as(account)
    try:
        there = await acting.repository(full_name)
    except NotFound:
        if known is not None:
            return known
        raise _not_shown(full_name) from None
    host = HostedRepository(acting, there, hosting.url_of(there.full_name))
    async with resources.db.transaction() as session:
        present = await store.find_github_repository(session, organization_id, github_id=there.id)
    connection_id = account.connection_id
    if present is not None and await _still_reads(resources, providers, present):
        connection_id = present.connection_id or connection_id
    async with resources.db.transaction() as session:
        await _require_connected(session, connection_id)
        row = await _ensure_row(session, principal, organization_id, host, url, connection_id)
    look_again(providers, row)
    return row


async def _still_reads(resources: Resources, providers: Registry, present: Repository) -> bool:
    """Whether the account that it was added with still sees the repository."""
    try:
        return await open_by_account(resources, providers, present) is not None
    except (CredentialRefused, RepositoryNotFound):
        return False


async def _require_connected(session: AsyncSession, connection_id: UUID) -> None:
    """Raises ``AccountMissing`` where the account was disconnected meanwhile."""
    found = select(ProviderIntegration.id).where(ProviderIntegration.id == connection_id)
    if await session.scalar(found) is None:
        raise AccountMissing(
            "The account at GitHub was disconnected meanwhile.",
            remedy="Connect it again: `autodeploy connections add github`.",
        )


async def _ensure_row(
    session: AsyncSession,
    principal: Principal,
    organization_id: UUID,
    host: HostedRepository,
    url: RemoteUrl,
    connection_id: UUID,
) -> Repository:
    values: dict[str, object] = {**facts_of(host), "connection_id": connection_id}
    row = await store.find_github_repository(
        session, organization_id, github_id=host.there.id, lock=True
    )
    if row is None:
        row = await store.find_git_repository(
            session, organization_id, url.text, host.url, lock=True
        )
    if row is None:
        language = (host.there.language or "")[:100] or None
        row, is_new = await store.insert_github_repository(
            session,
            organization_id,
            host.there.id,
            {**values, **proof_of(host.there, None), "language": language},
        )
        if is_new:
            await audit.record(
                session, principal, Action.REPOSITORY_CREATE, row, after=audit.snapshot(row)
            )
            return row
    before = audit.snapshot(row)
    values |= {**proof_of(host.there, row), "kind": GITHUB, "github_id": host.there.id}
    for name, value in values.items():
        setattr(row, name, value)
    await session.flush()
    await session.refresh(row)
    await audit.record(
        session,
        principal,
        Action.REPOSITORY_CREATE,
        row,
        before=before,
        after=audit.snapshot(row),
    )
    return row


def _not_shown(full_name: str) -> RepositoryNotFound:
    return RepositoryNotFound(
        f"GitHub has no repository {full_name}, or does not show it to your account there.",
        field="url",
        remedy="Check the name; `autodeploy repositories list --github` shows what the account "
        "sees. An organization may have to allow this platform, or the token, first.",
    )
