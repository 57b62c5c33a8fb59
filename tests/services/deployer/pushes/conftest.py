"""A project that is at an emulated GitHub."""

from collections.abc import AsyncIterator

import pytest
from tests.fakes.contract import require_contract
from tests.services.auth.accounts import principal
from tests.services.deployer.platform import Platform
from tests.services.deployer.pushes.hub import Hub, hub_of

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def platform(resources: Resources) -> Platform:
    return Platform(resources, await principal(resources))


@pytest.fixture
async def hub(platform: Platform) -> AsyncIterator[Hub]:
    require_contract("github")
    async with hub_of(platform) as hub:
        yield hub
