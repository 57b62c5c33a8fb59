import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import signal, sys, threading
from autodeploy.cli.foreground import follow_make

try:
    follow_make()
    print("started", flush=True)
    threading.Event().wait(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def make(tmp_path: Path) -> subprocess.Popen[str]:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "Makefile").write_text(f"run:\n\t@exec {sys.executable} -P program.py\n")
    process = subprocess.Popen(
        ["make", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_interrupt_of_make_alone_ends_what_it_runs(make: subprocess.Popen[str]) -> None:
    make.send_signal(signal.SIGINT)
    said, _ = make.communicate(timeout=20)

    assert "interrupted" in said
    assert make.returncode in (-signal.SIGINT, 2)


def test_interrupt_of_all_ends_it_at_once(make: subprocess.Popen[str]) -> None:
    begun = time.monotonic()
    os.killpg(make.pid, signal.SIGINT)
    said, _ = make.communicate(timeout=20)

    assert said.count("interrupted") == 1
    assert time.monotonic() - begun < 1.5
