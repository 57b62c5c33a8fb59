"""An installation with a signed-up user."""

import pytest
from tests.services.auth.accounts import principal
from tests.services.deployer.platform import Platform

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def platform(resources: Resources) -> Platform:
    return Platform(resources, await principal(resources))
