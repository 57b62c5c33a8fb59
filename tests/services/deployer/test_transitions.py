"""Every pair of states, against the real database."""

import asyncio
from itertools import product

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from tests.services.deployer.platform import Platform

from autodeploy.services.deployer.announcements import announcing, status_channel
from autodeploy.services.deployer.leases import release_lease, renew_lease, take_lease
from autodeploy.services.deployer.models import Deployment, DeploymentEvent, DeploymentStep
from autodeploy.services.deployer.states import (
    DEPLOYMENT_TRANSITIONS,
    STEP_TRANSITIONS,
    DeploymentStatus,
    StepStatus,
)
from autodeploy.services.deployer.transitions import (
    LeaseLost,
    TransitionRefused,
    change_status,
    change_step,
)


async def test_every_pair_of_deployment_states_is_allowed_or_refused(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    for source, target in product(DeploymentStatus, DeploymentStatus):
        await platform.set(created.id, status=source)
        before = await platform.row(created.id)
        allowed = target in DEPLOYMENT_TRANSITIONS[source]
        try:
            async with announcing(platform.resources) as transaction:
                await change_status(transaction, created.id, target)
            assert allowed, f"{source} → {target} was let through"
        except TransitionRefused:
            assert not allowed, f"{source} → {target} was refused"
        after = await platform.row(created.id)
        assert after.status == (target if allowed else source)
        assert after.event_sequence - before.event_sequence == int(allowed)


async def test_every_pair_of_step_states_is_allowed_or_refused(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    name = "build_application"
    for source, target in product(StepStatus, StepStatus):
        async with platform.resources.db.transaction() as session:
            await session.execute(
                update(DeploymentStep)
                .where(DeploymentStep.deployment_id == created.id, DeploymentStep.name == name)
                .values(status=source)
            )
            changed = await change_step(session, created.id, name, target)
        assert changed == (target in STEP_TRANSITIONS[source]), f"{source} → {target}"


async def test_unknown_state_is_refused_by_the_database(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    with pytest.raises(IntegrityError):
        await platform.set(created.id, status="exploded")


async def test_change_with_an_old_fence_is_lost(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    lease = await take_lease(platform.resources.db, created.id, "first", 5)
    assert lease is not None
    await platform.expire_lease(created.id)
    assert await take_lease(platform.resources.db, created.id, "second", 5) is not None
    with pytest.raises(LeaseLost):
        async with announcing(platform.resources) as transaction:
            await change_status(
                transaction, created.id, DeploymentStatus.BUILDING, fence=lease.fence
            )
    with pytest.raises(LeaseLost):
        await renew_lease(platform.resources.db, lease, 5)
    await release_lease(platform.resources.db, lease)
    assert (await platform.row(created.id)).lease_owner == "second"


async def test_one_of_many_workers_gets_the_lease(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    taken = await asyncio.gather(
        *(take_lease(platform.resources.db, created.id, f"worker-{n}", 5) for n in range(8))
    )
    assert sum(lease is not None for lease in taken) == 1


async def test_change_that_is_rolled_back_is_not_announced(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    async with platform.resources.events.subscribe(status_channel(created.id)) as messages:
        with pytest.raises(ZeroDivisionError):
            async with announcing(platform.resources) as transaction:
                await change_status(transaction, created.id, DeploymentStatus.BUILDING)
                raise ZeroDivisionError
        async with announcing(platform.resources) as transaction:
            await change_status(transaction, created.id, DeploymentStatus.CANCELLED)
        message = await anext(messages)
    assert message["status"] == "cancelled"
    async with platform.resources.db.transaction() as session:
        events = (
            await session.scalars(
                select(DeploymentEvent.sequence)
                .where(DeploymentEvent.deployment_id == created.id)
                .order_by(DeploymentEvent.sequence)
            )
        ).all()
    assert list(events) == list(range(1, len(events) + 1))
    assert message["sequence"] == events[-1]


async def test_two_running_deployments_of_an_environment_are_refused(platform: Platform) -> None:
    project = await platform.project()
    first = await platform.deploy(project)
    await platform.set(first.id, status="building")
    second = await platform.deploy(project)
    with pytest.raises(IntegrityError):
        await platform.set(second.id, status="building")
    async with platform.resources.db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Deployment)) == 2
