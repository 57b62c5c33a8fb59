"""GitHub among the providers: whose tokens it takes, and which addresses are its own."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.fakes.github_api import TOKEN, FakeGitHubApi
from tests.fakes.github_state import Repo

from autodeploy.kernel.git.urls import parse_url
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.github.provider import MANIFEST, GitHubProvider
from autodeploy.providers.hosted import ConnectedAccount, TokenConnect
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.providers.sources import SourceHosting


@pytest.fixture
async def provider(github: FakeGitHubApi) -> AsyncIterator[GitHubProvider]:
    provider = GitHubProvider(api_url=github.url, allow_private_addresses=True)
    yield provider
    await provider.close()


async def test_a_server_of_ones_own_may_be_in_the_network_of_the_platform(
    provider: GitHubProvider,
) -> None:
    assert not provider.is_public
    assert not GitHubProvider(api_url="https://github.corp/api/v3").is_public
    assert GitHubProvider().is_public


def test_it_has_what_its_manifest_says(provider: GitHubProvider) -> None:
    assert MANIFEST.capabilities == {Capability.SOURCE, Capability.CONNECT}
    assert isinstance(Registry([provider]).sources("github"), SourceHosting)
    assert isinstance(Registry([provider]).takes_tokens("github"), TokenConnect)
    assert not Registry([provider]).is_hosted("github")


@pytest.mark.parametrize(
    ("token", "scopes", "missing"),
    [
        (TOKEN, "repo, admin:repo_hook, read:org", ()),
        (TOKEN, "repo, admin:repo_hook, admin:org, user", ()),
        (TOKEN, "repo, read:org", ()),
        (TOKEN, "public_repo, read:org", ("repo", "admin:repo_hook")),
        ("ghp_1", "", ("repo", "admin:repo_hook", "read:org")),
        ("github_pat_1", None, ()),
        ("ghu_1", "", ()),
    ],
)
async def test_scopes_that_a_classic_token_lacks_are_named(
    github: FakeGitHubApi,
    provider: GitHubProvider,
    token: str,
    scopes: str | None,
    missing: tuple[str, ...],
) -> None:
    github.tokens[token] = scopes
    account = await provider.check_token(token)
    assert (account.id, account.name, account.owners) == ("583231", "octocat", ())
    assert account.missing == missing


async def test_token_of_nobody_is_refused(provider: GitHubProvider) -> None:
    with pytest.raises(CredentialRefused):
        await provider.check_token("ghp_2")


async def test_it_acts_for_the_account(provider: GitHubProvider, site: Repo) -> None:
    acting = provider.sources_as(ConnectedAccount(uuid4(), TOKEN))
    assert (await acting.known_repository(site.id, "octo/site")).full_name == "octo/site"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/octo/site", "octo/site"),
        ("https://GitHub.com/octo/site.git/", "octo/site"),
        ("ssh://git@github.com/octo/site.git", "octo/site"),
        ("git@github.com:octo/site.git", "octo/site"),
        ("https://github.com/octo", None),
        ("https://github.com/octo/site/tree/main", None),
        ("https://github.com.example.com/octo/site", None),
        ("https://gitlab.com/octo/site", None),
    ],
)
def test_addresses_of_its_repositories_are_known(
    provider: GitHubProvider, url: str, name: str | None
) -> None:
    assert provider.name_in(parse_url(url)) == name


def test_an_enterprise_server_has_its_own_address() -> None:
    provider = GitHubProvider(
        api_url="https://git.acme.example/api/v3", web_url="https://git.acme.example"
    )
    assert provider.name_in(parse_url("https://git.acme.example/octo/site")) == "octo/site"
    assert provider.name_in(parse_url("https://github.com/octo/site")) is None
    assert provider.url_of("octo/site") == "https://git.acme.example/octo/site"
