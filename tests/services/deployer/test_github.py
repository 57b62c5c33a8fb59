"""A private repository at GitHub: added, analysed by its tree, deployed from its archive."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.fakes.github_state import Repo
from tests.services.analyzer.github import Sources, sources_of
from tests.services.deployer.platform import Platform

from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import service as analyzer
from autodeploy.services.analyzer.schemas import RepositoryInput
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.commit_sources import commit_of
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectInput, ProjectView

PAGES = {"index.html": b"<h1>Hello</h1>", "assets/site.css": b"h1 { color: red }"}


@pytest.fixture
async def github(platform: Platform) -> AsyncIterator[Sources]:
    """GitHub as a source of the small installation, and connected."""
    async with sources_of(platform.resources, platform.provider) as sources:
        platform.engine = replace(platform.engine, providers=sources.providers, lease_seconds=60.0)
        platform.runner = Runner(platform.engine)
        await sources.connect(platform.principal)
        yield sources


@pytest.fixture
def shop(github: Sources) -> Repo:
    repo = github.fake.add("acme/shop", private=True)
    repo.push(PAGES)
    return repo


@pytest.fixture
async def project(github: Sources, platform: Platform, shop: Repo) -> ProjectView:
    added = await analyzer.create_repository(
        platform.resources,
        platform.principal,
        RepositoryInput(url="acme/shop"),
        providers=github.providers,
    )
    return await projects.create_project(
        platform.resources, platform.principal, ProjectInput(name="shop", repository_id=added.id)
    )


async def test_private_repository_is_analysed_by_its_tree_and_deployed_from_its_archive(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView
) -> None:
    fetched: list[dict[str, bytes]] = []
    build = platform.provider.build

    async def look(request, log):  # type: ignore[no-untyped-def]
        folder = await request.fetch()
        files = (each for each in folder.rglob("*") if each.is_file())
        fetched.append({str(each.relative_to(folder)): each.read_bytes() for each in files})
        return await build(replace(request, fetch=lambda: _already(folder)), log)

    platform.provider.build = look  # type: ignore[method-assign]
    view = await platform.deployed(project)
    assert view.status == "ready", view.error
    assert view.commit == shop.branches["main"]
    assert fetched == [PAGES]
    kinds = [each.path.split("/")[4:6] for each in github.fake.exchanges]
    assert kinds.count(["git", "trees"]) == 1
    assert len([each for each in kinds if each[:1] == ["tarball"]]) == 1
    assert len(github.fake.downloads) == 1


async def _already(folder):  # type: ignore[no-untyped-def]
    return folder


async def test_renamed_repository_is_deployed_on(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView
) -> None:
    await platform.deployed(project)
    github.fake.rename(shop, "ada/store")
    newer = shop.push({**PAGES, "new.html": b""}, message="two")
    view = await platform.deployed(project)
    assert (view.status, view.commit) == ("ready", newer)
    project = await projects.get_project(platform.resources, platform.principal, project.id)
    assert project.repository is not None
    assert project.repository.full_name == "ada/store"


async def test_queued_deployment_of_a_repository_that_is_renamed_goes_on(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView
) -> None:
    waiting = await platform.deploy(project)
    github.fake.rename(shop, "ada/store")
    await platform.runner.run(waiting.id)
    assert (await platform.view(waiting.id)).status == "ready"


async def test_repository_that_is_gone_ends_the_deployment_with_the_remedy(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView
) -> None:
    waiting = await platform.deploy(project)
    del github.fake.repos[shop.id]
    await platform.runner.run(waiting.id)
    view = await platform.view(waiting.id)
    assert view.error is not None
    assert view.error.code == "repository_not_found"
    assert "autodeploy connections add github" in (view.error.remedy or "")


async def test_account_that_was_disconnected_ends_the_deployment_with_the_remedy(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView
) -> None:
    waiting = await platform.deploy(project)
    await github.disconnect()
    await platform.runner.run(waiting.id)
    view = await platform.view(waiting.id)
    assert view.error is not None
    assert view.error.code == "account_missing"
    with pytest.raises(AccountMissing):
        await platform.deploy(project)


async def test_revoked_token_is_told_before_any_work(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView
) -> None:
    github.fake.tokens.clear()
    with pytest.raises(CredentialRefused):
        await platform.deploy(project)


@pytest.mark.parametrize("of_github_com", [True, False])
async def test_hosted_builds_know_the_repository_of_github_com(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView, *, of_github_com: bool
) -> None:
    context = await platform.context(await platform.deploy(project))
    assert context.repository is not None
    if not of_github_com:
        context.repository.url = "https://git.acme.example/acme/shop"
    commit = commit_of(platform.engine.providers, context.repository, context.deployment)
    assert commit is not None
    known = ("acme/shop", shop.id) if of_github_com else (None, None)
    assert (commit.github, commit.github_id) == known


async def test_hosted_builds_know_the_repository_of_github_where_it_is_set_to_be(
    github: Sources, platform: Platform, shop: Repo, project: ProjectView
) -> None:
    context = await platform.context(await platform.deploy(project))
    assert context.repository is not None
    elsewhere = GitHubProvider(web_url="http://127.0.0.1:8765")
    providers = Registry([platform.provider, elsewhere])
    commit = commit_of(providers, context.repository, context.deployment)
    assert commit is not None
    assert commit.github is None, "github.com is a git server like others then"
    context.repository.url = "http://127.0.0.1:8765/acme/shop"
    commit = commit_of(providers, context.repository, context.deployment)
    assert commit is not None
    assert (commit.github, commit.github_web) == ("acme/shop", "http://127.0.0.1:8765")
    await elsewhere.close()
