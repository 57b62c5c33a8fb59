"""Repositories that the platform's GitHub App reads: which, for whom, and what stands in for it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.fakes.github_api import TOKEN
from tests.fakes.github_state import Repo, owner_id
from tests.services.analyzer.github import Sources, sources_of

from autodeploy.kernel.db import Database
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.errors import RepositoryNotFound
from autodeploy.kernel.http.errors import ProviderRefused, ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.github.reports import CommitState
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import service
from autodeploy.services.analyzer.hosts import find_host, open_by_account, open_host
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.analyzer.schemas import RepositoryInput, RepositoryReader, RepositoryView
from autodeploy.services.analyzer.sources import resolve_ref
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.principal import Principal

OTHER = "gho_other0123456789abcdefghijklmnopqrst"


@pytest.fixture
async def github(resources: Resources) -> AsyncIterator[Sources]:
    async with sources_of(resources, with_app=True) as sources:
        sources.fake.tokens[OTHER] = "repo, admin:repo_hook, read:org"
        yield sources


@pytest.fixture
def shop(github: Sources) -> Repo:
    repo = github.fake.add("acme/shop", private=True)
    repo.push({"index.html": b"<h1>"})
    return repo


async def add(github: Sources, principal: Principal, name: str = "acme/shop") -> RepositoryView:
    body = RepositoryInput(url=name, organization_id=min(principal.roles))
    return await service.create_repository(
        github.resources, principal, body, providers=github.providers
    )


async def connect_and_add(github: Sources, principal: Principal) -> RepositoryView:
    await github.connect(principal)
    return await add(github, principal)


async def read(github: Sources, repository_id: UUID) -> str:
    """By whom the head of it is read: ``app`` or ``account``."""
    row = await github.row(repository_id)
    await resolve_ref(github.resources, row, "main", providers=github.providers)
    used = github.fake.exchanges[-1].request_headers["authorization"]
    return "app" if used.startswith("Bearer ghs_") else "account"


async def reader(github: Sources, principal: Principal, repository_id: UUID) -> object:
    return (await service.get_repository(github.resources, principal, repository_id)).read_by


async def test_it_is_read_by_the_app_and_on_after_the_account_is_gone(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    installed = github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    row = await github.row(added.id)
    assert (row.github_owner_id, row.github_access) == (owner_id("acme"), "admin")
    assert await read(github, added.id) == "app"
    assert (await github.row(added.id)).github_installation_id == installed.id
    await github.disconnect()
    assert await read(github, added.id) == "app"
    assert await reader(github, owner, added.id) == RepositoryReader(by="installation")


async def test_without_an_installation_the_account_reads_it(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "account"
    assert added.read_by == RepositoryReader(by="account", account="octocat")
    github.fake.app.install("acme")
    assert await read(github, added.id) == "account", "that there is none is known for a while"
    await add(github, owner)
    assert await read(github, added.id) == "app", "who adds it again has it looked for again"


async def test_app_that_the_operator_takes_back_leaves_it_to_the_account(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme")
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "app"
    without = GitHubProvider(api_url=github.fake.url, allow_private_addresses=True)
    github.providers = Registry([without])
    assert await read(github, added.id) == "account"
    assert await reader(github, owner, added.id) == RepositoryReader(
        by="account", account="octocat"
    )
    await without.close()


async def test_installation_gives_nobody_a_private_repository_that_was_not_added(
    github: Sources, owner: Principal, stranger: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme")
    await github.connect(owner)
    await add(github, owner)
    shop.rights[OTHER] = "none"
    await github.connect(stranger, OTHER)
    with pytest.raises(RepositoryNotFound):
        await add(github, stranger)
    found = await service.discover_repositories(
        github.resources, stranger, limit=10, cursor=None, q=None, providers=github.providers
    )
    assert found.items == []


async def test_row_of_another_organization_is_not_read_by_the_app_either(
    github: Sources, owner: Principal, stranger: Principal, shop: Repo, database_url: str
) -> None:
    github.fake.app.install("acme")
    await github.connect(owner)
    row = await github.row((await add(github, owner)).id)
    await github.disconnect()
    database = Database(database_url, role="autodeploy_app")
    for principal, seen in ((owner, True), (stranger, False)):
        resources = replace(github.resources, db=database.acting_for(principal.tenancy))
        host = await open_host(resources, github.providers, row)
        assert (host is not None) is seen
    await database.close()


async def test_who_may_only_read_a_public_repository_is_not_given_what_the_app_may(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    shop.private = False
    shop.rights[OTHER] = "pull"
    github.fake.app.install("acme")
    await github.connect(owner, OTHER)
    added = await add(github, owner)
    assert await read(github, added.id) == "account"
    assert not [each for each in github.fake.exchanges if "installation" in each.path]


async def test_what_was_proven_is_raised_and_not_lowered_by_who_adds_it_again(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme")
    levels = []
    for right in ("push", "admin", "pull"):
        shop.rights[TOKEN] = right
        await github.connect(owner)
        added = await add(github, owner)
        levels.append((await github.row(added.id)).github_access)
    assert levels == ["push", "admin", "admin"]


async def test_row_of_before_is_proven_by_the_next_look_of_its_account(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme")
    added = await connect_and_add(github, owner)
    await github.set(added.id, github_owner_id=None, github_access=None)
    assert await read(github, added.id) == "account"
    assert await read(github, added.id) == "app"


async def test_row_of_before_whose_account_is_gone_is_not_read_by_the_app(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme")
    added = await connect_and_add(github, owner)
    row = await github.set(added.id, github_owner_id=None, github_access=None)
    await github.disconnect()
    with pytest.raises(AccountMissing, match="no account that may push"):
        await find_host(github.resources, github.providers, row)


@pytest.mark.parametrize("private", [True, False])
async def test_repository_that_changes_its_owner_is_read_by_the_app_after_a_new_proof(
    github: Sources, owner: Principal, shop: Repo, *, private: bool
) -> None:
    shop.private = private
    github.fake.app.install("acme")
    github.fake.app.install("ada")
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "app"
    github.fake.rename(shop, "ada/shop")
    assert await read(github, added.id) == "account", "it proves it of the new owner"
    assert await read(github, added.id) == "app"
    assert (await github.row(added.id)).github_owner_id == owner_id("ada")
    await github.disconnect()
    github.fake.rename(shop, "victim/shop")
    github.fake.app.install("victim")
    row = await github.row(added.id)
    assert await open_host(github.resources, github.providers, row) is None
    if private:
        with pytest.raises(AccountMissing, match="another owner"):
            await find_host(github.resources, github.providers, row)


async def test_renamed_repository_is_followed_by_the_app(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme")
    added = await connect_and_add(github, owner)
    await github.disconnect()
    github.fake.rename(shop, "acme/store")
    assert await read(github, added.id) == "app"
    assert (await github.row(added.id)).full_name == "acme/store"


async def test_another_repository_of_the_same_name_is_not_taken_for_it(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme")
    added = await connect_and_add(github, owner)
    await github.disconnect()
    del github.fake.repos[shop.id]
    github.fake.add("acme/shop", private=True).push({"secret": b"of somebody else"})
    row = await github.row(added.id)
    with pytest.raises(AccountMissing):
        await find_host(github.resources, github.providers, row)
    assert not github.fake.app.tokens, "a token is for the number alone"


@pytest.mark.parametrize("change", ["uninstalled", "suspended", "unselected"])
async def test_installation_that_goes_leaves_it_to_the_account_or_says_both_ways(
    github: Sources, owner: Principal, shop: Repo, change: str
) -> None:
    installed = github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "app"
    if change == "uninstalled":
        github.fake.app.uninstall(installed)
    elif change == "suspended":
        installed.suspended = True
    else:
        installed.repositories = {0}
    assert await read(github, added.id) == "account"
    assert await reader(github, owner, added.id) == RepositoryReader(
        by="account", account="octocat"
    )
    await github.disconnect()
    row = await github.row(added.id)
    with pytest.raises(AccountMissing) as missing:
        await find_host(github.resources, github.providers, row)
    assert missing.value.code == "account_missing"
    assert ("suspended" in missing.value.message) is (change == "suspended")
    remedy = missing.value.remedy or ""
    assert "GitHub App" in remedy
    assert "autodeploy connections add github" in remedy
    assert await reader(github, owner, added.id) is None


async def test_app_that_has_no_answer_leaves_it_to_the_account_and_else_is_waited_for(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    github.fake.faults.fail("/repos/acme/shop/installation", "primary_limit")
    assert await read(github, added.id) == "account"
    await github.disconnect()
    row = await github.row(added.id)
    with pytest.raises(ProviderUnavailable):
        await find_host(github.resources, github.providers, row)


async def test_account_that_lost_sight_of_it_does_not_hide_an_outage_of_the_app(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    shop.rights[TOKEN] = "none"
    github.fake.faults.fail("/repos/acme/shop/installation", "primary_limit")
    row = await github.row(added.id)
    with pytest.raises(ProviderUnavailable):
        await open_host(github.resources, github.providers, row)


async def test_person_who_lost_sight_of_it_does_not_end_what_the_app_reads(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    shop.rights[TOKEN] = "none"
    assert await read(github, added.id) == "app"


async def test_view_of_what_nobody_and_of_what_git_reads(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    added = await connect_and_add(github, owner)
    await github.disconnect()
    assert await reader(github, owner, added.id) is None
    await github.set(added.id, private=False)
    assert await reader(github, owner, added.id) == RepositoryReader(by="git")
    page = await service.list_repositories(github.resources, owner, limit=10)
    assert [each.read_by for each in page.items] == [RepositoryReader(by="git")]


async def test_no_token_of_the_app_is_stored(github: Sources, owner: Principal, shop: Repo) -> None:
    github.fake.app.install("acme")
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "app"
    [token] = github.fake.app.tokens
    async with github.resources.db.transaction() as session:
        row = await session.get_one(Repository, added.id)
        connections = list(await session.scalars(select(ProviderIntegration)))
    stored = [repr(vars(each)) for each in (row, *connections)]
    assert not any(token in each for each in stored)


async def test_installation_that_does_not_show_it_is_not_asked_at_every_look(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    # As where the owner lets its members' addresses in, and not the platform's.
    github.fake.faults.fail("/repos/acme/shop", "403", "403")
    assert await read(github, added.id) == "account"
    asked = len(github.as_app())
    for _ in range(3):
        assert await read(github, added.id) == "account"
    assert len(github.as_app()) == asked
    await github.disconnect()
    with pytest.raises(AccountMissing, match="does not show acme/shop"):
        await find_host(github.resources, github.providers, await github.row(added.id))


async def test_adding_it_again_costs_no_token_where_the_app_acts_for_it(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "app"
    asked = len(github.as_app())
    for _ in range(3):
        await add(github, owner)
        assert await read(github, added.id) == "app"
    assert len(github.as_app()) == asked, "the limit of the app is everybody's"


async def test_public_repository_that_is_taken_out_is_left_to_the_account_after_a_refusal(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    shop.private = False
    installed = github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "app"
    installed.repositories = {0}
    sha = shop.branches["main"]
    told = []
    for _ in range(2):
        host = await open_host(github.resources, github.providers, await github.row(added.id))
        assert host is not None
        with suppress(NotFound, ProviderRefused):
            await host.reports.set_commit_status(
                sha, CommitState.SUCCESS, context="a", description="", target_url="http://a"
            )
        told.append(len(shop.statuses.get(sha, [])))
    assert told == [0, 1], "what is public is read by any token, and not written"


async def test_look_that_began_before_more_was_proven_does_not_lower_it(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    shop.rights[TOKEN] = "pull"
    added = await connect_and_add(github, owner)
    stale = await github.set(added.id, github_owner_id=None, github_access=None)
    await github.set(added.id, github_owner_id=owner_id("acme"), github_access="admin")
    assert await open_by_account(github.resources, github.providers, stale) is not None
    row = await github.row(added.id)
    assert (row.github_access, stale.github_access) == ("admin", "admin")


async def test_person_who_lost_sight_of_it_is_told_why_the_app_does_not_read_it_either(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    installed = github.fake.app.install("acme", shop)
    added = await connect_and_add(github, owner)
    assert await read(github, added.id) == "app"
    shop.rights[TOKEN] = "none"
    installed.suspended = True
    with pytest.raises(RepositoryNotFound, match=r"may not see it any more\. .* is suspended\."):
        await find_host(github.resources, github.providers, await github.row(added.id))
