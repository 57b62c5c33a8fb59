"""What processes use, as the kernel tells it."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from autodeploy.kernel.processes import usage_below

MIB = 1024**2
# Starts a child from a thread of its own, as servers do. Both end when their input does.
_PARENT = """
import subprocess, sys, threading
argv = [sys.executable, "-c", sys.argv[1]]
child = lambda: subprocess.Popen(argv, stdin=subprocess.PIPE).wait()
threading.Thread(target=child, daemon=True).start()
sys.stdin.read()
"""
_HOLD = f"import sys; held = b'x' * {64 * MIB}; print('ready', flush=True); sys.stdin.read()"
_BURN = (
    "import time; began = time.process_time()\n"
    "while time.process_time() - began < 0.5: pass\n"
    "print('ready', flush=True)"
)


@pytest.fixture
def parent(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose child runs the program of the test's parameter, once that said so."""
    argv = [sys.executable, "-c", _PARENT, request.param]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("parent", [_HOLD], indirect=True)
def test_memory_is_that_of_all_below_whichever_thread_started_them(
    parent: "subprocess.Popen[bytes]",
) -> None:
    memory = usage_below(parent.pid).memory_bytes
    assert memory is not None
    assert 64 * MIB < memory < 200 * MIB


@pytest.mark.parametrize("parent", [_BURN], indirect=True)
def test_time_of_those_that_have_ended_stays_counted(parent: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while usage_below(parent.pid).memory_bytes != 0:  # nothing is below any more
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert usage_below(parent.pid).cpu_seconds >= 0.5


def test_a_process_that_is_gone_uses_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert usage_below(gone.pid).cpu_seconds == 0
