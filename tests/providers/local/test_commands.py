"""Commands on a terminal, in a sandbox and without one."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from autodeploy.kernel.sandbox import (
    DEFAULT_PATH,
    Limits,
    Network,
    Sandbox,
    SandboxSpec,
    Unsandboxed,
)
from autodeploy.kernel.sandbox.syscalls import seccomp_filter
from autodeploy.providers.commands import CommandEnd, TerminalSize
from autodeploy.providers.local.commands import run_to_its_end

_UID = 300997


class Person:
    """Somebody at a terminal: what they see, type and do to its window."""

    kind = "vt220"
    size = TerminalSize(33, 99)

    def __init__(self) -> None:
        self.seen = ""
        self._changed = asyncio.Event()
        self._typed: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sizes: asyncio.Queue[TerminalSize] = asyncio.Queue()

    async def show(self, data: bytes) -> None:
        self.seen += data.decode()
        self._changed.set()

    async def resized(self) -> TerminalSize:
        return await self._sizes.get()

    async def stdin(self) -> AsyncGenerator[bytes]:
        while (data := await self._typed.get()) is not None:
            yield data

    def types(self, text: str) -> None:
        self._typed.put_nowait(text.encode())

    def resizes(self, rows: int, columns: int) -> None:
        self._sizes.put_nowait(TerminalSize(rows, columns))

    async def sees(self, pattern: str) -> re.Match[str]:
        async with asyncio.timeout(15):
            while (found := re.search(pattern, self.seen)) is None:
                self._changed.clear()
                await self._changed.wait()
        self.seen = self.seen[found.end() :]
        return found


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ad-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["sandbox", "unsandboxed"])
def sandbox(request: pytest.FixtureRequest, home: Path) -> Sandbox:
    return Sandbox.open() if request.param == "sandbox" else Unsandboxed(home)


def begin(sandbox: Sandbox, person: Person, *argv: str) -> "asyncio.Task[CommandEnd]":
    spec = SandboxSpec(
        name="terminal", argv=argv, cwd="/", uid=_UID, gid=_UID, network=Network.NONE,
        environment={"PATH": DEFAULT_PATH, "HOME": "/tmp", "PS1": "ready> "},
        limits=Limits(seconds=60),
    )  # fmt: skip

    async def on_line(stream: str, text: str) -> None:
        raise AssertionError(f"{stream}: {text}")

    return asyncio.create_task(
        run_to_its_end(sandbox, spec, on_line, stdin=person.stdin(), terminal=person)
    )


async def test_shell_prompts_echoes_and_ends_with_its_code(sandbox: Sandbox) -> None:
    person = Person()
    running = begin(sandbox, person, "bash", "--norc", "--noediting", "-i")
    await person.sees("ready> ")
    person.types("echo $((6*7)) $TERM\n")
    # What was typed is seen, and then what came of it; nothing is said about job control.
    found = await person.sees(r"echo \$\(\(6\*7\)\) \$TERM\r\n(.*)\r\nready> ")
    assert found[1] == "42 vt220"
    person.types("exit 3\n")
    end = await asyncio.wait_for(running, 15)
    assert end.exit_code == 3
    assert "exit" in person.seen
    assert "job control" not in person.seen


async def test_interrupt_reaches_what_is_in_the_foreground(sandbox: Sandbox) -> None:
    person = Person()
    running = begin(sandbox, person, "bash", "--norc", "-i")
    await person.sees("ready> ")
    person.types("sh -c 'echo begun; exec sleep 600'\n")
    await person.sees("begun\r\n")
    person.types("\x03")
    await person.sees("ready> ")
    person.types("echo code $?\n")
    assert (await person.sees(r"code (\d+)\r\n.*ready> "))[1] == "130"
    person.types("\x04")
    assert (await asyncio.wait_for(running, 15)).exit_code == 0


async def test_size_is_known_and_its_change_told(sandbox: Sandbox) -> None:
    person = Person()
    script = "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.05; done"
    running = begin(sandbox, person, "sh", "-c", script)
    await person.sees("33 99\r\n")
    person.resizes(50, 120)
    await person.sees("50 120\r\n")
    assert (await asyncio.wait_for(running, 15)).exit_code == 0


async def test_end_of_typing_ends_nothing_by_itself_and_output_is_whole(sandbox: Sandbox) -> None:
    person = Person()
    script = "read line; seq 1 20000; echo got $line"
    running = begin(sandbox, person, "sh", "-c", script)
    person.types("something\n")
    assert (await asyncio.wait_for(running, 30)).exit_code == 0
    assert person.seen.replace("\r", "").endswith("\n19999\n20000\ngot something\n")
    assert len(person.seen.splitlines()) == 20_002


async def test_it_ends_when_it_is_to(sandbox: Sandbox) -> None:
    person = Person()
    running = begin(sandbox, person, "bash", "--norc", "-i")
    await person.sees("ready> ")
    before = len(list(Path("/proc/self/fd").iterdir()))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 15)
    assert len(list(Path("/proc/self/fd").iterdir())) < before


async def test_nobody_types_for_somebody_else(home: Path) -> None:
    person, sandbox = Person(), Sandbox.open()
    program = (
        "import fcntl, os, termios\n"
        "assert os.getsid(0) == os.tcgetpgrp(0) == os.getpid()\n"
        "try: fcntl.ioctl(0, termios.TIOCSTI, b'x')\n"
        "except OSError as error: print('refused', error.errno)\n"
    )
    end = await asyncio.wait_for(begin(sandbox, person, "python3", "-c", program), 15)
    assert end.exit_code == 0, person.seen
    if seccomp_filter() is not None:
        assert person.seen.endswith("refused 1\r\n")
