"""A build that was made gets the traffic, loses it to a later one, and gets it back."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.fakes.vercel_state import EPOCH_MS, AliasJob
from tests.providers.vercel.conftest import HASTY, Story, account

from autodeploy.kernel.errors import DeploymentFailed, NotFound
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.providers.base import Release, RuntimeLines
from autodeploy.providers.vercel.errors import BuildFailed, BuildTimeout

pytestmark = pytest.mark.contract(provider="vercel")


def _asked(vercel) -> list[str]:
    """What moved the traffic, in order."""
    words = [each.path.split("/")[4] for each in vercel.exchanges if each.method == "POST"
             and each.path.startswith(("/v10/projects/prj", "/v1/projects/prj"))]  # fmt: skip
    return [word for word in words if word in ("promote", "rollback")]


async def test_a_production_build_answers_alone_before_it_has_traffic(story, vercel):
    deployment_id, artifact = await story.build()
    release = await story.release(deployment_id, artifact.key)
    (made,) = vercel.deployments
    assert release.check_urls == (f"https://{made.host}/",)
    assert release.resources == {
        "project": made.project.id, "deployment": made.id, "url": f"https://{made.host}",
    }  # fmt: skip
    assert made.project.production is None
    assert (await story.deployer.status(release)).state == "running"


async def test_a_production_build_is_ready_though_vercel_does_not_say_that_it_is_staged(
    story, vercel, time
):
    vercel.outcome = "untold"
    deployment_id, artifact = await story.build()
    before = time.seconds
    await story.release(deployment_id, artifact.key)
    assert time.seconds == before


async def test_promoting_gives_it_the_addresses_of_the_project(story, vercel):
    _, key, url = await story.ship()
    (project,) = vercel.projects
    assert url == f"https://{project.name}.vercel.app"
    assert project.production.id == key
    assert _asked(vercel) == ["promote"]


async def test_promoting_what_has_the_traffic_does_nothing(story, vercel):
    deployment_id, key, url = await story.ship()
    assert await story.go_live(deployment_id, key) == url
    assert _asked(vercel) == ["promote"]


async def test_an_earlier_build_gets_the_traffic_back_without_a_build(story, vercel):
    _, first, url = await story.ship()
    _, second, _ = await story.ship()
    assert vercel.projects[0].production.id == second
    assert await story.deployer.has_build(first)
    assert await story.go_live(uuid4(), first) == url
    assert vercel.projects[0].production.id == first
    assert _asked(vercel) == ["promote", "promote", "rollback"]
    assert len(vercel.deployments) == 2


async def test_a_plan_without_rollbacks_promotes_instead(story, vercel):
    _, first, _ = await story.ship()
    await story.ship()
    vercel.rolls_back = False
    await story.go_live(uuid4(), first)
    assert vercel.projects[0].production.id == first
    assert _asked(vercel) == ["promote", "promote", "rollback", "promote"]


async def test_a_promotion_that_is_under_way_is_waited_for(story, vercel):
    deployment_id, artifact = await story.build()
    release = await story.release(deployment_id, artifact.key)
    request = story.release_request(deployment_id, artifact.key)
    promoting = asyncio.create_task(story.deployer.promote(request, release))
    while vercel.projects[0].job is None:
        await asyncio.sleep(0)
    promoting.cancel()
    await asyncio.wait({promoting})
    await story.deployer.promote(request, release)
    assert vercel.projects[0].production.id == artifact.key
    assert _asked(vercel) == ["promote"]


@pytest.mark.parametrize("fault", ["lost", "cut", "502", "conflict"])
async def test_a_promotion_whose_answer_is_lost_is_done(story, vercel, fault):
    deployment_id, artifact = await story.build()
    release = await story.release(deployment_id, artifact.key)
    path = f"/v10/projects/{release.resources['project']}/promote/{artifact.key}"
    vercel.faults.fail(path, fault)
    request = story.release_request(deployment_id, artifact.key)
    await story.deployer.promote(request, release)
    assert vercel.projects[0].production.id == artifact.key


async def test_a_promotion_that_is_queued_is_waited_for_and_not_asked_for_again(story, vercel):
    """Behind a rolling release."""
    vercel.queued_for = 400.0
    _, key, _ = await story.ship()
    assert vercel.projects[0].production.id == key
    assert _asked(vercel) == ["promote"]


async def test_a_promotion_that_stays_queued_is_given_up(story, vercel):
    deployment_id, artifact = await story.build()
    vercel.queued_for = 10_000.0
    with pytest.raises(BuildTimeout, match="not moved the traffic after 10 minutes"):
        await story.go_live(deployment_id, artifact.key)
    assert _asked(vercel) == ["promote"]


@pytest.mark.parametrize("queued_for", [0.0, 60.0])
@pytest.mark.parametrize("outcome", ["failed", "skipped"])
async def test_a_promotion_that_fails_is_told(story, vercel, outcome, queued_for):
    deployment_id, artifact = await story.build()
    vercel.job_outcome, vercel.queued_for = outcome, queued_for
    with pytest.raises(DeploymentFailed, match=f"promote has {outcome}") as raised:
        await story.go_live(deployment_id, artifact.key)
    assert raised.value.remedy


async def test_a_promotion_that_is_refused_is_told(story, vercel):
    deployment_id, artifact = await story.build()
    release = await story.release(deployment_id, artifact.key)
    path = f"/v10/projects/{release.resources['project']}/promote/{artifact.key}"
    vercel.faults.fail(path, "invalid")
    with pytest.raises(ProviderRefused, match="unprocessable"):
        await story.deployer.promote(story.release_request(deployment_id, artifact.key), release)


async def test_a_preview_has_its_own_address_alone(preview, vercel):
    deployment_id, artifact = await preview.build()
    url = await preview.go_live(deployment_id, artifact.key)
    assert url == f"https://{vercel.deployments[0].host}"
    assert _asked(vercel) == []


async def test_a_release_waits_for_its_addresses(preview, vercel, time):
    deployment_id, artifact = await preview.build()
    assert not vercel.deployments[0].aliased
    await preview.release(deployment_id, artifact.key)
    assert vercel.deployments[0].aliased


@pytest.mark.parametrize(
    ("outcome", "words"), [("alias_error", "cert_missing"), ("check_failed", "checks failed")]
)
async def test_a_build_that_gets_no_address_is_told(preview, vercel, outcome, words):
    vercel.outcome = outcome
    deployment_id, artifact = await preview.build()
    with pytest.raises(BuildFailed, match=f"no address: .*{words}"):
        await preview.release(deployment_id, artifact.key)


async def test_a_build_that_never_gets_an_address_is_given_up(preview, vercel, time):
    vercel.outcome = "unaliased"
    deployment_id, artifact = await preview.build()
    with pytest.raises(BuildTimeout, match="no address for 10 minutes"):
        await preview.release(deployment_id, artifact.key)


async def test_a_build_that_is_gone_cannot_be_released(story, vercel):
    deployment_id, artifact = await story.build()
    release = await story.release(deployment_id, artifact.key)
    vercel.deployments.clear()
    assert not await story.deployer.has_build(artifact.key)
    assert (await story.deployer.status(release)).state == "absent"
    with pytest.raises(DeploymentFailed, match="any more"):
        await story.release(deployment_id, artifact.key)


async def test_retiring_cancels_what_builds_and_keeps_what_is_ready(story, vercel):
    ready_id, key, _ = await story.ship()
    vercel.outcome = "never"
    request = story.request()
    building = asyncio.create_task(story.deployer.build(request, story.log))
    while len(vercel.deployments) < 2:
        await asyncio.sleep(0.001)
    for deployment_id in (ready_id, request.deployment_id, uuid4()):
        await story.deployer.retire(story.app, deployment_id)
    with pytest.raises(BuildFailed, match="cancelled"):
        await building
    assert await story.deployer.has_build(key)
    assert not vercel.deployments[1].canceled
    assert len([each for each in vercel.exchanges if each.path.endswith("/cancel")]) == 1


async def test_destroying_removes_the_project_however_often(story, vercel):
    await story.ship()
    await story.deployer.remove_builds(story.app)
    await story.deployer.prepare(story.app, {})
    assert len(vercel.deployments) == 1
    for _ in range(2):
        await story.deployer.destroy(story.app)
    assert vercel.projects == []
    await story.deployer.retire(story.app, uuid4())


async def test_what_a_release_prints_is_read_from_now_on(story, vercel):
    release = await _shipped(story)
    vercel.print_line("before anybody listens")

    async def printing() -> None:
        while "runtime-logs" not in vercel.exchanges[-1].path:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        vercel.print_line("hello")
        vercel.print_line("it broke\nat x", level="error")

    printer = asyncio.create_task(printing())
    found = await story.deployer.runtime_lines(release, None, 0)
    await printer
    assert [(stream, text) for _, stream, text in found.lines] == [
        ("stdout", "hello"), ("stderr", "it broke"), ("stderr", "at x"),
    ]  # fmt: skip
    assert found.cursor == f"{EPOCH_MS + 2}/row-2"
    # A stream that is opened again may begin with what was told already.
    before = list(vercel.printed)
    again = asyncio.create_task(story.deployer.runtime_lines(release, found.cursor, 0))
    looks = len(_looks(vercel))
    while len(_looks(vercel)) == looks:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    vercel.printed += before
    assert await again == RuntimeLines(found.cursor, ())


def _looks(vercel) -> list:
    return [each for each in vercel.exchanges if "runtime-logs" in each.path]


async def test_output_is_read_by_a_process_that_did_not_deploy(story, vercel, open_provider):
    release = await _shipped(story)
    other = open_provider(vercel.url, patience=HASTY).deploys_as(account())
    assert (await other.runtime_lines(release, None, 0)).lines == ()
    assert vercel.calls("GET", "/v7/deployments") == []
    with pytest.raises(NotFound):
        await other.runtime_lines(_unknown(release), None, 0)


async def test_what_is_live_is_told_from_what_somebody_changed_at_vercel(story, vercel):
    first = await _shipped(story)
    deployer, app = story.deployer, story.app
    assert (await deployer.live_status(app, first)).state == "running"
    second = await _shipped(story)
    assert (await deployer.live_status(app, first)).state == "replaced"
    assert (await deployer.live_status(app, second)).state == "running"
    # Somebody goes back to the first one in the console; while that is under way nobody knows.
    [project] = vercel.projects
    there = {each.id: each for each in vercel.deployments}[first.resources["deployment"]]
    project.job = AliasJob(vercel.time, "rollback", there, "succeeded", None)
    assert (await deployer.live_status(app, second)).state == "running"
    vercel.time.seconds += 60
    assert (await deployer.live_status(app, second)).state == "replaced"
    vercel.deployments.remove(there)
    assert (await deployer.live_status(app, first)).state == "absent"
    vercel.projects.remove(project)
    assert (await deployer.live_status(app, second)).state == "absent"


def _unknown(release: Release) -> Release:
    return replace(release, resources={**release.resources, "deployment": "dpl_unknown"})


async def _shipped(story: Story) -> Release:
    """A release that has the traffic."""
    deployment_id, artifact = await story.build()
    release = await story.release(deployment_id, artifact.key)
    await story.deployer.promote(story.release_request(deployment_id, artifact.key), release)
    return release


async def test_apps_of_different_environments_are_apart(story, preview: Story, vercel):
    await story.build()
    await preview.build()
    assert len({each.id for each in vercel.projects}) == 2
    await preview.deployer.destroy(preview.app)
    assert [each.name[:15] for each in vercel.projects] == ["shop-production"]
