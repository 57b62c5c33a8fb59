"""Repositories at GitHub: added for the account of the caller, and found among what it sees."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.fakes.github_api import TOKEN
from tests.fakes.github_state import Repo
from tests.kernel.git.servers import commit_files, git, smart_http
from tests.services.analyzer.github import Sources, sources_of

from autodeploy.kernel.errors import Forbidden, InvalidInput
from autodeploy.kernel.git.errors import RepositoryNeedsCredentials, RepositoryNotFound
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.resources import Resources
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.analyzer import discovery, service
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.analyzer.schemas import (
    DiscoveredRepository,
    RepositoryInput,
    RepositoryView,
)
from autodeploy.services.auth.models import AuditEntry, ProviderIntegration
from autodeploy.services.auth.principal import Principal, Scope

PAGES = {"index.html": b"<h1>"}


@pytest.fixture
async def github(resources: Resources) -> AsyncIterator[Sources]:
    async with sources_of(resources) as sources:
        yield sources


@pytest.fixture
def shop(github: Sources) -> Repo:
    repo = github.fake.add("acme/shop", private=True)
    repo.push(PAGES)
    return repo


async def add(github: Sources, principal: Principal, url: str) -> RepositoryView:
    body = RepositoryInput(url=url, organization_id=min(principal.roles))
    return await service.create_repository(
        github.resources, principal, body, providers=github.providers
    )


async def count(github: Sources) -> int:
    async with github.resources.db.transaction() as session:
        return await session.scalar(select(func.count()).select_from(Repository)) or 0


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/shop",
        "https://github.com/Acme/Shop.git",
        "git@github.com:acme/shop.git",
        "acme/shop",
    ],
)
async def test_private_repository_is_added_for_the_account_of_the_caller(
    github: Sources, owner: Principal, shop: Repo, url: str
) -> None:
    shop.default_branch, shop.language = "trunk", "Python"
    await github.connect(owner)
    view = await add(github, owner, url)
    assert (view.kind, view.full_name, view.private) == (RepositoryKind.GITHUB, "acme/shop", True)
    assert (view.url, view.default_branch) == ("https://github.com/acme/shop", "trunk")
    assert view.language == "Python"
    row = await github.row(view.id)
    async with github.resources.db.transaction() as session:
        assert row.connection_id == await session.scalar(select(ProviderIntegration.id))
    assert row.github_id == shop.id


async def test_it_is_there_once_however_it_is_called_and_renamed(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    await github.connect(owner)
    first = await add(github, owner, "acme/shop")
    github.fake.rename(shop, "ada/store")
    for name in ("ada/store", "acme/shop", "https://github.com/ada/store.git"):
        again = await add(github, owner, name)
        assert (again.id, again.full_name) == (first.id, "ada/store")
        assert again.url == "https://github.com/ada/store"
    assert await count(github) == 1
    async with github.resources.db.transaction() as session:
        actions = await session.scalars(
            select(AuditEntry.action).where(AuditEntry.action.like("repository.%"))
        )
        assert len(list(actions)) == 2, "what changed nothing is no entry"


async def test_organizations_have_it_each(
    github: Sources, owner: Principal, stranger: Principal, shop: Repo
) -> None:
    await github.connect(owner)
    await github.connect(stranger)
    one, other = [await add(github, each, "acme/shop") for each in (owner, stranger)]
    assert one.id != other.id
    assert one.organization_id != other.organization_id


async def test_repository_that_the_account_does_not_see_is_not_added(
    github: Sources, owner: Principal
) -> None:
    await github.connect(owner)
    with pytest.raises(RepositoryNotFound, match="acme/none") as refused:
        await add(github, owner, "acme/none")
    assert "autodeploy repositories list --github" in (refused.value.remedy or "")
    assert await count(github) == 0


async def test_revoked_account_is_told_and_not_taken_for_a_missing_repository(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    await github.connect(owner)
    github.fake.tokens.clear()
    with pytest.raises(CredentialRefused):
        await add(github, owner, "acme/shop")


async def test_member_without_an_account_gets_the_one_that_another_has_added(
    github: Sources, owner: Principal, stranger: Principal, shop: Repo
) -> None:
    await github.connect(owner)
    first = await add(github, owner, "acme/shop")
    colleague = replace(stranger, roles=owner.roles)
    assert await add(github, colleague, "acme/shop") == first


async def test_account_of_a_repository_stays_until_it_reads_it_no_more(
    github: Sources, owner: Principal, stranger: Principal, shop: Repo
) -> None:
    await github.connect(owner)
    first = await add(github, owner, "acme/shop")
    used = (await github.row(first.id)).connection_id
    colleague = replace(stranger, roles=owner.roles)
    github.fake.tokens["ghp_2"] = github.fake.tokens[TOKEN]
    await github.connect(colleague, "ghp_2")
    await add(github, colleague, "acme/shop")
    assert (await github.row(first.id)).connection_id == used
    del github.fake.tokens[TOKEN]
    await add(github, colleague, "acme/shop")
    assert (await github.row(first.id)).connection_id not in (used, None)


@pytest.fixture
async def public(resources: Resources, tmp_path: Path) -> AsyncIterator[tuple[Sources, str, str]]:
    """GitHub whose pages are a git server, with ``acme/site`` in both; its URL and commit."""
    work = tmp_path / "acme/site"
    work.mkdir(parents=True)
    git("init", "-q", "-b", "trunk", cwd=work)
    commit = commit_files(work, dict(PAGES), "one")
    with smart_http(tmp_path) as (url, _):
        async with sources_of(resources, web_url=url) as sources:
            repo = sources.fake.add("acme/site", default_branch="trunk")
            repo.push(PAGES, "trunk")
            yield sources, f"{url}/acme/site", commit


async def test_public_repository_needs_no_account(
    public: tuple[Sources, str, str], owner: Principal
) -> None:
    github, url, commit = public
    view = await add(github, owner, "acme/site")
    assert (view.kind, view.url, view.default_branch) == (RepositoryKind.GIT, url, "trunk")
    row = await github.row(view.id)
    ref = await service.resolve_ref(github.resources, row, providers=github.providers)
    assert ref.commit_sha == commit
    assert github.fake.exchanges == []


async def test_what_git_has_read_becomes_a_repository_at_github(
    public: tuple[Sources, str, str], owner: Principal
) -> None:
    github, url, _ = public
    before = await add(github, owner, url)
    await github.connect(owner)
    after = await add(github, owner, url)
    assert (after.id, after.kind) == (before.id, RepositoryKind.GITHUB)
    assert await count(github) == 1


async def test_public_repository_is_read_by_git_when_its_account_is_gone(
    public: tuple[Sources, str, str], owner: Principal, tmp_path: Path
) -> None:
    github, url, commit = public
    await github.connect(owner)
    view = await add(github, owner, url)
    await github.disconnect()
    row = await github.row(view.id)
    ref = await service.resolve_ref(github.resources, row, providers=github.providers)
    assert ref.commit_sha == commit
    target = tmp_path / "out"
    await service.fetch_source(
        github.resources, row, commit, None, target, providers=github.providers
    )
    assert (target / "index.html").read_bytes() == PAGES["index.html"]


async def test_what_github_shows_to_nobody_says_to_connect(
    public: tuple[Sources, str, str], owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    github, url, _ = public

    async def asks(_self: object, _url: str, _ref: str | None = None) -> None:
        raise RepositoryNeedsCredentials("127.0.0.1 asks for credentials.")

    monkeypatch.setattr(type(github.resources.git), "resolve", asks)
    with pytest.raises(RepositoryNeedsCredentials, match="acme/site") as refused:
        await add(github, owner, url)
    assert "autodeploy connections add github" in (refused.value.remedy or "")


# Discovery.


async def discover(
    github: Sources, principal: Principal, *, q: str | None = None, limit: int = 50
) -> list[list[DiscoveredRepository]]:
    """All pages."""
    pages, cursor = [], None
    while True:
        page = await service.discover_repositories(
            github.resources,
            principal,
            limit=limit,
            cursor=cursor,
            q=q,
            providers=github.providers,
        )
        pages.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return pages


async def test_what_the_account_sees_is_listed_with_what_was_added(
    github: Sources, owner: Principal, shop: Repo
) -> None:
    github.fake.add("octocat/site")
    await github.connect(owner)
    added = await add(github, owner, "acme/shop")
    [page] = await discover(github, owner)
    assert [(each.full_name, each.private, each.repository_id) for each in page] == [
        ("acme/shop", True, added.id),
        ("octocat/site", False, None),
    ]
    assert page[0].url == "https://github.com/acme/shop"


async def test_another_organizations_repository_is_not_marked(
    github: Sources, owner: Principal, stranger: Principal, shop: Repo
) -> None:
    await github.connect(owner)
    await add(github, owner, "acme/shop")
    await github.connect(stranger)
    [[found]] = await discover(github, stranger)
    assert found.repository_id is None


@pytest.mark.parametrize(("q", "expected"), [(None, 230), ("SHOP-1", 111), ("acme/shop-22", 11)])
async def test_every_match_is_on_one_page(
    github: Sources, owner: Principal, q: str | None, expected: int
) -> None:
    for number in range(230):
        github.fake.add(f"acme/shop-{number}")
    await github.connect(owner)
    pages = await discover(github, owner, q=q, limit=40)
    names = [each.full_name for page in pages for each in page]
    assert len(names) == len(set(names)) == expected
    assert all(len(page) <= 40 for page in pages)


async def test_rare_match_is_looked_for_in_bounded_steps(
    github: Sources, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "MOST_SEEN", 100)
    for number in range(250):
        github.fake.add(f"acme/shop-{number}")
    await github.connect(owner)
    github.fake.exchanges.clear()
    pages = await discover(github, owner, q="shop-249")
    assert [len(page) for page in pages] == [0, 0, 1]
    assert len(github.fake.calls("GET", "/user/repos")) <= 6


async def test_nobody_discovers_without_an_account_or_with_a_cursor_of_their_own(
    github: Sources, owner: Principal
) -> None:
    with pytest.raises(AccountMissing) as refused:
        await discover(github, owner)
    assert "autodeploy connections add github" in (refused.value.remedy or "")
    with pytest.raises(Forbidden):
        await discover(github, replace(owner, scopes=frozenset[Scope]()))
    for cursor in ("x", "LTE", "MS41", "OTk5OTk5OTk5OTk5"):
        with pytest.raises(InvalidInput) as caught:
            await service.discover_repositories(
                github.resources,
                owner,
                limit=10,
                cursor=cursor,
                q=None,
                providers=github.providers,
            )
        assert caught.value.field == "cursor"
