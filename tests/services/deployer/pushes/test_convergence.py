"""How long what was pushed waits: measured with time that the tests move, second by second."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.services.deployer.pushes.hub import Hub

from autodeploy.services.deployer.pushes.models import GitHubWebhook, PushToDeploy, WatchedBranch

_BOUND_SECONDS = 60
_QUIET = timedelta(hours=3)


async def _be_quiet(hub: Hub, chance: random.Random) -> None:
    """Nothing is heard for hours; what is looked at from time to time is, somewhere between."""
    async with hub.platform.resources.db.transaction() as session:
        hub.offset += _QUIET
        for row in await session.scalars(select(WatchedBranch)):
            row.active_at = hub.clock() - _QUIET
            row.due_at = hub.clock() - timedelta(seconds=1)
        await session.execute(update(GitHubWebhook).values(due_at=hub.clock()))
    await hub.follow()
    await hub.follow(chance.uniform(0, 40))


async def _lose(hub: Hub, chance: random.Random, *, silently: bool) -> None:
    """Lose each delivery, and of those that GitHub sends once more 30 %."""
    waiting = list(hub.repo.outgoing)
    hub.repo.outgoing.clear()
    for each in waiting:
        each.delivery["delivered_at"] = hub.clock().isoformat()
        if each.delivery["redelivery"] and chance.random() >= 0.3:
            await hub.deliver([each])
        else:
            each.delivery["status_code"] = 200 if silently else 502


async def _follow_many(hub: Hub, number: int) -> list[str]:
    """Other branches that are quiet, and due for a while already; their names."""
    head, names = hub.repo.branches["main"], [f"b{each}" for each in range(number)]
    [organization_id] = hub.platform.principal.roles
    async with hub.platform.resources.db.transaction() as session:
        settings = (await session.scalars(select(PushToDeploy))).one()
        for name in names:
            hub.repo.branches[name] = head
            branch = WatchedBranch(
                organization_id=organization_id, push_to_deploy_id=settings.id, branch=name,
                environment=name, head_sha=head, seen_sha=head, deployed_sha=head,
                active_at=hub.clock() - _QUIET, due_at=hub.clock() - timedelta(seconds=30),
            )  # fmt: skip
            session.add(branch)
    return names


@pytest.mark.parametrize("silently", [False, True], ids=["recorded", "silently"])
async def test_a_push_to_a_quiet_project_is_deployed_though_no_delivery_comes(
    hub: Hub, silently: bool
) -> None:
    chance = random.Random(7)
    await hub.switch_on()
    await hub.follow()
    for _ in range(5):
        await _be_quiet(hub, chance)
        sha = hub.push(f"page {chance.random()}")
        begun = hub.clock()
        while sha not in await hub.commits():
            await _lose(hub, chance, silently=silently)
            await hub.follow(1)
            assert hub.clock() - begun < timedelta(seconds=_BOUND_SECONDS)
    commits = await hub.commits()
    assert len(commits) == len(set(commits))


async def test_pushes_to_many_quiet_branches_at_once_are_all_deployed_in_time(hub: Hub) -> None:
    """As much as an account may follow at the shortest pause, a tenth of it pushed to at once."""
    chance = random.Random(7)
    await hub.switch_on()
    await hub.follow()
    names = await _follow_many(hub, 99)
    await _be_quiet(hub, chance)
    pushed = {name: hub.push(name, branch=name) for name in chance.sample(names, 10)}
    begun = hub.clock()
    while not set(pushed.values()) <= set(await hub.commits()):
        await _lose(hub, chance, silently=True)
        await hub.follow(1)
        assert hub.clock() - begun < timedelta(seconds=_BOUND_SECONDS)
    for name, sha in pushed.items():
        assert await hub.commits(name) == [sha]


async def test_what_was_pushed_does_not_wait_behind_what_is_looked_at_anyway(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow(20)
    names = await _follow_many(hub, 220)
    sha = hub.push("urgent")
    await hub.deliver()
    await hub.follow()
    assert sha in await hub.commits()
    for _ in range(2):  # nor do the others wait for ever
        hub.push(f"urgent {random.random()}")
        await hub.deliver()
        await hub.follow()
    async with hub.platform.resources.db.transaction() as session:
        late = await session.scalars(
            select(WatchedBranch).where(
                WatchedBranch.branch.in_(names), WatchedBranch.due_at <= hub.clock()
            )
        )
        assert len(late.all()) == 0
