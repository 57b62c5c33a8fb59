"""Repositories at GitHub, as services come to them: for the account that they were added with."""

from dataclasses import dataclass

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.errors import RepositoryNotFound
from autodeploy.kernel.resources import Resources
from autodeploy.providers.github import shapes
from autodeploy.providers.github.api import GitHubAccount
from autodeploy.providers.github.reports import Reports
from autodeploy.providers.github.sources import Sources
from autodeploy.providers.github.webhooks import Webhooks
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import store
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.token_connections import open_account

#: The provider whose repositories are of the kind ``github``.
GITHUB = RepositoryKind.GITHUB.value


@dataclass(frozen=True)
class HostedRepository:
    """A repository at GitHub by the name that it has now, and the account that acts there.

    ``url`` is where people and git find it; ``there.permissions`` says what the account may do:
    ``admin`` is needed for webhooks.
    """

    account: GitHubAccount
    there: shapes.Repository
    url: str

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
    """The repository at its host, acting for its connection. It is found by its number there, and
    what has changed since (its name, its default branch) is stored.

    None where it is not at GitHub, or its account is not connected any more.

    Raises:
        RepositoryNotFound: it is gone, or the account does not see it.
        Also what ``GitHubAccount`` raises: ``CredentialRefused``, ``ProviderUnavailable``.
    """
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
        raise _out_of_sight(repository) from None
    host = HostedRepository(acting, there, hosting.url_of(there.full_name))
    await _follow(resources, repository, host)
    return host


async def find_host(
    resources: Resources, providers: Registry, repository: Repository
) -> HostedRepository | None:
    """As ``open_host``. None is for what git reads without an account, as it does public ones
    whose account is gone: raises ``AccountMissing`` for a private one.
    """
    host = await open_host(resources, providers, repository)
    if host is None and repository.kind == RepositoryKind.GITHUB and repository.private:
        raise AccountMissing(
            f"The account at GitHub by which {repository.full_name} is read is not connected any "
            "more.",
            remedy="Connect one that sees it, `autodeploy connections add github`, and add the "
            f"repository again: `autodeploy deploy {repository.full_name}`.",
        )
    return host


def facts_of(host: HostedRepository) -> dict[str, str | bool]:
    """What a row keeps of a repository at GitHub, and what may change there."""
    return {
        "full_name": host.there.full_name[-255:],
        "url": host.url,
        "default_branch": host.there.default_branch,
        "private": host.there.private,
    }


async def _follow(resources: Resources, repository: Repository, host: HostedRepository) -> None:
    """Store what has changed at the host, in the row and in ``repository``."""
    now_there = facts_of(host)
    if all(getattr(repository, name) == value for name, value in now_there.items()):
        return
    async with resources.db.transaction() as session:
        row = await store.find_any_repository(session, repository.id)
        if row is None:
            return
        before = audit.snapshot(row)
        for name, value in now_there.items():
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


def _out_of_sight(repository: Repository) -> RepositoryNotFound:
    return RepositoryNotFound(
        f"GitHub does not show {repository.full_name} to the account that it was added with: it is "
        "deleted, or the account may not see it any more.",
        remedy="Give the account access again; or connect one that has it, `autodeploy connections "
        f"add github`, and add the repository again: `autodeploy deploy {repository.full_name}`.",
    )
