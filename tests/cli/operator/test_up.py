"""The real `autodeploy up`: what it makes, what it refuses, and that it leaves nothing behind."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.cli.operator.platform import READY, Platform, wait_until
from tests.conftest import make_home

from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.deployment import Deployment
from autodeploy.cli.operator.up import _not_started
from autodeploy.kernel.embedded.parts import PartNotReady
from autodeploy.kernel.process import start_time

# The programs of a platform, and what it calls them.
PARTS = {
    "postgres": "PostgreSQL", "valkey-server": "Valkey", "caddy": "Caddy",
    "runtime": "Runtime", "serve": "API", "worker": "Worker",
}  # fmt: skip


@pytest.fixture
def platform(home: Path) -> Iterator[Platform]:
    """A platform that has never been started."""
    yield (platform := Platform(home))
    kill_all(platform)


@pytest.fixture(scope="module")
def _used() -> Iterator[Platform]:
    home = make_home()
    yield Platform(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def used(_used: Platform) -> Iterator[Platform]:
    """A platform that may have been started and stopped before, which a start need not make."""
    yield _used
    kill_all(_used)


def kill_all(platform: Platform) -> None:
    """End what a test left that failed half-way."""
    for pid in platform.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def assert_nothing_left(platform: Platform) -> None:
    await wait_until(lambda: not platform.processes(), 10)
    assert platform.leftovers() == []


async def test_first_start_makes_the_administrator_and_down_stops_everything(
    platform: Platform,
) -> None:
    up = platform.start()
    await up.wait_for(READY)
    assert platform.status_of("/healthz") == 200
    assert platform.status_of("/api/v1/auth/me") == 401
    assert platform.status_of("/api/v1/auth/me", platform.token()) == 200
    assert platform.credentials.stat().st_mode & 0o777 == 0o600
    for secret in (platform.home / "secrets").iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600
        assert secret.read_text(errors="replace").strip() not in up.output
    assert platform.token() not in up.output
    assert platform.register("ada@example.com") == 201
    await up.wait_for("/verify-email#token=")
    mailed = up.output.partition("#token=")[2].split()[0]
    logs = [path.read_text(errors="replace") for path in (platform.home / "logs").iterdir()]
    assert not any(mailed in log or "Set-up token" in log for log in logs)

    second = platform.run("up")
    assert second.returncode == 1
    assert f"pid {up.process.pid}" in second.stderr
    assert "autodeploy down" in second.stderr

    down = platform.run("down")
    assert (down.returncode, await up.ended()) == (0, 0)
    assert not platform.processes()
    await assert_nothing_left(platform)
    assert platform.run("down").returncode == 0


async def test_killed_platform_leaves_no_process_and_starts_again(platform: Platform) -> None:
    up = platform.start()
    await up.wait_for(READY)
    token = platform.token()
    assert await up.end(signal.SIGKILL) == -signal.SIGKILL
    await wait_until(lambda: not platform.processes(), 10)

    up = platform.start()
    await up.wait_for(READY)
    assert platform.token() == token
    assert platform.status_of("/api/v1/auth/me", token) == 200

    platform.credentials.write_text('{"tokens": {}}')
    assert await up.end(signal.SIGINT) == 0
    await assert_nothing_left(platform)

    up = platform.start()
    await up.wait_for(READY)
    assert platform.token() != token
    assert platform.status_of("/api/v1/auth/me", platform.token()) == 200
    assert await up.end() == 0


async def test_killed_parts_come_back(used: Platform) -> None:
    up = used.start()
    await up.wait_for(READY)
    victims = [next(each for each in up.parts() if is_program(each, name)) for name in PARTS]
    for victim in victims:
        victim.kill()
    for part in PARTS.values():
        await up.wait_for(f"{part} ended with exit code -9; starting it again")

    def answers() -> bool:
        try:
            return used.status_of("/api/v1/auth/me", used.token()) == 200
        except OSError:
            return False

    await wait_until(answers, 60)
    assert await up.end() == 0
    await assert_nothing_left(used)


def is_program(process: psutil.Process, name: str) -> bool:
    program, *arguments = " ".join(process.cmdline()).split()  # Valkey's is one, with its title
    return program.endswith(f"/{name}") or name in arguments


async def test_interrupt_during_the_start_leaves_nothing(platform: Platform) -> None:
    up = platform.start()
    await up.wait_for("ready in")
    assert await up.end(signal.SIGINT) == 130
    await assert_nothing_left(platform)


async def test_failed_deployment_stops_everything_and_fails(used: Platform) -> None:
    up = used.start("--deploy", REPO=str(used.root / "absent"))
    assert await up.ended() == 1
    assert READY in up.output
    await assert_nothing_left(used)


async def test_servers_given_by_url_are_used_and_not_started(
    home: Path, database_url: str, redis_url: str
) -> None:
    platform = Platform(home, AUTODEPLOY_DATABASE_URL=database_url, AUTODEPLOY_REDIS_URL=redis_url)
    up = platform.start()
    await up.wait_for(READY)
    assert platform.status_of("/api/v1/auth/me", platform.token()) == 200
    programs = " ".join(platform.processes().values())
    assert "valkey-server" not in programs
    assert not (platform.home / "postgres").exists()
    assert await up.end() == 0
    await assert_nothing_left(platform)


@pytest.mark.parametrize("which", ["API", "PROXY"])
def test_taken_port_is_named_with_its_variable(platform: Platform, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = platform.run("up", **{f"AUTODEPLOY_{which}_PORT": port})
    assert done.returncode == 1
    assert port in done.stderr
    assert f"AUTODEPLOY_{which}_PORT=" in done.stderr
    assert platform.leftovers() == []


def test_production_without_its_settings_is_refused_and_makes_nothing(platform: Platform) -> None:
    done = platform.run("up", AUTODEPLOY_ENV="production")
    assert done.returncode == 2
    assert "AUTODEPLOY_DATABASE_URL" in done.stderr
    assert not platform.home.exists()


@pytest.mark.parametrize("command", ["serve", "worker", "runtime", "migrate", "admin-token"])
def test_production_process_without_its_settings_is_refused(
    platform: Platform, command: str
) -> None:
    done = platform.run(command, AUTODEPLOY_ENV="production")
    assert done.returncode == 2
    assert "AUTODEPLOY_DATABASE_URL" in done.stderr


def test_home_that_cannot_be_written_names_the_variable(platform: Platform) -> None:
    platform.home.write_text("a file in its place")
    done = platform.run("up")
    assert done.returncode == 1
    assert "AUTODEPLOY_HOME" in done.stderr


@pytest.mark.parametrize(("command", "option"), [("serve", "--roles"), ("worker", "--queues")])
def test_unknown_name_is_wrong_usage(platform: Platform, command: str, option: str) -> None:
    done = platform.run(command, option, "nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_secrets_are_made_once_for_production(platform: Platform) -> None:
    assert platform.run("secrets").stdout.count("Made ") == 2
    assert platform.run("secrets").stdout == ""
    assert (platform.home / "secrets" / "master.key").stat().st_mode & 0o777 == 0o600


def test_deployment_passes_values_as_single_arguments() -> None:
    argv = Deployment("https://example.com/a b", "v1;id").argv()
    assert argv[-4:] == ["deploy", "--ref=v1;id", "--", "https://example.com/a b"]


@pytest.mark.parametrize(("repo", "ref"), [("--upload", None), ("a", "-x"), ("a\nb", None)])
def test_deployment_of_what_looks_like_an_option_is_refused(repo: str, ref: str | None) -> None:
    with pytest.raises(CommandError):
        Deployment(repo, ref)


@pytest.mark.parametrize(
    ("arguments", "refuses", "warned"),
    [
        ((), True, False),
        (("--allow-unsandboxed",), True, True),
        (("--allow-unsandboxed",), False, False),
    ],
)
async def test_owner_who_goes_without_a_sandbox_is_warned_where_there_is_none(
    used: Platform, arguments: tuple[str, ...], refuses: bool, warned: bool
) -> None:
    programs = {"AUTODEPLOY_PROGRAM_BWRAP": "/bin/false"} if refuses else {}
    up = used.start(*arguments, **programs)
    await up.wait_for(READY)
    assert ("WARNING: No sandbox" in up.output) is warned
    assert await up.end() == 0
    await assert_nothing_left(used)


def test_part_that_finds_no_room_is_told_as_a_full_disk(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text("starts\n")
    assert _not_started(PartNotReady("initdb ended.", log=log)).code == "part_not_ready"
    log.write_text('FATAL:  could not create file "base/4/6117": No space left on device\n')
    failure = _not_started(PartNotReady("initdb ended.", log=log))
    assert failure.code == "disk_full"
    assert "inodes" in (failure.cause or "")
    assert str(log) in (failure.remedy or "")


OTHERS = """
import os, sys
from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.down import stop_platform
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    stop_platform(60, as_json=False)
except CommandError as error:
    print(error.message, error.remedy)
"""


def test_platform_of_another_user_is_not_stopped_and_told_so(home: Path) -> None:
    note = {"pid": 1, "start_ticks": start_time(1), "api_url": "http://127.0.0.1:1"}
    (home / "up.json").write_text(json.dumps({**note, "proxy_port": 1}))
    done = subprocess.run(
        [sys.executable, "-c", OTHERS],
        env={**os.environ, "AUTODEPLOY_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "(pid 1) was started by another user" in done.stdout
    assert "as that user" in done.stdout
