"""GitHub fails in each way that is known of it: nothing is made twice, and every error says what
to do."""

import pytest
from tests.fakes.github_api import TOKEN

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import (
    CredentialRefused,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.github.reports import CommitState, NewDeployment
from autodeploy.providers.github.shapes import DeploymentState

pytestmark = pytest.mark.contract(provider="github")

HOOKS = "POST /repos/octo/site/hooks"
DEPLOYMENTS = "POST /repos/octo/site/deployments"
COMMENTS = "POST /repos/octo/site/issues/7/comments"
HOOK = {"url": "https://deploy.example.com/hook", "secret": "hook-secret", "events": ["push"]}

# What a silence is known by, here. The machine may be slow, so a second is little enough.
HASTY = Patience(attempts=2, read_seconds=1.0)


@pytest.fixture
def hasty(github, site, open_api):
    return open_api(github.url, patience=HASTY).account(TOKEN)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", CredentialRefused), ("403", ProviderRefused), ("404", NotFound),
        ("409", ProviderRefused), ("410", NotFound), ("422", ProviderRefused),
        ("451", ProviderRefused), ("redirect", ProviderUnavailable),
        ("primary_limit", RateLimited), ("secondary_limit", RateLimited),
        ("truncated", ProviderUnavailable), ("html", ProviderUnavailable),
        ("list", ProviderUnavailable), ("empty", ProviderUnavailable),
        ("huge", ProviderUnavailable),
    ],
)  # fmt: skip
async def test_a_failure_is_told_once_with_what_to_do(account, github, time, fault, error):
    github.faults.fail("/user", fault)
    with pytest.raises(error) as raised:
        await account.check()
    assert type(raised.value) is error
    assert raised.value.remedy
    assert "injected" not in raised.value.message, "what GitHub says is not repeated"
    assert len(github.exchanges) == 1
    assert time.slept == []


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "cut"])
async def test_a_read_that_fails_for_a_moment_is_repeated(account, github, fault):
    github.faults.fail("/user", fault, fault)
    assert (await account.check()).user.login == "octocat"
    assert len(github.exchanges) == 3


@pytest.mark.parametrize("fault", ["silence", "lost"])
async def test_a_read_that_is_not_answered_is_repeated(hasty, github, fault):
    github.faults.fail("/user", fault)
    assert (await hasty.check()).user.login == "octocat"


async def test_a_body_that_never_ends_is_given_up(github, site, open_api):
    github.faults.fail("/user", "drip")
    account = open_api(github.url, patience=Patience(attempts=1, whole_seconds=1.0)).account(TOKEN)
    with pytest.raises(ProviderUnavailable, match="TimeoutError"):
        await account.check()


@pytest.mark.parametrize("fault", ["nulls", "novel"])
async def test_nulls_and_news_do_no_harm(account, github, site, fault):
    webhooks = account.webhooks("octo/site")
    made = await webhooks.ensure(**HOOK)
    for path in ("/user", "/user/repos", "/repos/octo/site", "/repos/octo/site/hooks",
                 "/repos/octo/site/branches", f"/repos/octo/site/hooks/{made.id}"):  # fmt: skip
        github.faults.fail(path, fault)
    assert (await account.check()).user.login == "octocat"
    assert [each.id async for each in account.repositories()] == [site.id]
    repository = await account.repository("octo/site")
    assert repository.visibility == ("private" if fault == "nulls" else "brand_new")
    assert [each.name async for each in account.sources("octo/site").branches()] == ["main"]
    changed = await webhooks.ensure(**HOOK)
    assert changed.events == ([] if fault == "nulls" else ["push"])


async def test_a_limit_says_when_to_come_back(account, github, time):
    github.faults.fail("/user", "primary_limit")
    with pytest.raises(RateLimited) as raised:
        await account.check()
    assert 1700 < raised.value.retry_after_seconds <= 1802
    time.seconds += 1802
    github.faults.fail("/user", "secondary_limit")
    with pytest.raises(RateLimited) as raised:
        await account.check()
    assert raised.value.retry_after_seconds == 60


