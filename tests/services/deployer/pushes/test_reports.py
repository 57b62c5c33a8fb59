"""What GitHub is told of deployments: the present state, in order, whatever fails on the way."""

from uuid import UUID

import pytest
from sqlalchemy import select
from tests.services.deployer.pushes.hub import Hub

from autodeploy.services.deployer.deployments import roll_back
from autodeploy.services.deployer.pushes.models import DeploymentReport


def _deployment_states(hub: Hub) -> dict[str, list[str]]:
    """What each deployment at GitHub was told, by its commit, the oldest first."""
    return {
        each["sha"]: [
            one["state"] for one in reversed(hub.repo.deployment_statuses.get(number, []))
        ]
        for number, each in hub.repo.deployments.items()
    }


def _commit_states(hub: Hub, sha: str) -> list[str]:
    return [each["state"] for each in reversed(hub.repo.statuses.get(sha, []))]


async def _reports(hub: Hub) -> list[DeploymentReport]:
    async with hub.platform.resources.db.transaction() as session:
        return list(await session.scalars(select(DeploymentReport)))


async def _deployed(hub: Hub) -> tuple[UUID, str]:
    await hub.switch_on()
    await hub.follow()
    [deployment] = await hub.deployments()
    return deployment.id, deployment.commit_sha


async def test_a_deployment_is_told_from_its_begin_to_its_end(hub: Hub) -> None:
    deployment_id, sha = await _deployed(hub)
    await hub.tell()
    for status in ("building", "deploying", "ready"):
        await hub.end(deployment_id, status, url="https://site.example.com")
        await hub.tell()
        await hub.tell()
    assert _deployment_states(hub) == {sha: ["queued", "in_progress", "success"]}
    assert _commit_states(hub, sha) == ["pending", "pending", "success"]
    [made] = hub.repo.deployments.values()
    assert made["environment"] == "site/production"
    assert made["production_environment"]
    last = hub.repo.statuses[sha][0]
    assert last["context"] == "autodeploy/site/production"
    assert last["target_url"] == "https://site.example.com"
    assert hub.repo.deployment_statuses[made["id"]][0]["environment_url"] == (
        "https://site.example.com"
    )
    assert [each.settled for each in await _reports(hub)] == [True]
    told = len(hub.sources.fake.exchanges)
    await hub.tell(600)
    assert len(hub.sources.fake.exchanges) == told


async def test_a_failure_is_told_by_its_code_alone(hub: Hub) -> None:
    deployment_id, sha = await _deployed(hub)
    await hub.end(deployment_id, "error", error_code="build_failed", error_message="internal.path")
    await hub.tell()
    assert _commit_states(hub, sha) == ["failure"]
    assert hub.repo.statuses[sha][0]["description"] == "Failed: build_failed"


async def test_a_failure_of_the_platform_is_told_as_an_error(hub: Hub) -> None:
    deployment_id, sha = await _deployed(hub)
    await hub.end(deployment_id, "error", error_code="internal_error")
    await hub.tell()
    assert _commit_states(hub, sha) == ["error"]
    assert _deployment_states(hub) == {sha: ["error"]}


async def test_what_a_newer_push_superseded_is_told_as_inactive(hub: Hub) -> None:
    _, first = await _deployed(hub)
    second = hub.push("second")
    await hub.follow(10)
    await hub.tell()
    assert _deployment_states(hub) == {first: ["inactive"], second: ["queued"]}


async def test_github_that_fails_is_told_later_and_once(hub: Hub) -> None:
    deployment_id, sha = await _deployed(hub)
    fail = hub.sources.fake.faults.fail
    fail(f"POST /repos/{hub.repo.full_name}/deployments", "lost")
    fail(f"POST /repos/{hub.repo.full_name}/statuses/{sha}", *["500"] * 3)
    await hub.tell()
    await hub.end(deployment_id, "ready", url="https://site.example.com")
    for _ in range(6):
        await hub.tell(600)
    assert len(hub.repo.deployments) == 1
    assert _deployment_states(hub)[sha][-1] == "success"
    assert _commit_states(hub, sha)[-1] == "success"
    assert [each.settled for each in await _reports(hub)] == [True]


