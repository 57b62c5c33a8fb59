"""The release before, brought back after a newer one had the traffic at the emulated Render."""

import asyncio
from dataclasses import replace

import pytest
from tests.providers.render.conftest import (
    COMMIT,
    OTHER,
    SERVER,
    at_commit,
    build_request,
    release_request,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.hosted import SwitchingDeploys

pytestmark = pytest.mark.contract(provider="render")

WORKERS = replace(SERVER, workers={"mail": "node mail.js"})


async def _deployed(apps, log, sha: str, spec=SERVER):
    """A build that is live. Returns its request and release."""
    artifact = await apps.build(build_request(commit=at_commit(sha), spec=spec), log)
    request = release_request(artifact.key, spec=spec)
    return request, await apps.deploy(request, log)


def _live(service, render) -> list:
    now = render.time.monotonic()
    return [each for each in service.deploys if service.status_of(each, now) == "live"]


async def test_release_before_runs_again_and_is_known_by_its_new_deploy(apps, render, log):
    assert isinstance(apps, SwitchingDeploys)
    request, release = await _deployed(apps, log, COMMIT)
    await _deployed(apps, log, OTHER)
    brought = await apps.bring_back(request, release, log)
    (live,) = _live(render.service, render)
    assert (live.trigger, live.target) == ("rollback", release.resources["deploy"])
    assert brought.resources == {**release.resources, "deploy": live.id}
    await apps.promote(request, brought)
    assert await apps.bring_back(request, brought, log) == brought
    assert len(render.service.deploys) == 3


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_release_is_brought_back_once_whatever_gets_lost(hasty_apps, render, log, fault):
    request, release = await _deployed(hasty_apps, log, COMMIT)
    await _deployed(hasty_apps, log, OTHER)
    render.faults.fail(f"POST /services/{render.service.id}/rollback", fault)
    first = await hasty_apps.bring_back(request, release, log)
    # The process died before it could tell.
    assert await hasty_apps.bring_back(request, release, log) == first
    assert len(render.service.deploys) == 3


async def test_release_is_brought_back_after_each_one_that_fails(apps, render, log):
    request, release = await _deployed(apps, log, COMMIT)
    for _ in range(2):
        await _deployed(apps, log, OTHER)
        release = await apps.bring_back(request, release, log)
        (live,) = _live(render.service, render)
        assert live.commit == COMMIT
    assert len(render.service.deploys) == 5


async def test_bringing_back_that_a_stopping_worker_hands_over_is_begun_again(apps, render, log):
    request, release = await _deployed(apps, log, COMMIT)
    await _deployed(apps, log, OTHER)
    bringing = asyncio.create_task(apps.bring_back(request, release, log))
    while len(render.service.deploys) < 3:
        await asyncio.sleep(0)
    bringing.cancel()
    await asyncio.wait({bringing})
    brought = await apps.bring_back(request, release, log)
    (live,) = _live(render.service, render)
    assert (live.commit, live.id) == (COMMIT, brought.resources["deploy"])


async def test_what_still_serves_is_left_as_it_is(apps, render, log):
    request, release = await _deployed(apps, log, COMMIT)
    render.outcomes = ["update_failed"]
    with pytest.raises(DeploymentFailed):
        await _deployed(apps, log, OTHER)
    assert await apps.bring_back(request, release, log) == release
    assert len(render.service.deploys) == 2


async def test_what_somebody_deployed_in_the_dashboard_is_left(apps, render, log, time):
    request, release = await _deployed(apps, log, COMMIT)
    manual = render.service.start(time.monotonic(), OTHER, "manual")
    time.seconds += 60
    assert await apps.bring_back(request, release, log) == release
    assert _live(render.service, render) == [manual]


async def test_what_runs_beside_the_app_is_brought_back_with_it(apps, render, log):
    request, release = await _deployed(apps, log, COMMIT, WORKERS)
    await _deployed(apps, log, OTHER, WORKERS)
    mail = render.beside("mail")
    assert [each.commit for each in _live(mail, render)] == [OTHER]
    brought = await apps.bring_back(request, release, log)
    assert [each.commit for each in _live(mail, render)] == [COMMIT]
    assert brought.resources["beside"] == {mail.name: _live(mail, render)[0].id}


async def test_build_that_render_has_no_more_is_not_brought_back(apps, render, log):
    request, release = await _deployed(apps, log, COMMIT)
    await _deployed(apps, log, OTHER)
    del render.service.deploys[0]
    with pytest.raises(DeploymentFailed, match="no more"):
        await apps.bring_back(request, release, log)