@pytest.mark.parametrize("fault", ["lost", "cut", "502"])
async def test_a_webhook_is_made_once_though_its_answer_is_lost(hasty, github, site, fault):
    github.faults.fail(HOOKS, fault)
    if fault == "502":  # nothing was made: that is found out, and said
        with pytest.raises(OutcomeUnknown):
            await hasty.webhooks("octo/site").ensure(**HOOK)
    made = await hasty.webhooks("octo/site").ensure(**HOOK)
    assert list(site.hooks) == [made.id]
    assert site.secrets[made.id] == HOOK["secret"]
    assert len(github.calls(*HOOKS.split())) == (2 if fault == "502" else 1)


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_deployment_is_made_once_though_its_answer_is_lost(hasty, github, site, fault):
    github.faults.fail(DEPLOYMENTS, fault)
    wanted = NewDeployment(
        deployment_id="d-1", sha=site.branches["main"], environment="production", production=True,
        transient=False,
    )  # fmt: skip
    made = await hasty.reports("octo/site").ensure_deployment(wanted)
    assert list(site.deployments) == [made.id]


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_comment_is_made_once_though_its_answer_is_lost(hasty, github, site, fault):
    github.faults.fail(COMMENTS, fault)
    await hasty.reports("octo/site").upsert_comment(7, marker="<!-- m -->", body="one")
    assert [each["body"] for each in site.comments[7].values()] == ["<!-- m -->\none"]


async def test_a_call_that_was_never_applied_says_that_it_is_not_known(hasty, github, site):
    github.faults.fail(COMMENTS, "silence")
    with pytest.raises(OutcomeUnknown):
        await hasty.reports("octo/site").upsert_comment(7, marker="<!-- m -->", body="one")
    assert site.comments == {}


@pytest.fixture
def tell(hasty, site):
    """Tell GitHub that something has succeeded; before, it was told that it goes on."""

    async def tell(what: str) -> list[str]:
        """The states in the end, the last first."""
        sha, reports, url = site.branches["main"], hasty.reports("octo/site"), "https://x.test/"
        if what == "commit":
            for state in (CommitState.PENDING, CommitState.SUCCESS):
                await reports.set_commit_status(
                    sha, state, context="c", description="d", target_url=url
                )
            return [each["state"] for each in site.statuses[sha]]
        wanted = NewDeployment(
            deployment_id="d-1", sha=sha, environment="preview", production=False, transient=True
        )
        made = (await reports.ensure_deployment(wanted)).id
        for state in (DeploymentState.IN_PROGRESS, DeploymentState.SUCCESS):
            await reports.set_deployment_status(made, state, description="", log_url=url)
        return [each["state"] for each in site.deployment_statuses[made]]

    return tell


@pytest.mark.parametrize("what", ["commit", "deployment"])
@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_status_is_sent_once_though_its_answer_is_lost(tell, github, what, fault):
    """One that is on its way still would come after the next, which then was not the last."""
    github.faults.fail("POST", *[fault] * 3)
    assert len(await tell(what)) == 2
    sent = [each.method for each in github.exchanges].count("POST")
    assert sent == (2 if what == "commit" else 3), "the deployment itself is one"


@pytest.mark.parametrize("what", ["commit", "deployment"])
async def test_a_status_that_is_not_there_after_a_lost_answer_is_told(tell, github, what):
    if what == "deployment":
        github.faults.fail("POST /repos/octo/site/deployments", "cut")
    github.faults.fail("POST", "silence")
    with pytest.raises(OutcomeUnknown):
        await tell(what)
    assert (await tell(what))[0] == "success"


async def test_a_limit_in_the_midst_of_pages_is_told(account, github):
    for number in range(150):
        github.add(f"octo/app-{number}")
    seen = []
    with pytest.raises(RateLimited):
        async for each in account.repositories():
            seen.append(each.id)
            github.faults.queued.setdefault("/user/repos", ["primary_limit"])
    assert len(seen) == 100


@pytest.mark.parametrize(
    ("path", "fault", "error"),
    [
        ("/repos/octo/site/tarball", "404", NotFound),
        ("/octo/site/legacy.tar.gz", "404", ProviderUnavailable),
        ("/octo/site/legacy.tar.gz", "cut", ProviderUnavailable),
        ("/octo/site/legacy.tar.gz", "drip", ProviderUnavailable),
        ("/octo/site/legacy.tar.gz", "redirect", ProviderUnavailable),
    ],
)
async def test_an_archive_that_does_not_come_whole_is_an_error(
    account, github, site, monkeypatch, path, fault, error
):
    monkeypatch.setattr("autodeploy.kernel.http.redirects._DOWNLOAD_SECONDS", 1.0)
    sha = site.branches["main"]
    github.faults.fail(f"{path}/{sha}", fault)
    with pytest.raises(error):
        async with account.sources("octo/site").archive(sha, most_bytes=10**6) as stream:
            _ = [piece async for piece in stream.chunks()]
