"""The platform goes away, politely and not, and comes back with everything that was live."""

import signal
from pathlib import Path

import pytest
from tests.e2e import apps
from tests.e2e.platform import Platform, eventually, port_is_free

pytestmark = pytest.mark.timeout(240)


def assert_nothing_is_left(platform: Platform) -> None:
    eventually("no process is left", lambda: not platform.processes(), 20)
    for port in (platform.api_port, platform.proxy_port):
        eventually("its ports are free", lambda port=port: port_is_free(port), 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_platform_leaves_nothing_and_comes_back_live(
    platform: Platform, tmp_path: Path, number: signal.Signals
) -> None:
    name = f"again-{number.name.lower()}"
    platform.deploy(apps.procfile_app(tmp_path / name, name), name)

    assert platform.stop(number) == 0
    assert_nothing_is_left(platform)
    platform.start()

    eventually("it is live again", lambda: platform.page(name) == name, 30)


def test_killed_platform_leaves_nothing_and_comes_back_live(
    platform: Platform, tmp_path: Path
) -> None:
    platform.deploy(apps.procfile_app(tmp_path / "killed", "killed"), "killed")
    assert platform.process is not None
    platform.process.kill()
    platform.process.wait()
    platform.process = None

    assert_nothing_is_left(platform)
    platform.start()

    eventually("it is live again", lambda: platform.page("killed") == "killed", 30)


def test_second_platform_on_the_same_home_is_refused(platform: Platform) -> None:
    done = platform.run("up", check=False)
    assert done.returncode not in (0, 2)
    assert "already" in done.stderr


def test_down_stops_the_platform(platform: Platform) -> None:
    platform.run("down")
    assert platform.process is not None
    assert platform.process.wait(20) == 0
    platform.process = None
    assert_nothing_is_left(platform)


def test_commands_without_a_platform_say_so_with_exit_code_69(platform: Platform) -> None:
    platform.stop()
    done = platform.run("projects", check=False)
    assert done.returncode == 69
    assert "Next: " in done.stderr
