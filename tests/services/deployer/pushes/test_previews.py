"""Previews: an environment for each open pull request, and none for one that is closed."""

import random

import pytest
from sqlalchemy import update
from tests.fakes.contract import require_contract
from tests.fakes.github_state import Pull
from tests.services.deployer.platform import Platform, eventually
from tests.services.deployer.pushes.hub import Hub, hub_of

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer import environments, variables
from autodeploy.services.deployer.pushes import comments, service
from autodeploy.services.deployer.pushes.schemas import ApprovalInput, PreviewView
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.schemas import EnvironmentInput
from autodeploy.services.deployer.variable_schemas import VariableInput


def _open(hub: Hub, number: int, text: str = "new", *, fork: bool = False) -> Pull:
    pull = hub.repo.open_pull(number, {"index.html": text.encode()}, branch=f"b{number}", fork=fork)
    _announce(hub, pull)
    return pull


def _announce(hub: Hub, pull: Pull) -> None:
    hub.repo.announce("pull_request", {"action": "…", "number": pull.number})


def _change(hub: Hub, pull: Pull, text: str) -> None:
    pull.sha = hub.repo.open_pull(
        pull.number, {"index.html": text.encode()}, branch=pull.ref, fork=pull.fork
    ).sha
    _announce(hub, hub.repo.pulls[pull.number])


async def _follow(hub: Hub, seconds: float = 0) -> None:
    await hub.deliver()
    await hub.follow(seconds)


async def _take_down(hub: Hub) -> None:
    for _ in range(2):  # what waits is stopped first
        await remove_deleted(hub.platform.engine)


async def _names(hub: Hub) -> set[str]:
    return {each.name for each in await hub.platform.environments(hub.project)}


async def _listed(hub: Hub) -> list[PreviewView]:
    page = await service.list_previews(
        hub.platform.resources, hub.platform.principal, hub.project.id
    )
    return page.items


async def _approve(hub: Hub, number: int, commit: str) -> PreviewView:
    return await service.approve_preview(
        hub.platform.resources, hub.platform.principal, hub.project.id, number,
        ApprovalInput(commit=commit),
    )  # fmt: skip


async def _set(hub: Hub, environment: str, key: str, *, secret: bool) -> None:
    await variables.create_variable(
        hub.platform.resources,
        hub.platform.principal,
        hub.project.id,
        VariableInput(key=key, value="value", is_secret=secret, environment=environment),
    )


async def _told(hub: Hub) -> str:
    await hub.tell()
    [comment] = _comments(hub, 7)
    return comment


def _comments(hub: Hub, number: int) -> list[str]:
    return [each["body"] for each in hub.repo.comments.get(number, {}).values()]


@pytest.fixture
async def previews(hub: Hub) -> Hub:
    """Pushes and pull requests are deployed, and GitHub calls."""
    await hub.switch_on(previews=True)
    await hub.follow()
    return hub


async def test_a_pull_request_is_deployed_to_an_environment_of_its_own(previews: Hub) -> None:
    pull = _open(previews, 7)
    await _follow(previews)
    [deployment] = await previews.deployments("pr-7")
    assert deployment.commit_sha == pull.sha
    assert deployment.trigger is not None
    assert deployment.trigger["type"] == "pullRequest"
    assert deployment.trigger["pull_request"] == 7
    await _follow(previews, 120)
    assert len(await previews.deployments("pr-7")) == 1
    _change(previews, pull, "newer")
    await _follow(previews)
    assert [each.commit_sha for each in await previews.deployments("pr-7")][-1] == (
        previews.repo.pulls[7].sha
    )


async def _push(hub: Hub, files: dict[str, bytes], message: str) -> str:
    """A push to the pull request 7, which workers follow; its head."""
    pull = hub.repo.open_pull(7, files, branch="b7", message=message)
    _announce(hub, pull)
    await _follow(hub)
    return pull.sha


async def _note(hub: Hub) -> str | None:
    [preview] = await _listed(hub)
    return preview.note


async def test_a_commit_that_says_so_gets_no_preview(previews: Hub) -> None:
    skipped = await _push(previews, {"a": b"1"}, "Correct a word [skip deploy]")
    assert await previews.commits("pr-7") == []
    assert await _names(previews) == {"production"}
    assert await _note(previews) == f"{skipped[:12]} says [skip deploy]."
    await previews.tell()
    assert _comments(previews, 7) == []
    deployed = await _push(previews, {"a": b"2"}, "Mend it")
    assert await _note(previews) is None
    await _push(previews, {"a": b"3"}, "Correct a word [skip ci]")
    await _follow(previews, 120)
    assert await previews.commits("pr-7") == [deployed]
    # What it has stays, and is told of.
    assert deployed[:12] in (await _told(previews))


