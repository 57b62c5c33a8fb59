"""Repositories at GitHub, as services come to them: by the platform's app, where it is installed
and somebody who may push has added the repository, else for the account that they were added with.

That the app is installed at an owner gives nobody here that owner's repositories: for an
organization it reads, and does, what an account of somebody in it was seen to be allowed there.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.errors import RepositoryNotFound
from autodeploy.kernel.http.errors import CredentialRefused, ProviderRefused, ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.providers.github import shapes
from autodeploy.providers.github.api import GitHubAccount
from autodeploy.providers.github.app import NotInstalled, ProvenRepository
from autodeploy.providers.github.installations import InstallationCredential
from autodeploy.providers.github.reports import Reports
from autodeploy.providers.github.sources import Sources
from autodeploy.providers.github.webhooks import Webhooks
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.providers.sources import SourceHosting
from autodeploy.services.analyzer import store
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.token_connections import open_account

#: The provider whose repositories are of the kind ``github``.
GITHUB = RepositoryKind.GITHUB.value


@dataclass(frozen=True)
class HostedRepository:
    """A repository at GitHub by the name that it has now, and who acts there: an account, or the
    platform's app by the installation ``installation_id``.

    ``url`` is where people and git find it.
    """

    account: GitHubAccount
    there: shapes.Repository
    url: str
    installation_id: int | None = None

    @property
    def sources(self) -> Sources:
        return self.account.sources(self.there.full_name)

    @property
    def webhooks(self) -> Webhooks:
        return self.account.webhooks(self.there.full_name)

    @property
    def reports(self) -> Reports:
        return self.account.reports(self.there.full_name)


async def open_host(
    resources: Resources, providers: Registry, repository: Repository
) -> HostedRepository | None:
    """The repository at its host: acting by the installation of the platform's app where one stands
    for it, else for its connection. It is found by its number there, and what has changed since
    (its name, its default branch) is stored.

    None where it is not at GitHub, or nobody acts for it there.

    Raises:
        RepositoryNotFound: it is gone, or the account does not see it.
        Also what ``GitHubAccount`` raises: ``CredentialRefused``, ``ProviderUnavailable``.
    """
    try:
        installed = await _open_by_installation(resources, providers, repository)
    except ProviderUnavailable:
        # The account may do meanwhile. Where it does not either, this is what it takes to wait for.
        with suppress(CredentialRefused, RepositoryNotFound):
            by_account = await open_by_account(resources, providers, repository)
            if by_account is not None:
                return by_account
        raise
    return installed or await open_by_account(resources, providers, repository)


async def _open_by_installation(
    resources: Resources, providers: Registry, repository: Repository
) -> HostedRepository | None:
    """None where no installation stands for it. Raises ``ProviderUnavailable``."""
    credential = None
    if _has_app(providers):
        async with resources.db.transaction() as session:
            # As it is stored, and only for who may read it: that the app may is no reason to.
            row = await store.find_any_repository(session, repository.id)
        credential = None if row is None else _credential(providers, row)
    host = None if credential is None else await _look(providers.sources(GITHUB), credential)
    if host is None:
        await _store(resources, repository, {"github_installation_id": None})
        return None
    found = {**facts_of(host), "github_installation_id": host.installation_id}
    await _store(resources, repository, found)
    return host


async def _look(
    hosting: SourceHosting, credential: InstallationCredential
) -> HostedRepository | None:
    """The repository as the installation sees it. What is known of the installation may be old, so
    that it does not see it is found out twice."""
    acting, proven = hosting.sources_by(credential), credential.proven
    for is_last in (False, True):
        try:
            there = await acting.known_repository(proven.id, proven.full_name)
        except NotInstalled:
            return None
        except (NotFound, CredentialRefused, ProviderRefused):
            if not is_last:
                credential.look_again()
            continue
        # A token that sees its repository sees what is public, too, whoever's that is by now.
        if there.owner is None or there.owner.id != proven.owner_id:
            return None
        url = hosting.url_of(there.full_name)
        return HostedRepository(acting, there, url, credential.installation_id)
    credential.give_up()
    return None


async def open_by_account(
    resources: Resources, providers: Registry, repository: Repository
) -> HostedRepository | None:
    """As ``open_host``, acting for the connection alone. That its account sees the repository, and
    what it may do there, is stored as proven."""
    if repository.kind != RepositoryKind.GITHUB or repository.github_id is None:
        return None
    account = await open_account(resources, repository.connection_id, providers=providers)
    if account is None or not providers.can(GITHUB, Capability.SOURCE):
        return None
    hosting = providers.sources(GITHUB)
    acting = hosting.sources_as(account)
    try:
        there = await acting.known_repository(repository.github_id, repository.full_name)
    except NotFound:
        raise _out_of_sight(providers, repository) from None
    host = HostedRepository(acting, there, hosting.url_of(there.full_name))
    await _store(resources, repository, facts_of(host), seen=there)
    return host


async def find_host(
    resources: Resources, providers: Registry, repository: Repository
) -> HostedRepository | None:
    """As ``open_host``. None is for what git reads without an account, as it does public ones
    whose account is gone: raises ``AccountMissing`` for a private one.
    """
    host = await open_host(resources, providers, repository)
    if host is None and repository.kind == RepositoryKind.GITHUB and repository.private:
        raise nobody_acts(providers, repository)
    return host


def nobody_acts(providers: Registry, repository: Repository) -> AccountMissing:
    """The error of a repository at GitHub for which neither an account nor the app acts."""
    missing = f"No account at GitHub is connected any more by which {repository.full_name} is read."
    connect = (
        "connect an account that sees it, `autodeploy connections add github`, and add the "
        f"repository again: `autodeploy deploy {repository.full_name}`."
    )
    if not _has_app(providers):
        return AccountMissing(missing, remedy=connect[0].upper() + connect[1:])
    return AccountMissing(
        f"{missing} {_why_not_by_app(providers, repository)}".strip(),
        remedy="Install the platform's GitHub App at the owner of the repository, for the "
        f"repository and with the permissions that it asks for; or {connect}",
    )


def _why_not_by_app(providers: Registry, repository: Repository) -> str:
    """Why the app does not act for it; empty where there is none, or it is not known."""
    if not _has_app(providers):
        return ""
    credential = _credential(providers, repository)
    if credential is None:
        return (
            "The platform's GitHub App does not act for it either: no account that may push to it "
            "was seen since."
        )
    return credential.why_absent or ""


def look_again(providers: Registry, repository: Repository) -> None:
    """Forget that no installation stood for a repository: somebody has just come with it."""
    credential = _credential(providers, repository)
    if credential is not None and credential.why_absent is not None:
        credential.look_again()


def _has_app(providers: Registry) -> bool:
    return providers.can(GITHUB, Capability.SOURCE) and providers.sources(GITHUB).has_app()


def _credential(providers: Registry, repository: Repository) -> InstallationCredential | None:
    """What lets the app act for the repository, within what an account has proven of it."""
    if (
        repository.kind != RepositoryKind.GITHUB
        or repository.github_id is None
        or repository.github_owner_id is None
        or repository.github_access is None
        or not providers.can(GITHUB, Capability.SOURCE)
    ):
        return None
    return providers.sources(GITHUB).installed(
        ProvenRepository(
            id=repository.github_id,
            owner_id=repository.github_owner_id,
            access=shapes.Access(repository.github_access),
            full_name=repository.full_name,
        )
    )


def proof_of(there: shapes.Repository, known: Repository | None) -> dict[str, str | int]:
    """What it proves that an account has looked at the repository, for its row. It stays proven
    after the account: less is stored only of another owner."""
    access = there.permissions.access
    if there.owner is None:
        return {}
    if known is not None and known.github_owner_id == there.owner.id and known.github_access:
        access = max(access, shapes.Access(known.github_access), key=list(shapes.Access).index)
    return {"github_owner_id": there.owner.id, "github_access": access.value}


def facts_of(host: HostedRepository) -> dict[str, str | bool]:
    """What a row keeps of a repository at GitHub, and what may change there."""
    return {
        "full_name": host.there.full_name[-255:],
        "url": host.url,
        "default_branch": host.there.default_branch,
        "private": host.there.private,
    }


async def _store(
    resources: Resources,
    repository: Repository,
    now_there: Mapping[str, str | int | bool | None],
    *,
    seen: shapes.Repository | None = None,
) -> None:
    """Store what has changed at the host, in the row and in ``repository``; ``seen`` is what an
    account was shown there, which proves it."""

    def of(known: Repository) -> dict[str, str | int | bool | None]:
        return {**now_there, **(proof_of(seen, known) if seen is not None else {})}

    if all(getattr(repository, name) == value for name, value in of(repository).items()):
        return
    async with resources.db.transaction() as session:
        row = await store.find_any_repository(session, repository.id)
        if row is None:
            return
        before = audit.snapshot(row)
        # More may have been proven since ``repository`` was read.
        for name, value in of(row).items():
            setattr(row, name, value)
            setattr(repository, name, value)
        await audit.record(
            session,
            audit.SYSTEM,
            Action.REPOSITORY_UPDATE,
            row,
            before=before,
            after=audit.snapshot(row),
        )


def _out_of_sight(providers: Registry, repository: Repository) -> RepositoryNotFound:
    hidden = (
        f"GitHub does not show {repository.full_name} to the account that it was added with: it is "
        "deleted, or the account may not see it any more."
    )
    return RepositoryNotFound(
        f"{hidden} {_why_not_by_app(providers, repository)}".strip(),
        remedy="Give the account access again; or connect one that has it, `autodeploy connections "
        f"add github`, and add the repository again: `autodeploy deploy {repository.full_name}`.",
    )
