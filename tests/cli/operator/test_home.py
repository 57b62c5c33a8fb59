"""One `up` a home; secrets are made once and are private; a home that cannot be used says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.home import (
    HomeInUse,
    RunningUp,
    ensure_secrets,
    hold_home,
    prepare_home,
    read_running,
)
from autodeploy.kernel.process import SystemUser, start_time
from autodeploy.settings import Settings

NOBODY = SystemUser("nobody", 65534, 65534)


def settings_of(home: Path) -> Settings:
    return Settings(home=home)


def test_home_is_passable_and_its_private_folders_are_not(home: Path) -> None:
    prepare_home(settings_of(home), None)
    modes = {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()}
    assert modes["secrets"] == modes["logs"] == modes["objects"] == 0o700
    assert modes["run"] == modes["routes"] == modes["releases"] == 0o711
    assert home.stat().st_mode & 0o777 == 0o711


def test_secrets_are_private_and_never_replaced(home: Path) -> None:
    settings = settings_of(home)
    prepare_home(settings, None)
    ensure_secrets(settings)
    names = {"master.key", "jwt.pem", "postgres.password"}
    before = {path.name: path.read_bytes() for path in settings.secrets_folder.iterdir()}
    assert before.keys() == names
    assert all(len(content) > 30 for content in before.values())
    for path in settings.secrets_folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    ensure_secrets(settings)
    assert {p.name: p.read_bytes() for p in settings.secrets_folder.iterdir()} == before


def test_no_master_key_is_made_where_a_vault_server_holds_it(home: Path) -> None:
    settings = Settings(
        home=home, vault_url="https://vault.example/transit/app", vault_token_file=home / "token"
    )
    prepare_home(settings, None)
    ensure_secrets(settings)
    assert not settings.master_key_file.exists()
    assert settings.jwt_key_file.exists()


def test_home_below_a_file_is_refused_with_the_variable_to_set(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(CommandError) as failure:
        prepare_home(settings_of(home / "file" / "home"), None)
    assert "AUTODEPLOY_HOME" in (failure.value.remedy or "")


NOT_PERMITTED = """
import os, sys
from pathlib import Path
from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.home import prepare_home
from autodeploy.settings import Settings
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    prepare_home(Settings(home=Path(sys.argv[1])), None)
except CommandError as error:
    print(error.message, error.remedy)
"""


@pytest.mark.parametrize("name", [".", "home"])
def test_home_that_we_may_not_write_is_refused_with_the_variable_to_set(
    home: Path, name: str
) -> None:
    (home / "closed").mkdir(mode=0o555)
    argv = [sys.executable, "-c", NOT_PERMITTED, home / "closed" / name]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "cannot be used: " in done.stdout
    assert "AUTODEPLOY_HOME" in done.stdout


def test_home_that_the_parts_user_cannot_reach_is_refused(home: Path) -> None:
    (home / "private").mkdir(mode=0o700)
    with pytest.raises(CommandError, match="nobody"):
        prepare_home(settings_of(home / "private" / "home"), NOBODY)


def test_second_holder_is_refused_with_the_pid_of_the_first(home: Path) -> None:
    settings = settings_of(home)
    with hold_home(settings) as killed:
        assert not killed
        with pytest.raises(HomeInUse, match=f"pid {os.getpid()}") as refusal, hold_home(settings):
            pass
        assert refusal.value.running == read_running(home)
    assert read_running(home) is None
    assert list(home.iterdir()) == []


DAMAGED = '{"pid": 999999, "start_ticks": null, "api_url": "", "proxy_port": 1}'
HOLDER = """
import os, signal, sys
from pathlib import Path
from autodeploy.cli.operator.home import hold_home
from autodeploy.settings import Settings
with hold_home(Settings(home=Path(sys.argv[1]))):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_home_of_a_killed_holder_is_free_again_and_known_as_such(home: Path) -> None:
    subprocess.run([sys.executable, "-c", HOLDER, home])
    running = read_running(home)
    assert running is not None
    assert not running.is_alive()
    with hold_home(settings_of(home)) as killed:
        assert killed


def test_home_that_is_a_file_has_no_holder(home: Path) -> None:
    (home / "file").touch()
    assert read_running(home / "file") is None


def test_process_that_got_the_pid_later_is_not_taken_for_the_holder() -> None:
    ticks = start_time(os.getpid())
    assert ticks is not None
    assert RunningUp(os.getpid(), ticks, "", 1).is_alive()
    assert not RunningUp(os.getpid(), ticks - 1, "", 1).is_alive()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": 1}', DAMAGED])
def test_damaged_note_counts_as_none(home: Path, content: str) -> None:
    (home / "up.json").write_text(content)
    assert read_running(home) is None