@pytest.mark.parametrize("status", ["403", "404", "409", "422"])
async def test_without_the_right_to_deployments_the_commit_has_its_status(
    hub: Hub, status: str
) -> None:
    """And what GitHub refuses is not told for ever."""
    deployment_id, sha = await _deployed(hub)
    made = f"/repos/{hub.repo.full_name}/deployments"
    hub.sources.fake.faults.fail(f"POST {made}", *[status] * 9)
    await hub.tell()
    await hub.end(deployment_id, "ready", url="https://site.example.com")
    for _ in range(3):
        await hub.tell(7200)
    assert _commit_states(hub, sha) == ["pending", "success"]
    assert len(hub.sources.fake.calls("POST", made)) == 1
    [report] = await _reports(hub)
    assert report.settled
    assert report.note


async def test_without_the_right_to_statuses_the_deployment_has_its_own(hub: Hub) -> None:
    deployment_id, sha = await _deployed(hub)
    statuses = f"/repos/{hub.repo.full_name}/statuses/{sha}"
    hub.sources.fake.faults.fail(f"POST {statuses}", *["403"] * 9)
    await hub.tell()
    await hub.end(deployment_id, "ready", url="https://site.example.com")
    for _ in range(3):
        await hub.tell(7200)
    assert _deployment_states(hub) == {sha: ["queued", "success"]}
    assert len(hub.sources.fake.calls("POST", statuses)) == 1
    [report] = await _reports(hub)
    assert report.settled
    assert report.note


async def test_of_two_reports_the_one_that_failed_alone_is_repeated(hub: Hub) -> None:
    deployment_id, sha = await _deployed(hub)
    await hub.end(deployment_id, "ready", url="https://site.example.com")
    made = f"POST /repos/{hub.repo.full_name}/deployments"
    hub.sources.fake.faults.fail(made, *["500"] * 3)
    await hub.tell()
    assert _commit_states(hub, sha) == ["success"]
    for _ in range(6):
        await hub.tell(600)
    assert _commit_states(hub, sha) == ["success"]
    assert _deployment_states(hub) == {sha: ["success"]}
    [report] = await _reports(hub)
    assert report.settled
    assert report.note is None


async def test_an_older_deployment_of_a_commit_does_not_have_the_last_word(hub: Hub) -> None:
    deployment_id, sha = await _deployed(hub)
    later_id = await hub.deploy(sha)
    await hub.end(later_id, "ready", url="https://site.example.com")
    await hub.tell()
    await hub.end(deployment_id, "error", error_code="build_failed")
    await hub.tell()
    assert _commit_states(hub, sha)[-1] == "success"


async def test_what_is_deployed_without_pushes_is_not_told(hub: Hub) -> None:
    await hub.switch_on()
    await hub.switch_on(enabled=False)
    await hub.deploy(hub.repo.branches["main"])
    await hub.tell()
    assert hub.repo.deployments == {}


async def test_a_release_that_was_rolled_back_is_told_after_it_was_live(hub: Hub) -> None:
    platform = hub.platform
    first_id, first = await _deployed(hub)
    await platform.runner.run(first_id)
    second = hub.push("second")
    await hub.follow(10)
    [second_id] = [each.id for each in await hub.deployments() if each.commit_sha == second]
    await platform.runner.run(second_id)
    await hub.tell()
    assert _commit_states(hub, second)[-1] == "success"
    back = await roll_back(platform.resources, platform.principal, first_id)
    await platform.runner.run(back.id)
    await hub.tell()
    assert _commit_states(hub, second)[-1] == "failure"
    assert _commit_states(hub, first)[-1] == "success"
    assert _deployment_states(hub)[second][-1] == "inactive"
    assert all(each.settled for each in await _reports(hub))
