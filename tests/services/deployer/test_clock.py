"""The machine's clock is set back by an hour: what was written before lies in the future."""

import asyncio
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError
from tests.services.deployer.platform import Platform, eventually

from autodeploy.kernel import clock
from autodeploy.kernel.clock import now
from autodeploy.services.deployer import journal
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.leases import LONGEST_LEASE_SECONDS
from autodeploy.services.deployer.runner import Runner
from autodeploy.settings import Settings

HOUR = timedelta(hours=1)


async def test_deployment_of_a_dead_worker_is_queued_and_run(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    await platform.set(
        created.id,
        status="building",
        dispatched_at=now() + HOUR,
        lease_owner="dead",
        lease_expires_at=now() + HOUR,
    )
    assert await dispatch_due(platform.resources) == 1
    await platform.runner.run(created.id)
    assert (await platform.view(created.id)).status == "ready"


async def test_longest_lease_counts_as_held() -> None:
    assert Settings(lease_seconds=LONGEST_LEASE_SECONDS).lease_seconds == LONGEST_LEASE_SECONDS
    with pytest.raises(ValidationError):
        Settings(lease_seconds=LONGEST_LEASE_SECONDS + 1)


async def test_living_worker_brings_its_lease_back_to_the_present(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    building = asyncio.Event()
    go_on = asyncio.Event()

    async def hold() -> None:
        building.set()
        await go_on.wait()

    platform.provider.at["build"] = hold
    running = asyncio.create_task(Runner(platform.engine).run(created.id))
    await building.wait()
    await platform.set(created.id, lease_expires_at=now() + timedelta(seconds=200))

    async def is_back() -> bool:
        expires = (await platform.row(created.id)).lease_expires_at
        return expires is not None and expires < now() + timedelta(seconds=30)

    await eventually(is_back)
    go_on.set()
    await running
    assert (await platform.view(created.id)).status == "ready"


async def test_no_step_takes_less_than_no_time(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = timedelta()

    def moved() -> datetime:
        return clock.now() - back

    def set_back() -> None:
        nonlocal back
        back = HOUR

    monkeypatch.setattr(journal, "now", moved)
    platform.provider.at["build"] = set_back
    ended = await platform.deployed(await platform.project())
    assert ended.status == "ready"
    assert all((step.actual_duration or 0) >= 0 for step in ended.steps)