async def test_a_pull_request_that_changes_nothing_that_counts_gets_no_preview(hub: Hub) -> None:
    await hub.switch_on(previews=True, paths=["src"])
    await hub.follow()
    begun = hub.repo.commits[hub.repo.branches["main"]].files
    await _push(hub, {**begun, "docs/a": b"1"}, "one")
    # The branch that it is for goes on, in what counts: that is not of the pull request.
    hub.repo.push({**begun, "src/b": b"1"}, message="main goes on")
    await _push(hub, {**begun, "docs/a": b"2"}, "two")
    assert await hub.commits("pr-7") == []
    assert "nothing changed that counts" in (await _note(hub) or "")
    third = await _push(hub, {**begun, "docs/a": b"2", "src/a": b"1"}, "three")
    await _push(hub, {**begun, "docs/a": b"3", "src/a": b"1"}, "four")
    fifth = await _push(hub, {**begun, "docs/a": b"3", "src/a": b"2"}, "five")
    assert await hub.commits("pr-7") == [third, fifth]


async def test_a_preview_of_a_project_below_the_root_is_made_by_its_files_alone(
    platform: Platform,
) -> None:
    require_contract("github")
    async with hub_of(platform, root_directory="apps/web") as hub:
        await hub.switch_on(previews=True)
        await hub.follow()
        await _push(hub, {"index.html": b"1"}, "beside it")
        assert await hub.commits("pr-7") == []
        within = await _push(hub, {"index.html": b"1", "apps/web/a": b"1"}, "within it")
        assert await hub.commits("pr-7") == [within]


async def test_an_approved_commit_of_a_fork_is_deployed_whatever_it_says(previews: Hub) -> None:
    pull = previews.repo.open_pull(7, {"a": b"1"}, branch="b7", fork=True, message="[skip ci]")
    _announce(previews, pull)
    await _follow(previews)
    await _approve(previews, 7, pull.sha)
    await previews.follow(1)
    assert await previews.commits("pr-7") == [pull.sha]


async def test_a_preview_begins_with_the_variables_of_previews(previews: Hub) -> None:
    await _set(previews, "preview", "COLOUR", secret=False)
    await _set(previews, "preview", "API_KEY", secret=True)
    await _set(previews, "production", "OTHER", secret=False)
    _open(previews, 7)
    await _follow(previews)
    page = await variables.list_variables(
        previews.platform.resources, previews.platform.principal, previews.project.id, "pr-7"
    )
    assert [each.key for each in page.items] == ["API_KEY", "COLOUR"]


async def test_of_more_previews_than_a_pass_compares_each_has_its_turn(
    previews: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comments, "_MOST_COMPARED", 2)
    for number in range(1, 6):
        _open(previews, number)
    await _follow(previews)
    for _ in range(3):
        await previews.tell(1)
    assert all("Waits for its turn" in _comments(previews, each)[0] for each in range(1, 6))
    [last] = await previews.deployments("pr-5")
    await previews.end(last.id, "ready", url="https://site-pr-5.example.com")
    for _ in range(3):
        await previews.tell(1)
    assert "https://site-pr-5.example.com" in _comments(previews, 5)[0]


async def test_the_comment_says_where_the_preview_is_and_how_it_fares(previews: Hub) -> None:
    _open(previews, 7)
    await _follow(previews)
    await previews.tell()
    [waiting] = _comments(previews, 7)
    assert "Waits for its turn" in waiting
    [deployment] = await previews.deployments("pr-7")
    await previews.end(deployment.id, "ready", url="https://site-pr-7.example.com")
    await previews.tell()
    await previews.tell()
    [live] = _comments(previews, 7)
    assert "https://site-pr-7.example.com" in live
    [made] = [
        each for each in previews.repo.deployments.values() if each["environment"] == "site/pr-7"
    ]
    assert made["transient_environment"]
    assert not made["production_environment"]


async def test_a_closed_pull_request_has_no_environment_any_more(previews: Hub) -> None:
    pull = _open(previews, 7)
    await _follow(previews)
    [deployment] = await previews.deployments("pr-7")
    await previews.end(deployment.id, "ready", url="https://site-pr-7.example.com")
    await previews.tell()
    pull.state = "closed"
    _announce(previews, pull)
    await _follow(previews)
    await _take_down(previews)
    assert await _names(previews) == {"production"}
    assert await _listed(previews) == []
    await previews.tell()
    [comment] = _comments(previews, 7)
    assert "taken down" in comment
    [number] = [
        each["id"]
        for each in previews.repo.deployments.values()
        if each["environment"] == "site/pr-7"
    ]
    assert previews.repo.deployment_statuses[number][0]["state"] == "inactive"


async def test_a_pull_request_that_is_opened_again_is_deployed_again(previews: Hub) -> None:
    pull = _open(previews, 7)
    await _follow(previews)
    pull.state = "closed"
    _announce(previews, pull)
    await _follow(previews)
    pull.state = "open"
    _announce(previews, pull)
    await _follow(previews)  # its environment is being taken down still

    async def removed() -> bool:
        await _take_down(previews)
        return "pr-7" not in await _names(previews)

    await eventually(removed)
    await _follow(previews, 10)
    assert len(await previews.deployments("pr-7")) == 2
    assert "pr-7" in await _names(previews)


