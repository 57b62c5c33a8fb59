"""Programs are copied only where their user cannot reach them; logs do not grow for ever."""

import os
import subprocess
from pathlib import Path

import pytest

from autodeploy.kernel.embedded import parts
from autodeploy.kernel.embedded.parts import can_execute, log_tail, open_log, reachable_program
from autodeploy.kernel.process import SystemUser

NOBODY = SystemUser("nobody", 65534, 65534)


def private_program(home: Path) -> Path:
    program = home / "private" / "bin" / "caddy"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho it runs\n")
    program.chmod(0o755)
    (home / "private").chmod(0o700)
    return program


def test_program_behind_a_private_folder_is_not_executable_by_others(home: Path) -> None:
    program = private_program(home)
    assert not can_execute(program, NOBODY)
    (home / "private").chmod(0o711)
    assert can_execute(program, NOBODY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs as another user")
def test_unreachable_program_is_copied_once_and_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = private_program(home)
    monkeypatch.setenv("AUTODEPLOY_PROGRAM_CADDY", str(program))
    copy = reachable_program("caddy", NOBODY, home / "parts")
    assert copy != program
    assert reachable_program("caddy", NOBODY, home / "parts") == copy
    assert [p for p in (home / "parts").iterdir() if p.name.startswith(".")] == []
    ran = subprocess.run([copy], user=65534, group=65534, capture_output=True, check=True)
    assert ran.stdout == b"it runs\n"
    assert (home / "private").stat().st_mode & 0o777 == 0o700


def test_program_for_ourselves_is_used_in_its_place(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = private_program(home)
    monkeypatch.setenv("AUTODEPLOY_PROGRAM_CADDY", str(program))
    assert reachable_program("caddy", None, home / "parts") == program
    assert not (home / "parts").exists()


def test_log_is_private_and_kept_across_starts(home: Path) -> None:
    for line in (b"first\n", b"second\n"):
        with open_log(home / "logs" / "part.log") as log:
            log.write(line)
    assert (home / "logs" / "part.log").stat().st_mode & 0o777 == 0o600
    assert log_tail(home / "logs" / "part.log", lines=1) == ["second"]
    assert log_tail(home / "absent") == []


def test_big_log_moves_aside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_ROTATE_BYTES", 3)
    for _ in range(3):
        with open_log(home / "part.log") as log:
            log.write(b"four\n")
    assert (home / "part.log").read_text() == "four\n"
    assert (home / "part.log.1").read_text() == "four\n"
