"""Servers that stand for Vercel tell less than it does, and everyone tells what is not there."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from tests.fakes.vercel_api import TOKEN
from tests.kernel.http.servers import MovedTime, answer, scripted
from tests.providers.vercel.conftest import KeptNotes, Lines, Story, account

from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.providers.hosted import Owner
from autodeploy.providers.vercel.build_log import BuildLog
from autodeploy.providers.vercel.deployments import OURS, Deployments
from autodeploy.providers.vercel.provider import VercelProvider

NAME = "shop.example.com"


async def _client(url: str) -> AsyncIterator[HttpClient]:
    client = HttpClient(Service(name="Vercel", base_url=url), timing=MovedTime())
    yield client
    await client.close()


async def test_lines_without_an_id_or_a_time_are_told_once():
    def line(text: str, **more: Any) -> dict[str, Any]:
        return {"type": "stdout", "payload": {"text": text}, **more}

    untimed = [line("first"), line("again", serial="1"), line("again", serial=2)]
    timed = [line("second", date=1_793_000_000_500.0)]
    async with scripted(answer(200, untimed), answer(200, [*untimed, *timed])) as server:
        async for http in _client(server.url):
            notes, sink = KeptNotes(), Lines()
            log = BuildLog(http, MovedTime(), "dpl_1", notes, sink)
            for _ in range(3):
                await log.catch_up()
    assert sink.texts == ["first", "again", "again", "second"]
    assert notes.values["log"]["since"] == 1_793_000_000_500


async def test_of_a_project_that_is_gone_no_deployment_is_found():
    async with scripted(answer(404, {"error": {"code": "not_found"}})) as server:
        async for http in _client(server.url):
            assert await Deployments(http).find(uuid4(), "prj_gone") is None


async def test_of_teams_without_an_end_those_that_were_read_can_be_chosen():
    user = answer(200, {"user": {"id": "user-1", "username": "ada"}})
    teams = {"teams": [{"id": "team_1", "slug": "engines"}], "pagination": {"next": 1540095775951}}
    async with scripted(user, answer(200, teams)) as server:
        provider = VercelProvider(api_url=server.url, timing=MovedTime())
        checked = await provider.check_token(TOKEN)
        await provider.close()
    assert checked.owners == (Owner("team_1", "engines"),)


@pytest.mark.parametrize("told", [None, 1e300])
async def test_a_project_that_tells_no_time_counts_as_made_now(told):
    deployment = {"id": "dpl_1", "meta": {OURS: str(uuid4())}}
    project = {"name": "shop", "createdAt": told, "latestDeployments": [deployment]}
    before = datetime.now(UTC)
    async with scripted(answer(200, [project])) as server:
        provider = VercelProvider(api_url=server.url, timing=MovedTime())
        [found] = [each async for each in provider.resources_as(account()).list_resources()]
        await provider.close()
    assert found.made_at >= before


@pytest.mark.contract(provider="vercel")
async def test_where_one_variable_is_gone_already_the_others_are_removed_all_the_same(
    story: Story, vercel
):
    await story.build(run_environment={"LEFT": "1", "OVER": "2"})
    [project] = vercel.projects
    vercel.faults.fail(f"DELETE /v1/projects/{project.id}/env", "not_found")
    await story.build(run_environment={})
    assert {each["key"] for each in project.variables.values()} == {"PUBLIC_URL"}


@pytest.mark.contract(provider="vercel")
async def test_a_domain_of_which_nobody_tells_where_it_leads_is_not_verified(story: Story, vercel):
    await story.ship()
    vercel.records.add(NAME)
    vercel.faults.fail(f"/v6/domains/{NAME}/config", "not_found")
    assert not (await story.deployer.ensure_domain(story.app, NAME)).verified
    assert (await story.deployer.ensure_domain(story.app, NAME)).verified


@pytest.mark.contract(provider="vercel")
@pytest.mark.parametrize("host", ["x/../../", "user:secret@example.com", "a b", "[::1"])
async def test_a_release_at_what_is_no_host_is_refused(story: Story, vercel, host):
    vercel.answers_at = host
    deployment_id, artifact = await story.build()
    with pytest.raises(ProviderUnavailable, match="where the deployment is"):
        await story.release(deployment_id, artifact.key)