async def test_what_was_opened_and_closed_unheard_is_found(previews: Hub) -> None:
    _open(previews, 1)
    pull = _open(previews, 2)
    await _follow(previews)
    pull.state = "closed"
    _open(previews, 3)
    previews.repo.outgoing.clear()
    await previews.follow(70)
    await previews.follow(1)
    assert [each.number for each in await _listed(previews)] == [3, 1]
    await _take_down(previews)
    assert await _names(previews) == {"production", "pr-1", "pr-3"}


async def test_previews_converge_whatever_becomes_of_deliveries(previews: Hub) -> None:
    chance = random.Random(1)
    pulls = [_open(previews, number, f"{number}") for number in range(1, 6)]
    for round_ in range(12):
        pull = chance.choice(pulls)
        if chance.random() < 0.3:
            pull.state = "closed" if pull.state == "open" else "open"
            previews.repo.pulls[pull.number] = pull
            _announce(previews, pull)
        elif pull.state == "open":
            _change(previews, pull, f"{round_} {chance.random()}")
        await previews.lossy(chance)
        await previews.follow(1)
        await _take_down(previews)
    for _ in range(4):
        await previews.follow(70)
        await _take_down(previews)
    there = {each.number: each.sha for each in previews.repo.pulls.values() if each.state == "open"}
    assert {each.number: each.commit for each in await _listed(previews)} == there
    for number, sha in there.items():
        commits = await previews.commits(f"pr-{number}")
        assert commits[-1] == sha


async def test_switched_off_all_previews_are_taken_down(previews: Hub) -> None:
    _open(previews, 7)
    await _follow(previews)
    await previews.switch_on(previews=False)
    await previews.follow(1)
    await _take_down(previews)
    assert await _names(previews) == {"production"}


async def test_previews_of_sources_that_left_github_are_taken_down(previews: Hub) -> None:
    _open(previews, 7)
    await _follow(previews)
    async with previews.platform.resources.db.transaction() as session:
        await session.execute(update(Repository).values(kind="git"))
    await previews.follow(1)
    await _take_down(previews)
    assert await _names(previews) == {"production"}


async def test_an_environment_that_somebody_made_is_left_alone(previews: Hub) -> None:
    await environments.create_environment(
        previews.platform.resources, previews.platform.principal, previews.project.id,
        EnvironmentInput(name="pr-7"),
    )  # fmt: skip
    pull = _open(previews, 7)
    await _follow(previews)
    [listed] = await _listed(previews)
    assert "no preview" in (listed.note or "")
    pull.state = "closed"
    _announce(previews, pull)
    await _follow(previews)
    await _take_down(previews)
    assert "pr-7" in await _names(previews)
    assert await previews.deployments("pr-7") == []


async def test_a_fork_is_built_once_a_member_approves_and_gets_no_secret(previews: Hub) -> None:
    await _set(previews, "preview", "COLOUR", secret=False)
    await _set(previews, "preview", "API_KEY", secret=True)
    pull = _open(previews, 7, fork=True)
    await _follow(previews, 120)
    assert await previews.deployments("pr-7") == []
    assert "pr-7" not in await _names(previews)
    await previews.tell()
    assert "previews approve 7" in _comments(previews, 7)[0]
    [listed] = await _listed(previews)
    assert (listed.fork, listed.approved, listed.commit) == (True, False, pull.sha)
    assert (await _approve(previews, 7, pull.sha)).approved
    await previews.follow(1)
    [deployment] = await previews.deployments("pr-7")
    assert deployment.commit_sha == pull.sha
    page = await variables.list_variables(
        previews.platform.resources, previews.platform.principal, previews.project.id, "pr-7"
    )
    assert [each.key for each in page.items] == ["COLOUR"]


async def test_each_commit_of_a_fork_is_approved_by_itself(previews: Hub) -> None:
    pull = _open(previews, 7, fork=True)
    await _follow(previews)
    old = pull.sha
    await _approve(previews, 7, old)
    await previews.follow(1)
    _change(previews, pull, "harmful")
    await _follow(previews)
    assert await previews.commits("pr-7") == [old]
    with pytest.raises(Conflict):
        await _approve(previews, 7, old)
    with pytest.raises(NotFound):
        await _approve(previews, 8, old)


async def test_a_fork_gets_no_secret_that_somebody_set_for_it(previews: Hub) -> None:
    pull = _open(previews, 7, fork=True)
    await _follow(previews)
    await _approve(previews, 7, pull.sha)
    await previews.follow(1)
    await _set(previews, "pr-7", "API_KEY", secret=True)
    _change(previews, pull, "second")
    await _follow(previews)
    await _approve(previews, 7, previews.repo.pulls[7].sha)
    await previews.follow(1)
    assert len(await previews.deployments("pr-7")) == 1
    [listed] = await _listed(previews)
    assert "holds secrets" in (listed.note or "")
