"""The platform's GitHub App: what it may, for how long, and what it says where it may not."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import jwt
import pytest
from tests.fakes.github_api import FakeGitHubApi
from tests.fakes.github_apps import APP_ID, PERMISSIONS, private_key_pem
from tests.fakes.github_state import Repo, owner_id
from tests.kernel.http.servers import MovedTime

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import (
    CredentialRefused,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.github.api import GitHubAccount
from autodeploy.providers.github.app import AppKey, NotInstalled, ProvenRepository
from autodeploy.providers.github.installations import InstallationCredential
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.github.reports import CommitState
from autodeploy.providers.github.shapes import Access

pytestmark = [pytest.mark.contract(provider="github"), pytest.mark.usefixtures("described")]


@pytest.fixture
async def provider(github: FakeGitHubApi, time: MovedTime) -> AsyncIterator[GitHubProvider]:
    github.app.now = time.now
    provider = provider_of(github, time, Patience(attempts=2))
    yield provider
    await provider.close()


def provider_of(github: FakeGitHubApi, time: MovedTime, patience: Patience) -> GitHubProvider:
    """One that has the app. Close it."""
    return GitHubProvider(
        api_url=github.url,
        allow_private_addresses=True,
        app=AppKey(APP_ID, private_key_pem()),
        patience=patience,
        timing=time,
    )


def proven(repo: Repo, access: Access = Access.ADMIN) -> ProvenRepository:
    return ProvenRepository(repo.id, owner_id(repo.owner), access, repo.full_name)


def credential_of(
    provider: GitHubProvider, repo: Repo, access: Access = Access.ADMIN
) -> InstallationCredential:
    credential = provider.installed(proven(repo, access))
    assert credential is not None
    return credential


def acting(provider: GitHubProvider, repo: Repo, access: Access = Access.ADMIN) -> GitHubAccount:
    return provider.sources_by(credential_of(provider, repo, access))


def minted(github: FakeGitHubApi) -> int:
    return sum(each.path.endswith("/access_tokens") for each in github.exchanges)


async def test_app_acts_for_the_repository_by_a_token_of_its_own(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    installed = github.app.install("octo")
    account = acting(provider, site)
    assert (await account.known_repository(site.id, "octo/site")).full_name == "octo/site"
    assert await account.sources("octo/site").commit_of("main") == site.branches["main"]
    credential = credential_of(provider, site)
    assert credential.installation_id == installed.id
    assert minted(github) == 1
    asked, issued, *calls = github.exchanges
    assert all(each.request_headers["authorization"].startswith("Bearer ghs_") for each in calls)
    claims = jwt.decode(
        asked.request_headers["authorization"].removeprefix("Bearer "),
        options={"verify_signature": False},
    )
    assert claims["exp"] - claims["iat"] <= 600
    assert json.loads(issued.request_body) == {
        "repository_ids": [site.id], "permissions": PERMISSIONS,
    }  # fmt: skip


async def test_token_is_narrowed_to_its_repository_and_to_what_was_proven(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    other = github.add("octo/secret", private=True)
    sha = other.push({"key": b"k"})
    github.app.install("octo")
    account = acting(provider, site, Access.PUSH)
    with pytest.raises(NotFound):
        await account.repository("octo/secret")
    with pytest.raises(NotFound):
        await account.sources("octo/secret").tree(sha)
    await account.reports("octo/site").set_commit_status(
        site.branches["main"], CommitState.SUCCESS, context="a", description="", target_url="http://a"
    )  # fmt: skip
    with pytest.raises(ProviderRefused):
        await account.webhooks("octo/site").ensure(
            url="https://x.test", secret="s", events=["push"]
        )
    assert site.hooks == {}


async def test_who_may_only_read_is_given_nothing_by_the_app(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    github.app.install("octo")
    assert provider.installed(proven(site, Access.PULL)) is None
    assert github.exchanges == []


async def test_many_at_once_get_one_token(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    github.app.install("octo")
    account = acting(provider, site)
    await asyncio.gather(*(account.repository("octo/site") for _ in range(8)))
    assert minted(github) == 1


async def test_who_gives_up_while_it_asks_for_the_token_leaves_it_to_the_next(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    github.app.install("octo")
    account = acting(provider, site)
    github.faults.fail("/repos/octo/site/installation", "lost")
    first = asyncio.create_task(account.repository("octo/site"))
    while not github.exchanges:
        await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(account.repository("octo/site")) for _ in range(3)]
    first.cancel()
    assert {each.id for each in await asyncio.gather(*waiting)} == {site.id}
    assert minted(github) == 1
    assert first.cancelled()


async def test_token_is_replaced_before_it_expires(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider, time: MovedTime
) -> None:
    github.app.install("octo")
    account = acting(provider, site)
    await account.repository("octo/site")
    time.seconds += timedelta(minutes=54).total_seconds()
    await account.repository("octo/site")
    assert minted(github) == 1
    time.seconds += timedelta(minutes=2).total_seconds()
    await account.repository("octo/site")
    assert minted(github) == 2


async def test_token_that_is_not_taken_any_more_is_replaced_for_the_call(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    github.app.install("octo")
    account = acting(provider, site)
    await account.repository("octo/site")
    github.app.expire_tokens()
    await account.reports("octo/site").set_commit_status(
        site.branches["main"], CommitState.SUCCESS, context="a", description="", target_url="http://a"
    )  # fmt: skip
    assert minted(github) == 2
    assert len(site.statuses[site.branches["main"]]) == 1


@pytest.mark.parametrize("seconds", [-50, 50])
async def test_clock_that_is_almost_a_minute_off_keeps_nobody_out(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider, time: MovedTime, seconds: int
) -> None:
    github.app.install("octo")
    account = acting(provider, site)
    github.app.now = lambda: time.now() + timedelta(seconds=seconds)
    await account.repository("octo/site")
    assert minted(github) == 1


@pytest.mark.parametrize("change", ["uninstalled", "suspended", "unselected"])
async def test_installation_that_ends_ends_its_token_with_the_reason(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider, change: str
) -> None:
    installed = github.app.install("octo", site)
    account = acting(provider, site)
    await account.repository("octo/site")
    if change == "uninstalled":
        github.app.uninstall(installed)
    elif change == "suspended":
        installed.suspended = True
    else:
        installed.repositories = {0}
    with pytest.raises((NotInstalled, NotFound, ProviderRefused)):
        await account.repository("octo/site")
    credential = credential_of(provider, site)
    credential.look_again()
    with pytest.raises(NotInstalled) as absent:
        await account.repository("octo/site")
    assert credential.why_absent == absent.value.message
    if change == "suspended":
        assert absent.value.message.endswith("GitHub App at octo is suspended.")
    assert credential.installation_id is None


async def test_that_there_is_none_is_known_for_five_minutes(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider, time: MovedTime
) -> None:
    account = acting(provider, site)
    for _ in range(3):
        with pytest.raises(NotInstalled, match="not installed on octo/site"):
            await account.repository("octo/site")
    assert len(github.exchanges) == 1
    github.app.install("octo")
    time.seconds += 301
    assert (await account.repository("octo/site")).id == site.id


async def test_permissions_that_are_not_granted_are_named(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    granted = {**PERMISSIONS, "deployments": "read"}
    del granted["statuses"]
    github.app.install("octo", permissions=granted)
    with pytest.raises(NotInstalled, match="statuses: write, deployments: write"):
        await acting(provider, site).repository("octo/site")
    assert minted(github) == 0


async def test_owner_that_was_not_proven_is_refused(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    before = proven(site)
    github.app.install("victim")
    github.rename(site, "victim/site")
    credential = provider.installed(before)
    assert credential is not None
    with pytest.raises(NotInstalled, match="another owner"):
        await provider.sources_by(credential).repository("victim/site")
    assert minted(github) == 0


async def test_repository_in_the_place_of_a_deleted_one_is_refused(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    before = proven(site)
    del github.repos[site.id]
    github.add("octo/site", private=True)
    github.app.install("octo")
    credential = provider.installed(before)
    assert credential is not None
    with pytest.raises(NotInstalled):
        await provider.sources_by(credential).repository("octo/site")


@pytest.mark.parametrize("described_only", [False, True])
async def test_renamed_repository_is_found(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider, *, described_only: bool
) -> None:
    github.described_only = described_only
    before = proven(site)
    github.app.install("octo")
    github.rename(site, "octo/newer")
    credential = provider.installed(before)
    assert credential is not None
    found = await provider.sources_by(credential).known_repository(site.id, "octo/site")
    assert found.full_name == "octo/newer"


@pytest.mark.parametrize("fault", ["503", "lost", "cut", "broken_off"])
async def test_lost_answers_of_the_app_are_asked_for_again(
    github: FakeGitHubApi, site: Repo, time: MovedTime, fault: str
) -> None:
    github.app.now = time.now
    provider = provider_of(github, time, Patience(attempts=2, read_seconds=0.3))
    installed = github.app.install("octo")
    github.faults.fail(f"/app/installations/{installed.id}/access_tokens", fault)
    assert (await acting(provider, site).repository("octo/site")).id == site.id
    assert minted(github) == 2
    await provider.close()


@pytest.mark.parametrize("place", ["/repos/octo/site/installation", "/access_tokens"])
async def test_app_that_is_not_answered_leaves_time_for_who_stands_in(
    github: FakeGitHubApi, site: Repo, time: MovedTime, place: str
) -> None:
    github.app.now = time.now
    provider = provider_of(github, time, Patience(attempts=100, read_seconds=0.05))
    installed = github.app.install("octo")
    path = f"/app/installations/{installed.id}{place}" if place == "/access_tokens" else place
    github.faults.fail(path, *["lost"] * 100)
    began = time.seconds
    with pytest.raises(ProviderUnavailable):
        await acting(provider, site).repository("octo/site")
    assert time.seconds - began < 10, "a look has half a minute for all that it asks"
    await provider.close()


async def test_outage_and_limit_of_the_app_are_not_taken_for_no_installation(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider, time: MovedTime
) -> None:
    github.app.install("octo")
    github.faults.fail("/repos/octo/site/installation", "500", "500")
    account = acting(provider, site)
    with pytest.raises(ProviderUnavailable):
        await account.repository("octo/site")
    github.faults.fail("/repos/octo/site/installation", "primary_limit")
    with pytest.raises(RateLimited):
        await account.repository("octo/site")
    asked = len(github.exchanges)
    time.seconds += 2  # another JWT by now, of the same app
    with pytest.raises(RateLimited):
        await account.repository("octo/site")
    assert len(github.exchanges) == asked, "the app is asked for nothing before its limit ends"
    time.seconds += 3601
    github.faults.queued.clear()
    assert (await account.repository("octo/site")).id == site.id


async def test_limit_is_the_installations_whichever_token_is_used(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    beside = github.add("octo/beside", private=True)
    elsewhere = github.add("acme/shop", private=True)
    for owner in ("octo", "acme"):
        github.app.install(owner)
    accounts = [acting(provider, each) for each in (site, beside, elsewhere)]
    for account, repo in zip(accounts, (site, beside, elsewhere), strict=True):
        await account.repository(repo.full_name)
    github.faults.fail("/repos/octo/site", "primary_limit")
    with pytest.raises(RateLimited):
        await accounts[0].repository("octo/site")
    with pytest.raises(RateLimited):
        await accounts[1].repository("octo/beside")
    assert (await accounts[2].repository("acme/shop")).id == elsewhere.id


async def test_key_of_another_app_is_told_as_the_operators(
    github: FakeGitHubApi, site: Repo, time: MovedTime
) -> None:
    github.app.now = time.now
    github.app.install("octo")
    other = GitHubProvider(api_url=github.url, app=AppKey(7, private_key_pem()), timing=time)
    with pytest.raises(NotInstalled, match="refuses the platform's GitHub App"):
        await acting(other, site).repository("octo/site")
    await other.close()


async def test_jwt_that_lasts_too_long_or_is_late_is_refused_by_the_emulated_github(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider, time: MovedTime
) -> None:
    github.app.install("octo")
    ours = time.now
    for off in (timedelta(minutes=-11), timedelta(minutes=11)):
        github.app.now = lambda off=off: ours() + off  # type: ignore[misc]
        credential = credential_of(provider, site)
        credential.look_again()
        with pytest.raises(NotInstalled):
            await provider.sources_by(credential).repository("octo/site")
    github.app.now = ours


async def test_token_for_more_than_was_asked_for_is_not_used(
    github: FakeGitHubApi, site: Repo, provider: GitHubProvider
) -> None:
    github.app.install("octo")
    beside = github.add("octo/beside", private=True)
    issue = github.app.issue

    async def wrong(request, installation_id):  # type: ignore[no-untyped-def]
        answer = await issue(request, installation_id)
        body = json.loads(answer.body)
        body["repositories"][0]["id"] = beside.id
        answer.body = json.dumps(body).encode()
        answer.headers["content-length"] = str(len(answer.body))
        return answer

    github.app.issue = wrong  # type: ignore[method-assign]
    with pytest.raises((ProviderUnavailable, CredentialRefused)):
        await acting(provider, site).repository("octo/site")


async def test_key_and_tokens_are_in_nothing_that_is_shown_or_logged(
    github: FakeGitHubApi,
    site: Repo,
    provider: GitHubProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    github.app.install("octo")
    credential = credential_of(provider, site)
    await provider.sources_by(credential).repository("octo/site")
    assert caplog.text
    sent = {each.request_headers["authorization"].split()[1] for each in github.exchanges}
    assert len(sent) >= 2
    shown = caplog.text + repr(AppKey(APP_ID, private_key_pem())) + repr(vars(credential))
    for secret in (*sent, *private_key_pem().splitlines()[1:-1]):
        assert secret not in shown
