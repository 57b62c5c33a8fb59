"""Parts are started in order, started again when they end, and stopped in reverse order."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autodeploy.cli.operator import supervisor as module
from autodeploy.cli.operator.supervisor import OwnPart, Supervisor
from autodeploy.kernel.embedded.parts import PartNotReady

# Writes its name when it starts and when it is told to stop.
PROGRAM = """
import signal, sys, time
journal, name = sys.argv[1:]
def write(what):
    with open(journal, "a") as file:
        file.write(f"{what} {name}\\n")
def end(*_):
    write("stop")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
write("start")
while True:
    time.sleep(60)
"""


def part(home: Path, name: str, program: str = PROGRAM) -> OwnPart:
    journal = home / "journal"

    async def ready() -> bool:
        return journal.exists() and f"start {name}\n" in journal.read_text()

    argv = [sys.executable, "-c", program, str(journal), name]
    return OwnPart(name, argv, env=dict(os.environ), log=home / f"{name}.log", ready=ready)


async def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        await asyncio.sleep(0.01)


def journal(home: Path) -> list[str]:
    return (home / "journal").read_text().splitlines()


async def test_groups_start_in_order_and_stop_in_reverse_order(home: Path) -> None:
    supervisor = Supervisor(lambda _: None)
    await supervisor.start(part(home, "first"))
    await supervisor.start(part(home, "second"))
    await supervisor.start(part(home, "third"))
    await supervisor.stop()
    assert journal(home) == [
        "start first",
        "start second",
        "start third",
        "stop third",
        "stop second",
        "stop first",
    ]


async def test_part_that_is_killed_is_started_again_and_told(home: Path) -> None:
    told: list[str] = []
    supervisor = Supervisor(told.append)
    kept = part(home, "part")
    await supervisor.start(kept)
    assert kept._process is not None
    os.kill(kept._process.pid, signal.SIGKILL)
    await wait_for(lambda: journal(home).count("start part") == 2)
    assert any("part ended with exit code -9" in line for line in told)
    await supervisor.stop()
    assert journal(home).count("stop part") == 1


async def test_part_that_keeps_ending_is_started_with_growing_pauses(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE_SECONDS", 0.05)
    supervisor = Supervisor(lambda _: None)
    await supervisor.start(
        part(home, "brief", "import sys,time; open(sys.argv[1],'a').write('start brief\\n')")
    )
    started = time.monotonic()
    await wait_for(lambda: journal(home).count("start brief") >= 5)
    assert time.monotonic() - started > 0.05 + 0.1 + 0.2 + 0.4
    await supervisor.stop()


async def test_part_that_does_not_start_fails_the_start_and_the_rest_can_be_stopped(
    home: Path,
) -> None:
    supervisor = Supervisor(lambda _: None)
    await supervisor.start(part(home, "good"))
    with pytest.raises(PartNotReady, match="bad ended with exit code 3") as failure:
        await supervisor.start(part(home, "bad", "import sys; print('because'); sys.exit(3)"))
    assert failure.value.log_tail == ["because"]
    await supervisor.stop()
    assert journal(home) == ["start good", "stop good"]


async def test_stop_during_a_start_leaves_no_process(home: Path) -> None:
    supervisor = Supervisor(lambda _: None)
    slow = part(home, "slow", "import time; time.sleep(600)")
    starting = asyncio.create_task(supervisor.start(slow))
    await wait_for(lambda: slow._process is not None)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await supervisor.stop()
    assert slow._process is not None
    assert slow._process.returncode is not None
