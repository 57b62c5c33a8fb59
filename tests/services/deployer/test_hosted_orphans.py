"""What providers elsewhere hold and no row accounts for, found for each account and removed."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, update
from tests.services.deployer.hosted import HeldElsewhere
from tests.services.deployer.office import Office, open_office
from tests.services.deployer.platform import Platform

from autodeploy.kernel.clock import now
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.deployer.holdings.models import Orphan
from autodeploy.services.deployer.holdings.orphans import (
    find_hosted_orphans,
    find_orphans,
    remove_orphans,
)
from autodeploy.services.deployer.models import Environment


@pytest.fixture
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as office:
        yield office


async def _orphans(office: Office) -> list[str]:
    await find_hosted_orphans(office.platform.engine)
    async with office.platform.resources.db.transaction() as session:
        return list(await session.scalars(select(Orphan.external_id)))


def _held(office: Office) -> HeldElsewhere:
    held: HeldElsewhere = office.platform.engine.providers.get("cloud").held  # type: ignore[attr-defined]
    return held


async def test_an_app_of_an_environment_is_accounted_for_and_others_are_orphans(
    office: Office,
) -> None:
    await office.deploy("cloud")
    live = await office.platform.environment(office.project)
    assert live.live_deployment_id is not None
    _held(office).apps = {"shop-production-1": live.live_deployment_id, "left-2": uuid4()}
    assert await _orphans(office) == ["left-2"]
    await find_orphans(office.platform.engine)
    assert await _orphans(office) == ["left-2"], "a pass over what is here leaves them"
    async with office.platform.resources.db.transaction() as session:
        await session.execute(update(Environment).values(name="another"))
    assert sorted(await _orphans(office)) == ["left-2", "shop-production-1"]


async def test_an_orphan_is_removed_by_the_account_that_sees_it(office: Office) -> None:
    _held(office).apps = {"left-1": uuid4(), "left-2": uuid4()}
    await _orphans(office)
    async with office.platform.resources.db.transaction() as session:
        await session.execute(
            update(Orphan).where(Orphan.external_id == "left-1").values(removal_requested_at=now())
        )
    await remove_orphans(office.platform.engine)
    assert (list(_held(office).apps), await _orphans(office)) == (["left-2"], ["left-2"])


async def test_orphans_of_an_account_go_with_its_connection(office: Office) -> None:
    _held(office).apps = {"left-1": uuid4()}
    assert await _orphans(office) == ["left-1"]
    async with office.platform.resources.db.transaction() as session:
        await session.execute(delete(ProviderIntegration))
    assert await _orphans(office) == []
