"""What failed by no fault of the app is deployed again, with pauses and not for ever."""

import asyncio
import random
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from tests.services.deployer.platform import eventually
from tests.services.deployer.pushes.hub import Hub

from autodeploy.kernel.http.retries import Patience
from autodeploy.services.deployer import runner
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.pushes import service
from autodeploy.services.deployer.pushes.models import WatchedBranch
from autodeploy.services.deployer.pushes.schemas import WatchedBranchView

HOUR = 3600

# One deployment fails by it: each of its attempts repeats the call.
_IN_VAIN = ["500"] * (runner.STEP_ATTEMPTS * Patience.attempts)


async def _status(hub: Hub) -> WatchedBranchView:
    status = await service.get_status(
        hub.platform.resources, hub.platform.principal, hub.project.id
    )
    [branch] = status.branches
    return branch


@pytest.fixture
async def pushed(hub: Hub) -> str:
    """A commit that was deployed, and a newer one whose deployment waits; the id of this one."""
    await hub.switch_on(previews=True)
    await hub.follow()
    [first] = await hub.deployments()
    await hub.end(first.id, "ready")
    sha = hub.push("second")
    await hub.deliver()
    await hub.follow()
    return sha


@pytest.mark.parametrize(
    "code", ["provider_rate_limited", "provider_unavailable", "unavailable", "internal_error"]
)
async def test_a_head_that_failed_by_no_fault_of_the_app_is_deployed_again(
    hub: Hub, pushed: str, code: str
) -> None:
    await hub.fail(code)
    await hub.follow(5)
    assert (await hub.commits()).count(pushed) == 1, "not at once"
    status = await _status(hub)
    assert (status.head, status.deployed) == (pushed, hub.repo.commits[pushed].parent)
    assert status.note == f"The deployment of {pushed[:12]} failed: {code}. It is tried again."
    for _ in range(8):
        await hub.follow(5)
    assert (await hub.commits()).count(pushed) == 2, "once"
    await hub.run()
    status = await _status(hub)
    assert (status.deployed, status.note) == (pushed, None)
    await hub.follow(HOUR)
    assert (await hub.commits()).count(pushed) == 2


