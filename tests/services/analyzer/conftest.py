import pytest
from tests.services.auth.accounts import principal

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.principal import Principal


@pytest.fixture
async def owner(resources: Resources) -> Principal:
    return await principal(resources)


@pytest.fixture
async def stranger(resources: Resources) -> Principal:
    return await principal(resources)
