"""Databases of an installation with a signed-up user."""

import pytest
from tests.services.deployer.databases.office import Office
from tests.services.deployer.platform import Platform


@pytest.fixture
def office(platform: Platform) -> Office:
    return Office(platform)
