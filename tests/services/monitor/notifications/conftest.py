"""An installation with a signed-up user, and its notifications."""

from collections.abc import AsyncIterator

import pytest
from tests.services.auth.accounts import principal
from tests.services.deployer.platform import Platform
from tests.services.monitor.notifications.receivers import Stage

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def stage(resources: Resources) -> AsyncIterator[Stage]:
    stage = Stage(Platform(resources, await principal(resources)))
    yield stage
    await stage.sender.close()
