"""Every call to Vercel as its description has it, at the emulated one or any other."""

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.fakes.vercel_api import TEAM, TOKEN, FakeVercelApi
from tests.kernel.http.servers import MovedTime
from tests.providers.vercel.conftest import (
    COMMIT,
    ELSEWHERE,
    KeptNotes,
    Story,
    account,
    app_of,
    write,
)

from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.base import BuildSpec
from autodeploy.providers.vercel.provider import VercelProvider

pytestmark = [pytest.mark.contract(provider="vercel"), pytest.mark.usefixtures("described")]

TOKEN_THERE = os.environ.get("AUTODEPLOY_CONTRACT_TOKEN", TOKEN)
TEAM_THERE = os.environ.get("AUTODEPLOY_CONTRACT_TEAM") if ELSEWHERE else TEAM


@pytest.fixture
async def anywhere(time: MovedTime) -> AsyncIterator[VercelProvider]:
    """The provider, wherever the tests of the contract go."""
    if ELSEWHERE:
        provider = VercelProvider(api_url=ELSEWHERE.rstrip("/"))
        yield provider
        await provider.close()
        return
    async with FakeVercelApi(time).run() as fake:
        provider = VercelProvider(api_url=fake.url, timing=time)
        yield provider
        await provider.close()


@pytest.fixture
async def site(anywhere: VercelProvider, tmp_path) -> AsyncIterator[Story]:
    """A site of one page, whose project is removed after the test."""
    write(tmp_path / "site", {"index.html": f"<h1>{uuid4()}</h1>".encode()})
    deployer = anywhere.deploys_as(account(TOKEN_THERE, TEAM_THERE))
    story = Story(deployer, app_of(), tmp_path / "site")
    yield story
    await deployer.destroy(story.app)


PAGE = {
    "spec": BuildSpec(
        kind="static", language=None, framework=None, package_manager=None, runtime_version=None,
        install_command=None, build_command=None, start_command=None, release_command=None,
        output_directory=None,
    )
}  # fmt: skip


async def test_a_token_is_checked(anywhere):
    checked = await anywhere.check_token(TOKEN_THERE)
    assert checked.name
    if TEAM_THERE:
        assert TEAM_THERE in {each.id for each in checked.owners}
    with pytest.raises(CredentialRefused):
        await anywhere.check_token("vcp_nobodysToken00000000")


async def test_a_site_is_built_shown_replaced_and_brought_back(site):
    deployer = site.deployer
    builds = []
    for number in range(2):
        write(site.folder, {"number.txt": b"%d" % number})
        deployment_id, artifact = await site.build(**PAGE)
        assert await deployer.has_build(artifact.key)
        release = await site.release(deployment_id, artifact.key)
        assert release.check_urls
        assert (await deployer.status(release)).state == "running"
        request = site.release_request(deployment_id, artifact.key)
        endpoint = await deployer.promote(request, release)
        assert endpoint.url.startswith("https://")
        assert (await deployer.live_status(site.app, release)).state == "running"
        builds.append((deployment_id, artifact.key, endpoint.url))
    assert await site.go_live(uuid4(), builds[0][1]) == builds[0][2]
    for deployment_id, key, _ in builds:
        await deployer.retire(site.app, deployment_id)
        assert await deployer.has_build(key)
    lines = await deployer.runtime_lines(release, None, 0)
    assert lines.cursor


async def test_a_build_that_is_asked_for_again_is_the_same(site):
    request = site.request(notes=KeptNotes(), **PAGE)
    first = await site.deployer.build(request, site.log)
    assert await site.deployer.build(request, site.log) == first
    del request.notes.values["deployment"]
    assert await site.deployer.build(request, site.log) == first


async def test_variables_of_a_later_build_replace_those_of_one_before(site):
    await site.build(**PAGE, environment={"ONE": "1", "TWO": "2"})
    await site.build(**PAGE, environment={"TWO": "3"}, run_environment={})


async def test_a_commit_of_github_is_looked_for(site):
    await site.build(**PAGE, commit=COMMIT)
    assert site.fetched == 1


async def test_what_is_removed_is_gone(site):
    deployment_id, artifact = await site.build(**PAGE)
    release = await site.release(deployment_id, artifact.key)
    for _ in range(2):
        await site.deployer.destroy(site.app)
    assert (await site.deployer.status(release)).state == "absent"
    assert not await site.deployer.has_build(artifact.key)
