"""Vercel fails in each way that is known of it, and every error says what to do."""

import asyncio

import pytest
from tests.fakes.vercel_api import TEAM, TOKEN
from tests.providers.vercel.conftest import COMMIT, HASTY, SECRET, account

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.http.errors import (
    CredentialRefused,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.hosted import Owner

pytestmark = pytest.mark.contract(provider="vercel")


async def test_a_token_tells_whose_it_is_and_for_which_teams_it_may_act(provider):
    checked = await provider.check_token(TOKEN)
    assert (checked.id, checked.name) == ("user-1", "ada")
    assert checked.owners == (Owner(TEAM, "Engines"),)


async def test_teams_are_read_to_their_end_page_by_page(provider, vercel):
    vercel.teams = [(f"team_{number}", f"t{number}", False) for number in range(5)]
    vercel.page_size = 2
    assert len((await provider.check_token(TOKEN)).owners) == 5
    assert len(vercel.calls("GET", "/v2/teams")) == 3
    vercel.teams = [(f"team_{number}", f"t{number}", False) for number in range(100)]
    vercel.page_size = 100
    assert len((await provider.check_token(TOKEN)).owners) == 100
    assert len(vercel.calls("GET", "/v2/teams")) == 4


async def test_a_token_that_is_none_is_refused(provider):
    with pytest.raises(CredentialRefused):
        await provider.check_token("vcp_nobodys")
    with pytest.raises(InvalidInput):
        await provider.check_token("two words")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", CredentialRefused), ("revoked", CredentialRefused), ("forbidden", ProviderRefused),
        ("403", ProviderRefused), ("payment", ProviderRefused), ("not_found", NotFound),
        ("410", NotFound), ("conflict", ProviderRefused), ("invalid", ProviderRefused),
        ("bad_request", ProviderRefused), ("500", ProviderUnavailable),
        ("builds_limited", RateLimited), ("redirect", ProviderUnavailable),
        ("truncated", ProviderUnavailable), ("html", ProviderUnavailable),
        ("list", ProviderUnavailable), ("empty", ProviderUnavailable),
    ],
)  # fmt: skip
async def test_a_failure_is_told_once_with_what_to_do(provider, vercel, time, fault, error):
    vercel.faults.fail("/v2/user", fault)
    with pytest.raises(error) as raised:
        await provider.check_token(TOKEN)
    assert type(raised.value) is error
    assert raised.value.remedy
    assert "sentence" not in raised.value.message, "what Vercel says is not repeated"
    assert len(vercel.exchanges) == 1
    assert time.slept == []


@pytest.mark.parametrize("fault", ["502", "503", "504", "cut", "lost", "silence", "rate_limited"])
async def test_a_read_that_fails_for_a_moment_is_repeated(provider, vercel, time, fault):
    vercel.faults.fail("/v2/user", fault)
    assert (await provider.check_token(TOKEN)).name == "ada"
    if fault == "rate_limited":
        assert 7 <= time.slept[0] < 8


@pytest.mark.parametrize("fault", ["as_200", "as_202"])
async def test_a_success_of_another_kind_is_one(story, vercel, fault):
    for method in ("GET", "POST", "PATCH", "DELETE"):
        vercel.faults.fail(method, *[fault] * 50)
    await story.ship()
    assert vercel.deployments[0].variables["DATABASE_URL"]
    await story.deployer.destroy(story.app)
    assert vercel.projects == []


@pytest.mark.parametrize("fault", ["nulls", "novel"])
async def test_nulls_and_news_do_no_harm(story, vercel, fault):
    vercel.repositories["octo/site"] = 77
    await story.ship()
    project = vercel.projects[0]
    for path in (f"/v9/projects/{project.name}", f"GET /v10/projects/{project.id}/env",
                 "/v1/integrations/git-namespaces", "/v1/integrations/search-repo",
                 "POST /v13/deployments", "/v7/deployments", "/v2/user"):  # fmt: skip
        vercel.faults.fail(path, fault)
    request = story.request(commit=COMMIT)
    artifact = await story.deployer.build(request, story.log)
    vercel.faults.fail(f"/v13/deployments/{artifact.key}", fault)
    await story.go_live(request.deployment_id, artifact.key)
    assert project.production.id == artifact.key
    await story.deployer.retire(story.app, request.deployment_id)


@pytest.mark.parametrize(
    ("call", "fault", "error"),
    [
        ("POST /v11/projects", "payment", ProviderRefused),
        ("POST /v11/projects", "forbidden", ProviderRefused),
        ("POST /v11/projects", "revoked", CredentialRefused),
        ("POST /v11/projects", "builds_limited", RateLimited),
        ("POST /v13/deployments", "payment", ProviderRefused),
        ("POST /v13/deployments", "builds_limited", RateLimited),
        ("POST /v13/deployments", "empty", OutcomeUnknown),
        ("POST /v13/deployments", "truncated", OutcomeUnknown),
        ("POST /v13/deployments", "500", OutcomeUnknown),
        ("/v2/files", "bad_request", ProviderRefused),
        ("/v2/files", "forbidden", ProviderRefused),
    ],
)
async def test_a_build_that_vercel_does_not_begin_tells_why(story, vercel, call, fault, error):
    vercel.faults.fail(call, *([fault] * 4))
    with pytest.raises(error) as raised:
        await story.build()
    assert raised.value.remedy
    assert "sentence" not in raised.value.message
    assert TOKEN not in str(raised.value)
    assert SECRET not in str(raised.value)
    assert vercel.deployments == []


async def test_a_build_outlives_an_outage_that_passes(story, vercel):
    building = asyncio.create_task(story.build())
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    made = vercel.deployments[0]
    vercel.faults.fail(f"/v13/deployments/{made.id}", *["500"] * 4)
    _, artifact = await building
    assert artifact.key == made.id


async def test_an_outage_that_lasts_is_told_and_the_build_found_again(story, vercel):
    request = story.request()
    building = asyncio.create_task(story.deployer.build(request, story.log))
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    path = f"/v13/deployments/{vercel.deployments[0].id}"
    vercel.faults.fail(path, *["500"] * 20)
    with pytest.raises(ProviderUnavailable):
        await building
    vercel.faults.queued.clear()
    artifact = await story.deployer.build(request, story.log)
    assert [each.id for each in vercel.deployments] == [artifact.key]


async def test_a_body_that_never_ends_is_given_up(vercel, open_provider):
    vercel.faults.fail("/v2/user", "drip")
    provider = open_provider(vercel.url, patience=Patience(attempts=1, whole_seconds=1.0))
    with pytest.raises(ProviderUnavailable, match="TimeoutError"):
        await provider.check_token(TOKEN)


async def test_a_team_that_the_token_may_not_act_for_is_refused(vercel, open_provider, story):
    vercel.faults.fail(f"/v9/projects/{'x'}", "forbidden")
    deployer = open_provider(vercel.url, patience=HASTY).deploys_as(account("vcp_revoked"))
    with pytest.raises(CredentialRefused):
        await deployer.destroy(story.app)
