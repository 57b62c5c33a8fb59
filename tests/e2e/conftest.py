"""One platform for all end-to-end tests, started when the first of them runs."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from tests.e2e.platform import Platform, machine_settings, of_session, running_platform
from tests.e2e.wheelhouse import build_wheelhouse

REQUIREMENTS_OF_APPS = ("django", "fastapi", "gunicorn", "psycopg-binary", "psycopg", "uvicorn")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Let the platforms rest behind the last of these tests: idle ones, too, take time from the
    tests to come."""
    yield
    if nextitem is None or not nextitem.path.is_relative_to(Path(__file__).parent):
        for platform in of_session:
            platform.rest()


@pytest.fixture(scope="session")
def _platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    import shutil
    import tempfile

    wheels = Path(tempfile.mkdtemp(prefix="ad-wheels-", dir="/tmp"))
    build_wheelhouse(wheels, REQUIREMENTS_OF_APPS)
    yield from running_platform({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)})
    shutil.rmtree(wheels)


@pytest.fixture(scope="module")
def _emptied(_platform: Platform) -> Iterator[Platform]:
    """The platform, without projects again after the module.

    Live apps are looked after all the time, and started again whenever a later test restarts a
    part: those of earlier modules would take time from each later one.
    """
    yield _platform
    _platform.destroy_projects()


@pytest.fixture
def platform(_emptied: Platform) -> Platform:
    """The running platform: started again when the test before has stopped it."""
    _emptied.ensure_running()
    return _emptied


@pytest.fixture(scope="module")
def limited(_limited: Platform) -> Iterator[Platform]:
    """A running platform on which builds and starts may use little, for those that want all."""
    _limited.ensure_running()
    yield _limited
    _limited.destroy_projects()


@pytest.fixture(scope="session")
def _limited() -> Iterator[Platform]:
    yield from running_platform(
        {
            "AUTODEPLOY_BUILD_SECONDS": "40",
            "AUTODEPLOY_BUILD_MEMORY_MB": "400",
            "AUTODEPLOY_BUILD_PROCESSES": "64",
            "AUTODEPLOY_BUILD_DISK_MB": "64",
            "AUTODEPLOY_APP_MEMORY_MB": "128",
            "AUTODEPLOY_HEALTH_SECONDS": "6",
            "PIP_NO_INDEX": "1",
        }
    )


@pytest.fixture(scope="session")
def _online() -> Iterator[Platform]:
    yield from running_platform(machine_settings())


@pytest.fixture(scope="module")
def online(_online: Platform) -> Platform:
    """A platform that installs from the registries that this machine is configured for."""
    _online.ensure_running()
    return _online
