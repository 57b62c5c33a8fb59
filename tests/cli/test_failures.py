"""How commands end when they fail, for people and for programs."""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from autodeploy.cli.failures import CommandError, as_failure, report
from autodeploy.cli.user.credentials import credentials_path
from autodeploy.kernel.process import python_argv
from autodeploy.settings import default_home


@pytest.fixture
def silent_url() -> Iterator[str]:
    """An address where nothing listens, and nothing else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a user without any configuration starts it."""
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-P", "-m", "autodeploy", *arguments],
        env={**known, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_failure_of_a_json_command_is_one_object(tmp_path: Path, silent_url: str) -> None:
    ended = run(tmp_path, "projects", "--json", AUTODEPLOY_URL=silent_url, AUTODEPLOY_TOKEN="t")
    assert ended.returncode == 69
    assert "does not answer" in json.loads(ended.stdout)["error"]["message"]
    assert "Error: " in ended.stderr


def test_failure_that_was_told_is_not_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        report(CommandError("It failed.", told=True), as_json=True)
    assert ended.value.code == 1
    assert capsys.readouterr().out == ""


def test_absent_platform_is_unreachable_also_without_a_token(
    tmp_path: Path, silent_url: str
) -> None:
    ended = run(tmp_path, "status", AUTODEPLOY_URL=silent_url)
    assert ended.returncode == 69, ended.stderr


@pytest.mark.parametrize("url", ["http://[::1", "ftp://host", "http://host:port"])
def test_address_that_is_none_is_wrong_usage(tmp_path: Path, url: str) -> None:
    ended = run(tmp_path, "projects", AUTODEPLOY_URL=url, AUTODEPLOY_TOKEN="t")
    assert ended.returncode == 2, ended.stderr
    assert "is not the address of a platform" in ended.stderr


def test_interrupt_while_modules_are_imported_prints_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "autodeploy", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr == ""


@pytest.mark.parametrize("token", ["one\ntwo-secret", "ünsecret"])
def test_token_that_is_none_is_refused_and_not_shown(tmp_path: Path, token: str) -> None:
    ended = run(tmp_path, "projects", AUTODEPLOY_TOKEN=token)
    assert ended.returncode == 2
    assert "The token holds" in ended.stderr
    assert "secret" not in ended.stderr


def test_folder_that_is_gone_is_told(tmp_path: Path, silent_url: str) -> None:
    gone = "import os, runpy, sys; os.mkdir('x'); os.chdir('x'); os.rmdir('../x'); "
    for command in ("deploy", "init"):
        ended = subprocess.run(
            [sys.executable, "-c", f"{gone}sys.argv = ['autodeploy', '{command}']; "
             "runpy.run_module('autodeploy', run_name='__main__')"],
            cwd=tmp_path, env={**os.environ, "AUTODEPLOY_URL": silent_url}, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == 2, ended.stderr
        assert "The current folder is gone." in ended.stderr


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "autodeploy" / "credentials.json").mkdir(parents=True)
    ended = run(tmp_path, "projects")
    assert ended.returncode == 1
    assert "credentials.json: Is a directory." in ended.stderr
    assert "Next: " in ended.stderr


@pytest.mark.parametrize("arguments", [["explain", "--json"], ["explain", "x"]])
def test_disk_that_is_full_and_closed_streams_end_without_a_traceback(
    tmp_path: Path, arguments: list[str]
) -> None:
    for redirection in (">/dev/full", ">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full 2>/dev/full"):
        ended = subprocess.run(
            ["bash", "-c", f'"$@" {redirection}', "bash", *python_argv(*arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ended.stderr
        assert "Exception ignored" not in ended.stderr
        full = redirection == ">/dev/full" and "x" not in arguments
        assert ("(disk_full)" in ended.stderr) == full
        assert ended.returncode == (2 if "x" in arguments else 1 if "/full" in redirection else 0)


@pytest.mark.parametrize("look", [credentials_path, default_home])
def test_user_without_a_home_folder_is_told_so(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[], Path]
) -> None:
    def unknown(uid: int) -> NoReturn:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(RuntimeError) as failed:
        look()
    told = as_failure(failed.value)
    assert told.code == "command_failed"
    assert told.message == "There is no home folder for this user."
    assert "HOME" in (told.remedy or "")