async def test_it_is_tried_less_and_less_often_and_not_for_ever(hub: Hub, pushed: str) -> None:
    waited = []
    for _ in range(9):
        await hub.fail()
        begun = hub.clock()
        before = len(await hub.commits())
        while len(await hub.commits()) == before:
            await hub.follow(60)
            assert (hub.clock() - begun).total_seconds() < HOUR
        waited.append((hub.clock() - begun) // timedelta(minutes=1))
    assert waited == sorted(waited)
    assert waited[0] == 1
    assert 60 < sum(waited) < 180
    await hub.fail()
    for _ in range(6):
        await hub.follow(4 * HOUR)
    assert (await hub.commits()).count(pushed) == 10
    assert "`autodeploy deploy`" in ((await _status(hub)).note or "")


async def test_what_is_the_apps_fault_is_said_and_left(hub: Hub, pushed: str) -> None:
    await hub.fail("build_failed")
    await hub.follow(HOUR)
    assert (await hub.commits()).count(pushed) == 1
    status = await _status(hub)
    assert status.deployed != pushed
    assert status.note == f"The deployment of {pushed[:12]} failed: build_failed."


async def test_what_failed_is_deployed_with_a_newer_commit_that_alone_would_not_count(
    hub: Hub, pushed: str
) -> None:
    await hub.switch_on(paths=["index.html"])
    await hub.fail()
    files = {**hub.repo.commits[pushed].files, "README.md": b"new"}
    newer = hub.repo.push(files, message="third")
    await hub.follow(10)
    assert (await hub.commits())[-1] == newer


async def test_what_somebody_else_deployed_meanwhile_stays(hub: Hub, pushed: str) -> None:
    await hub.fail()
    await hub.end(await hub.deploy(pushed), "ready")
    await hub.follow(HOUR)
    assert (await hub.commits()).count(pushed) == 2
    assert (await _status(hub)).note is None


async def test_a_head_that_failed_and_says_to_be_skipped_by_now_is_left(
    hub: Hub, pushed: str
) -> None:
    await hub.fail()
    hub.push("third", message="Correct a word [skip ci]")
    for _ in range(5):
        await hub.follow(60)
    assert len(await hub.commits()) == 2
    looks = len(hub.sources.fake.exchanges)
    await hub.follow(HOUR)
    await hub.follow(5)
    assert len(hub.sources.fake.exchanges) - looks < 10, "it is not looked at like something new"


async def test_a_preview_that_failed_by_no_fault_of_the_app_is_deployed_again(
    hub: Hub, pushed: str
) -> None:
    pull = hub.repo.open_pull(7, {"index.html": b"new"}, branch="new")
    await hub.follow(60)
    assert await hub.commits("pr-7") == [pull.sha]
    await hub.fail()
    await hub.follow(10)
    assert await hub.commits("pr-7") == [pull.sha]
    for _ in range(3):
        await hub.follow(60)
    assert await hub.commits("pr-7") == [pull.sha] * 2
    await hub.fail("build_failed")
    await hub.follow(HOUR)
    await hub.follow(60)
    assert await hub.commits("pr-7") == [pull.sha] * 2


@pytest.fixture
async def released(hub: Hub) -> Deployment:
    """What is live, after which a newer commit was deployed in vain by no fault of the app."""
    await hub.switch_on(previews=True)
    await hub.follow()
    await hub.run()
    [first] = await hub.deployments()
    hub.push("second")
    await hub.deliver()
    await hub.follow()
    await hub.fail()
    return first


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_rollback_after_the_failure_wins(
    hub: Hub, released: Deployment, is_over: bool
) -> None:
    before = await hub.commits()
    await hub.roll_back(released.id)
    if is_over:
        await hub.run()
    for _ in range(3):
        await hub.follow(60)
    await hub.follow(HOUR)
    assert await hub.commits() == [*before, released.commit_sha]
    assert (await _status(hub)).note is None
    newer = hub.push("third")
    await hub.deliver()
    await hub.follow()
    assert (await hub.commits())[-1] == newer, "what is pushed later is deployed"


async def test_a_rollback_at_the_moment_of_the_repetition_wins(
    hub: Hub, released: Deployment
) -> None:
    before = await hub.commits()
    async with hub.platform.resources.db.transaction() as other:
        await other.execute(select(WatchedBranch.id).with_for_update())
        following = asyncio.create_task(hub.follow(60))
        await eventually(lambda: _is_waited_for(hub))
        await hub.roll_back(released.id)
    await following
    await hub.follow(HOUR)
    assert await hub.commits() == [*before, released.commit_sha]


async def _is_waited_for(hub: Hub) -> bool:
    """Whether somebody waits for what another transaction has locked."""
    async with hub.platform.resources.db.transaction() as session:
        waits = await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
    return bool(waits)


async def test_a_rollback_of_a_preview_wins_over_its_repetition(
    hub: Hub, released: Deployment
) -> None:
    hub.repo.open_pull(7, {"index.html": b"new"}, branch="new")
    await hub.follow(60)
    await hub.run()
    [first] = await hub.deployments("pr-7")
    pull = hub.repo.open_pull(7, {"index.html": b"newer"}, branch="new")
    await hub.follow(60)
    await hub.fail()
    await hub.roll_back(first.id)
    for seconds in (60, 60, HOUR, 60):
        await hub.follow(seconds)
    assert await hub.commits("pr-7") == [first.commit_sha, pull.sha, first.commit_sha]


async def test_a_preview_is_deployed_again_once_whoever_tells_of_its_head(
    hub: Hub, pushed: str
) -> None:
    pull = hub.repo.open_pull(7, {"index.html": b"new"}, branch="new")
    await hub.follow(60)
    await hub.fail()
    await asyncio.gather(*(hub.follow(61) for _ in range(3)))
    await hub.follow(5)
    assert await hub.commits("pr-7") == [pull.sha] * 2
    for ending in (None, "error", "ready"):  # while it waits, for a fault of the app, and at last
        if ending is not None:
            values = {"error_code": "build_failed"} if ending == "error" else {}
            await hub.end((await hub.deployments("pr-7"))[-1].id, ending, **values)
        hub.repo.announce("pull_request", {"action": "edited", "number": 7})
        await hub.deliver()
        await hub.follow(60)
        await hub.follow(HOUR)
        assert await hub.commits("pr-7") == [pull.sha] * 2, ending


async def test_a_preview_whose_head_somebody_deployed_meanwhile_is_left(
    hub: Hub, pushed: str
) -> None:
    pull = hub.repo.open_pull(7, {"index.html": b"new"}, branch="new")
    await hub.follow(60)
    await hub.fail()
    await hub.end(await hub.deploy(pull.sha, "pr-7"), "ready")
    for _ in range(3):
        await hub.follow(60)
    await hub.follow(HOUR)
    assert await hub.commits("pr-7") == [pull.sha] * 2


@pytest.mark.parametrize("seed", range(2))
async def test_live_is_the_head_though_deliveries_are_lost_and_deployments_fail(
    hub: Hub, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub fails while deployments read the sources there, too."""
    monkeypatch.setattr(runner, "RETRY_SECONDS", 0.0)
    chance = random.Random(seed)
    tarballs = f"GET /repos/{hub.repo.full_name}/tarball/"
    await hub.switch_on()
    await hub.follow()
    for number in range(12):
        for _ in range(10 if number == 6 else 1):
            sha = hub.push(f"push {number} {chance.random()}")
        if chance.random() < 0.3:
            hub.sources.fake.faults.fail(f"{tarballs}{sha}", *_IN_VAIN)
        await hub.lossy(chance)
        await hub.follow(chance.uniform(0, 40))
        await hub.run()
    head = hub.push("last")
    hub.sources.fake.faults.fail(f"{tarballs}{head}", *_IN_VAIN)
    await hub.lossy(chance)
    for _ in range(20):
        await hub.follow(5)
        await hub.run()
    made = await hub.deployments()
    assert (made[-1].commit_sha, made[-1].status) == (head, "ready")
    ended = [each.status for each in made if each.commit_sha == head]
    assert ended == ["error", "ready"], "once in vain, and once again"
    live = [each.commit_sha for each in made if each.status == "ready"]
    assert len(live) == len(set(live)), "nothing is deployed twice"
