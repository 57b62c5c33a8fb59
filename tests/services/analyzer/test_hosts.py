"""A repository at GitHub, as services come to it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.fakes.github_api import TOKEN
from tests.fakes.github_state import Repo
from tests.services.analyzer.github import Sources, sources_of

from autodeploy.kernel.db import Database
from autodeploy.kernel.git.errors import RepositoryNotFound
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.hosts import open_host
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.models import AuditEntry, ProviderIntegration
from autodeploy.services.auth.principal import Principal


@pytest.fixture
async def github(resources: Resources) -> AsyncIterator[Sources]:
    async with sources_of(resources) as sources:
        yield sources


@pytest.fixture
def shop(github: Sources) -> Repo:
    repo = github.fake.add("acme/shop", private=True)
    repo.push({"index.html": b"<h1>"})
    return repo


@pytest.fixture
async def repository(github: Sources, owner: Principal, shop: Repo) -> Repository:
    """The row of ``shop``, which ``owner`` has added."""
    await github.connect(owner)
    async with github.resources.db.transaction() as session:
        row = Repository(
            organization_id=next(iter(owner.roles)),
            kind="github",
            github_id=shop.id,
            full_name="acme/shop",
            url="https://github.com/acme/shop",
            default_branch="main",
            private=True,
            connection_id=await session.scalar(select(ProviderIntegration.id)),
        )
        session.add(row)
        await session.flush()
        await session.refresh(row)
    return row


async def test_host_acts_for_the_connection(
    github: Sources, shop: Repo, repository: Repository
) -> None:
    host = await open_host(github.resources, github.providers, repository)
    assert host is not None
    assert host.there.permissions.admin
    assert await host.sources.commit_of("main") == shop.branches["main"]
    hook = await host.webhooks.ensure(url="https://x.test/hook", secret="s", events=["push"])
    assert hook.id in shop.hooks


async def test_renamed_repository_is_found_and_its_row_follows(
    github: Sources, shop: Repo, repository: Repository
) -> None:
    github.fake.rename(shop, "ada/store")
    shop.default_branch = "trunk"
    github.fake.add("acme/shop").push({"index.html": b"of somebody else"})
    host = await open_host(github.resources, github.providers, repository)
    assert host is not None
    assert await host.sources.commit_of("main") == shop.branches["main"]
    row = await github.row(repository.id)
    for each in (repository, row):
        assert (each.full_name, each.url) == ("ada/store", "https://github.com/ada/store")
        assert each.default_branch == "trunk"
    async with github.resources.db.transaction() as session:
        [entry] = await session.scalars(select(AuditEntry).where(AuditEntry.actor == "system"))
    assert entry.action == "repository.update"


async def test_without_its_account_there_is_no_host(
    github: Sources, repository: Repository
) -> None:
    await github.disconnect()
    row = await github.row(repository.id)
    assert row.connection_id is None
    for each in (row, repository):
        assert await open_host(github.resources, github.providers, each) is None
    assert await open_host(github.resources, Registry([]), repository) is None


async def test_repository_of_another_kind_has_no_host(
    github: Sources, repository: Repository
) -> None:
    repository = await github.set(repository.id, kind="git")
    assert await open_host(github.resources, github.providers, repository) is None


async def test_repository_that_the_account_does_not_see_is_named_with_the_remedy(
    github: Sources, shop: Repo, repository: Repository
) -> None:
    del github.fake.repos[shop.id]
    with pytest.raises(RepositoryNotFound, match="acme/shop") as lost:
        await open_host(github.resources, github.providers, repository)
    assert "autodeploy connections add github" in (lost.value.remedy or "")


async def test_revoked_token_is_refused_as_one(github: Sources, repository: Repository) -> None:
    github.fake.tokens.clear()
    with pytest.raises(CredentialRefused):
        await open_host(github.resources, github.providers, repository)


async def test_connection_that_is_renewed_stays_that_of_its_repositories(
    github: Sources, owner: Principal, repository: Repository
) -> None:
    github.fake.tokens = {"ghp_new": github.fake.tokens[TOKEN]}
    await github.connect(owner, "ghp_new")
    row = await github.row(repository.id)
    async with github.resources.db.transaction() as session:
        [connection] = await session.scalars(select(ProviderIntegration))
    assert row.connection_id == connection.id != repository.connection_id
    assert await open_host(github.resources, github.providers, row) is not None


async def test_connection_of_another_account_is_none_of_the_repository(
    github: Sources, owner: Principal, repository: Repository
) -> None:
    async with github.resources.db.transaction() as session:
        [connection] = await session.scalars(select(ProviderIntegration))
        connection.external_id = "1"
    await github.connect(owner)
    assert (await github.row(repository.id)).connection_id is None


async def test_members_of_the_organization_act_by_the_connection_and_others_do_not(
    github: Sources,
    repository: Repository,
    owner: Principal,
    stranger: Principal,
    database_url: str,
) -> None:
    database = Database(database_url, role="autodeploy_app")
    for principal, seen in (
        (replace(stranger, roles=owner.roles), True),
        (stranger, False),
    ):
        resources = replace(github.resources, db=database.acting_for(principal.tenancy))
        host = await open_host(resources, github.providers, repository)
        assert (host is not None) is seen
    await database.close()
