"""What is pushed is deployed, once, whatever becomes of the deliveries."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update
from tests.fakes.github_state import check_run_shape
from tests.services.deployer.pushes.hub import FILES, Hub, hub_of

from autodeploy.kernel.errors import Conflict, InvalidInput
from autodeploy.services.auth.authentication import authenticate
from autodeploy.services.auth.models import OrganizationMember
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import ServiceTokenInput
from autodeploy.services.deployer import projects, service_tokens
from autodeploy.services.deployer.pushes import service
from autodeploy.services.deployer.pushes.branches import look_at_branches
from autodeploy.services.deployer.pushes.following import pause_after
from autodeploy.services.deployer.pushes.models import PushToDeploy, WatchedBranch
from autodeploy.services.deployer.pushes.renames import follow_renamed
from autodeploy.services.deployer.schemas import ProjectInput


async def test_switching_on_deploys_the_head_of_the_default_branch(hub: Hub) -> None:
    view = await hub.switch_on()
    assert view.branches == {"main": "production"}
    await hub.follow()
    [deployment] = await hub.deployments()
    assert deployment.commit_sha == hub.repo.branches["main"]
    assert (deployment.branch, deployment.environment) == ("main", "production")
    assert deployment.created_by == hub.platform.principal.account_id
    assert deployment.trigger == {
        "type": "push", "branch": "main", "message": "first", "author": "octocat",
    }  # fmt: skip


async def test_a_github_that_was_made_from_its_description_is_followed_and_told(hub: Hub) -> None:
    hub.sources.fake.described_only = True
    await hub.switch_on(previews=True)
    await hub.follow()
    hub.repo.open_pull(7, FILES)
    hub.repo.announce("pull_request", {"action": "opened", "number": 7})
    sha = hub.push("second")
    await hub.deliver()
    await hub.follow()
    [first, _, pull] = deployments = await hub.deployments()
    assert {each.commit_sha for each in deployments} >= {first.commit_sha, sha, pull.commit_sha}
    await hub.tell()
    assert len(hub.repo.hooks) == 1
    assert hub.repo.statuses[sha][0]["state"] == "pending"
    assert hub.repo.comments[7]
    asked = [each.path for each in hub.sources.fake.exchanges]
    assert not [each for each in asked if each.startswith("/repositories/")]


async def test_what_is_deployed_already_is_not_deployed_again(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await service.switch_off(hub.platform.resources, hub.platform.principal, hub.project.id)
    await hub.switch_on()
    await hub.follow()
    assert len(await hub.deployments()) == 1


async def test_a_push_is_deployed_as_soon_as_its_delivery_has_come(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await hub.follow(3600)  # quiet for an hour: nobody looks for two minutes
    await hub.follow(1)
    sha = hub.push("second")
    await hub.follow(1)
    assert sha not in await hub.commits()
    await hub.deliver()
    await hub.follow()
    assert (await hub.commits())[-1] == sha
    assert hub.answers == [204]


async def test_a_delivery_that_comes_again_or_late_deploys_nothing(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    hub.push("second")
    late = list(hub.repo.outgoing)
    hub.push("third")
    await hub.deliver()
    await hub.follow()
    await hub.deliver(late * 3)
    await hub.follow()
    commits = await hub.commits()
    assert commits[-1] == hub.repo.branches["main"]
    assert len(commits) == len(set(commits)) == 2


async def test_a_branch_that_goes_back_is_deployed_again(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    first = hub.repo.branches["main"]
    second = hub.push("second")
    await hub.follow(10)
    hub.repo.branches["main"] = first
    await hub.follow(10)
    assert await hub.commits() == [first, second, first]


@pytest.mark.parametrize("seed", range(4))
async def test_deployed_is_the_head_though_a_third_of_a_surge_is_lost(hub: Hub, seed: int) -> None:
    chance = random.Random(seed)
    await hub.switch_on()
    await hub.follow()
    for number in range(30):
        for _ in range(10 if number == 15 else 1):
            hub.push(f"push {number} {chance.random()}")
        if chance.random() < 0.5:
            await hub.lossy(chance)
        await hub.follow(chance.uniform(0, 2))
    await hub.lossy(chance)
    for _ in range(12):
        await hub.follow(5)
        await hub.deliver()  # what GitHub was asked to send again
    commits = await hub.commits()
    assert commits[-1] == hub.repo.branches["main"]
    assert len(commits) == len(set(commits))
    open_ = [each for each in await hub.deployments() if each.status == "queued"]
    assert [each.commit_sha for each in open_] == [hub.repo.branches["main"]]


def test_quiet_branches_are_looked_at_within_a_bounded_time() -> None:
    for seconds in range(0, 1800, 10):
        assert pause_after(timedelta(seconds=seconds)) <= timedelta(seconds=40)
    assert pause_after(timedelta(days=365), followed=100) == timedelta(seconds=40)


@pytest.mark.parametrize("followed", [1, 100, 450, 5000])
def test_an_account_that_follows_much_asks_no_more_than_github_takes(followed: int) -> None:
    pause = pause_after(timedelta(days=365), followed=followed)
    assert followed * 2 / pause.total_seconds() <= 300 / 60


@pytest.mark.parametrize("mark", ["[skip deploy]", "[Skip CI]"])
async def test_a_commit_that_says_so_is_not_deployed(hub: Hub, mark: str) -> None:
    await hub.switch_on()
    await hub.follow()
    hub.push("second", message=f"Correct a word {mark}")
    await hub.follow(10)
    assert len(await hub.commits()) == 1
    assert mark.lower() in ((await hub.branch()).note or "")
    third = hub.push("third")
    await hub.follow(10)
    assert (await hub.commits())[-1] == third
    assert (await hub.branch()).note is None


async def test_files_elsewhere_in_the_repository_deploy_nothing(platform) -> None:
    async with hub_of(platform, root_directory="apps/web") as hub:
        await hub.switch_on()
        hub.repo.push({"apps/web/a": b"1", "docs/a": b"1"}, message="one")
        await hub.follow()
        hub.repo.push({"apps/web/a": b"1", "docs/a": b"2"}, message="two")
        await hub.follow(10)
        assert len(await hub.commits()) == 1
        skipped = hub.repo.push({"apps/web/a": b"2", "docs/a": b"2"}, message="x [skip ci]")
        await hub.follow(10)
        third = hub.repo.push({"apps/web/a": b"2", "docs/a": b"3"}, message="three")
        await hub.follow(10)
        # Since what is deployed, the app has changed: by a commit that was left out by itself.
        assert (await hub.commits())[-1] == third
        assert skipped not in await hub.commits()


async def test_paths_that_are_named_count_instead(hub: Hub) -> None:
    await hub.switch_on(paths=["src/**", "!src/**/*.md"])
    await hub.follow()
    hub.repo.push({**FILES, "src/a/README.md": b"1"}, message="two")
    await hub.follow(10)
    assert len(await hub.commits()) == 1
    hub.repo.push({**FILES, "src/a/b.py": b"1"}, message="three")
    await hub.follow(10)
    assert len(await hub.commits()) == 2


async def test_a_commit_waits_for_its_checks(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await hub.switch_on(waitForCi=True)
    sha = hub.push("second")

    def check(conclusion: str | None) -> None:
        shape = check_run_shape("ci", sha, conclusion, hub.sources.fake.url)
        hub.repo.check_runs[sha] = [shape]

    await hub.follow(10)
    assert "has begun" in ((await hub.branch()).note or "")
    for conclusion in (None, "failure"):
        check(conclusion)
        await hub.follow(60)
        assert sha not in await hub.commits()
    assert "failed" in ((await hub.branch()).note or "")
    check("success")
    await hub.follow(60)
    assert (await hub.commits())[-1] == sha


async def test_a_commit_without_checks_does_not_wait_for_ever(hub: Hub) -> None:
    await hub.switch_on(waitForCi=True)
    await hub.follow()
    assert await hub.commits() == []
    await hub.follow(60)
    assert await hub.commits() == [hub.repo.branches["main"]]


async def test_who_may_not_deploy_any_more_deploys_no_push(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    async with hub.platform.resources.db.transaction() as session:
        await session.execute(update(OrganizationMember).values(role="viewer"))
    hub.push("second")
    await hub.follow(10)
    assert len(await hub.commits()) == 1
    status = await service.get_status(
        hub.platform.resources, hub.platform.principal, hub.project.id
    )
    assert "may not deploy" in (status.branches[0].note or "")
    async with hub.platform.resources.db.transaction() as session:
        await session.execute(delete(OrganizationMember))
    await hub.follow(60)
    assert len(await hub.commits()) == 1


async def test_a_service_token_that_switched_it_on_deploys_until_it_is_revoked(hub: Hub) -> None:
    resources, owner = hub.platform.resources, hub.platform.principal
    made = await service_tokens.create_token(
        resources, owner, hub.project.id, ServiceTokenInput(name="CI", scopes=[Scope.WRITE])
    )
    hub.platform.principal = await authenticate(resources, made.token)
    await hub.switch_on()
    await hub.follow()
    [deployment] = await hub.deployments()
    assert deployment.service_token_id == made.id
    await service_tokens.revoke_token(resources, owner, hub.project.id, made.id)
    hub.push("second")
    await hub.follow(10)
    assert len(await hub.commits()) == 1
    assert "may not deploy" in ((await hub.branch()).problem or "")


async def test_a_branch_that_is_not_there_and_an_account_that_left_are_said(hub: Hub) -> None:
    await hub.switch_on(branches={"release": "production"})
    await hub.follow()
    assert "no branch release" in ((await hub.branch()).problem or "")
    hub.push("first", branch="release")
    await hub.follow(60)
    assert (await hub.branch()).problem is None
    await hub.sources.disconnect()
    hub.push("second", branch="release")
    await hub.follow(60)
    assert "No account at GitHub" in ((await hub.branch()).problem or "")
    assert len(await hub.commits()) == 1


async def test_a_branch_that_was_renamed_is_followed_by_its_new_name(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    hub.repo.rename_branch("main", "trunk")
    await hub.follow(60)
    branch = await hub.branch()
    assert (branch.branch, branch.environment, branch.problem) == ("trunk", "production", None)
    assert "main was renamed to trunk at GitHub" in (branch.note or "")
    assert len(await hub.commits()) == 1, "its head is deployed already"
    sha = hub.push("second", branch="trunk")
    await hub.deliver()
    await hub.follow()
    [_, second] = await hub.deployments()
    assert (second.commit_sha, second.branch) == (sha, "trunk")
    # Whoever makes a new branch of the old name has that deployed by nobody.
    del hub.repo.renamed_branches["main"]
    hub.push("another", branch="main")
    await hub.deliver()
    await hub.follow(60)
    assert len(await hub.commits()) == 2


async def test_what_was_pushed_with_the_renaming_is_deployed_in_the_same_look(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    hub.repo.rename_branch("main", "trunk")
    sha = hub.push("second", branch="trunk")
    await hub.follow(60)
    newest = (await hub.deployments())[-1]
    assert (newest.commit_sha, newest.branch) == (sha, "trunk")
    assert newest.trigger is not None
    assert newest.trigger["branch"] == "trunk"


async def test_a_new_name_that_another_environment_follows_is_told(hub: Hub) -> None:
    hub.push("on trunk", branch="trunk")
    await hub.switch_on(branches={"main": "production", "trunk": "staging"})
    await hub.follow()
    hub.repo.branches["trunk"] = hub.repo.branches.pop("main")
    hub.repo.renamed_branches["main"] = "trunk"
    await hub.follow(60)
    async with hub.platform.resources.db.transaction() as session:
        rows = {each.branch: each for each in await session.scalars(select(WatchedBranch))}
    assert rows.keys() == {"main", "trunk"}
    problem = rows["main"].problem or ""
    assert "The branch main is called trunk now, which is deployed to staging. Use trunk" in problem


async def test_a_renaming_leaves_what_somebody_has_changed_meanwhile(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    stale = await hub.branch()
    async with hub.platform.resources.db.transaction() as session:
        settings = (await session.scalars(select(PushToDeploy))).one()
    for _ in range(2):  # another worker has seen the same
        await follow_renamed(hub.platform.engine, settings, stale, "trunk", hub.clock())
    assert (await hub.branch()).branch == "trunk"
    await hub.switch_on(branches={"next": "production"})
    await follow_renamed(hub.platform.engine, settings, stale, "trunk", hub.clock())
    assert (await hub.branch()).branch == "next"


async def test_branches_have_environments_of_their_own(hub: Hub) -> None:
    await hub.switch_on(branches={"main": "production", "next": "staging"})
    hub.push("next", branch="next")
    await hub.follow()
    assert len(await hub.commits("production")) == len(await hub.commits("staging")) == 1
    for wrong in ({"a": "staging", "b": "staging"}, {"a": "pr-7"}):
        with pytest.raises(InvalidInput):
            await hub.switch_on(branches=wrong)
    view = await hub.switch_on(branches={"main": "staging", "next": "production"})
    assert view.branches == {"main": "staging", "next": "production"}


async def test_the_repository_is_asked_for_once_for_all_branches_of_a_pass(hub: Hub) -> None:
    for number in range(9):
        hub.push(f"of {number}", branch=f"b{number}")
    await hub.switch_on(branches={f"b{number}": f"e{number}" for number in range(9)})
    hub.sources.fake.exchanges.clear()
    await look_at_branches(hub.platform.engine, hub.clock())
    assert len(hub.sources.fake.calls("GET", "/repos/octo/site")) == 1
    assert len(await hub.commits()) == 9


async def test_an_account_at_its_limit_is_left_alone_until_it_ends(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    sha = hub.push("second")
    hub.sources.fake.faults.fail("GET", "primary_limit")
    asked = len(hub.sources.fake.exchanges)
    for _ in range(5):
        await hub.deliver()
        await hub.follow(60)
    assert len(hub.sources.fake.exchanges) == asked + 1
    assert "takes no more calls" in ((await hub.branch()).problem or "")
    await hub.follow(1900)
    await hub.follow(10)
    assert (await hub.commits())[-1] == sha
    assert len(await hub.commits()) == 2


async def test_a_project_whose_sources_are_elsewhere_cannot_be_followed(hub: Hub) -> None:
    platform = hub.platform
    project = await projects.create_project(
        platform.resources, platform.principal, ProjectInput(name="empty")
    )
    hub.project = project
    with pytest.raises(Conflict):
        await hub.switch_on()


async def test_switched_off_nothing_is_deployed(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await hub.switch_on(enabled=False)
    hub.push("second")
    await hub.deliver()
    await hub.follow(600)
    assert len(await hub.commits()) == 1
