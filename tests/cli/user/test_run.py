"""``autodeploy run`` against a served platform, with a worker beside it."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import IO, Any

import httpx
import pytest
from tests.api.deployer import User, deploy_server
from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person
from tests.services.deployer.provider import Command, FolderProvider, echo

from autodeploy.cli.failures import CommandError
from autodeploy.cli.user.attachment import PIECE_BYTES, WINDOW_PIECES
from autodeploy.cli.user.client import Api
from autodeploy.cli.user.run import _begin
from autodeploy.kernel.process import python_argv
from autodeploy.kernel.resources import Resources
from autodeploy.providers.commands import CommandEnd, CommandTerminal, OutputSink
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.runs.worker import RunWorker


async def fail(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
    await on_line("stdout", "counting")
    await on_line("stderr", "no such table")
    return CommandEnd(3)


@pytest.fixture
async def live(ada: Person, resources: Resources) -> None:
    """A project of Ada's, ``My Shop``, whose live app is a server."""
    headers = {"Authorization": f"Bearer {ada.token}"}
    async with httpx.AsyncClient(base_url=ada.url) as client:
        await deploy_server(User(client, headers), resources)


@pytest.fixture
def provider(resources: Resources) -> FolderProvider:
    return FolderProvider(resources.home / "machine", resources.objects)


@pytest.fixture
async def commands(
    resources: Resources, provider: FolderProvider
) -> AsyncIterator[Callable[[Command], None]]:
    """A worker; the function says what becomes of commands."""
    engine = Engine(resources=resources, providers=Registry([provider]), owner="worker")
    working = asyncio.create_task(RunWorker(engine).run())

    def become(command: Command) -> None:
        provider.command = command

    yield become
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


@pytest.mark.usefixtures("live", "commands")
async def test_command_behind_the_dashes_is_passed_on_as_it_is(ada: Person) -> None:
    done = await ada.run("run", "my-shop", "--", "ls", "--json", "-e", "a b", "--", "$HOME")
    assert (done.returncode, done.stdout) == (0, "ls --json -e a b -- $HOME\n"), done.stderr


@pytest.mark.usefixtures("live")
async def test_streams_and_exit_code_are_the_commands(
    ada: Person, commands: Callable[[Command], None]
) -> None:
    commands(fail)
    done = await ada.run("run", "my-shop", "--", "migrate")
    assert (done.returncode, done.stdout, done.stderr) == (3, "counting\n", "no such table\n")


@pytest.mark.usefixtures("live")
async def test_object_for_programs(ada: Person, commands: Callable[[Command], None]) -> None:
    commands(echo)
    # Behind the dashes --json would be the command's.
    done = await ada.run("run", "my-shop", "--json", "--", "ls")
    assert (done.returncode, done.stderr) == (0, "ls\n")
    check(json.loads(done.stdout), documented("run"))


@pytest.fixture
def reads(provider: FolderProvider, commands: Callable[[Command], None]) -> list[bytes]:
    """What the command has read, which ends with its input."""
    read: list[bytes] = []

    async def command(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        stdin = provider.stdin
        assert stdin is not None
        async with aclosing(stdin):
            read.extend([piece async for piece in stdin])
        await on_line("stdout", f"{sum(map(len, read))} bytes")
        return CommandEnd(0)

    commands(command)
    return read


def start(person: Person, *arguments: str) -> "subprocess.Popen[bytes]":
    known = {"AUTODEPLOY_URL": person.url, "AUTODEPLOY_TOKEN": person.token or ""}
    return subprocess.Popen(
        python_argv(*arguments), env={**os.environ, **known},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.usefixtures("live")
async def test_piped_bytes_reach_the_command_as_they_are(ada: Person, reads: list[bytes]) -> None:
    sent = bytes(range(256)) * 20_000  # 5 MB
    with start(ada, "run", "my-shop", "--", "restore") as process:
        out, said = await asyncio.to_thread(process.communicate, sent)
    assert (process.returncode, out) == (0, b"5120000 bytes\n"), said
    assert b"".join(reads) == sent


@pytest.mark.usefixtures("live")
async def test_command_that_reads_nothing_ends_with_its_input_still_open(
    ada: Person, commands: Callable[[Command], None]
) -> None:
    commands(echo)
    with start(ada, "run", "my-shop", "--", "ls") as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.read) == b"ls\n"
        assert await asyncio.wait_for(asyncio.to_thread(process.wait), 20) == 0


@pytest.mark.usefixtures("live")
async def test_no_more_is_read_than_the_command_takes(
    ada: Person, commands: Callable[[Command], None]
) -> None:
    may_end, written = asyncio.Event(), 0
    window = WINDOW_PIECES * PIECE_BYTES

    async def wait(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        await may_end.wait()
        return CommandEnd(0)

    def write(pipe: IO[bytes]) -> None:
        nonlocal written
        with contextlib.suppress(BrokenPipeError):
            while True:
                written += os.write(pipe.fileno(), b"x" * PIECE_BYTES)

    commands(wait)
    with start(ada, "run", "my-shop", "--", "sleep") as process:
        assert process.stdin is not None
        writing = asyncio.create_task(asyncio.to_thread(write, process.stdin))
        async with asyncio.timeout(20):
            while written < window:
                await asyncio.sleep(0.02)
        await ada.run("runs", "my-shop")  # long enough to read a hundred times as much
        may_end.set()
        assert await asyncio.to_thread(process.wait) == 0
        await writing
    # What a pipe holds is neither here nor there.
    assert written <= window + 3 * 65_536


@pytest.mark.usefixtures("live", "commands")
async def test_command_without_any_input_finds_the_end_of_it(ada: Person) -> None:
    known = {"AUTODEPLOY_URL": ada.url, "AUTODEPLOY_TOKEN": ada.token or ""}
    # Then 0 may be any other file.
    closing = ["sh", "-c", 'exec "$@" <&-', "sh", *python_argv("run", "my-shop", "--", "ls")]
    done = await asyncio.to_thread(
        subprocess.run, closing, env={**os.environ, **known}, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, b"ls\n"), done.stderr
    [run] = (await ada.json("runs", "my-shop"))["items"]
    assert not run["stdin"]


class Terminal:
    """A terminal that the command line is started on, and who sits at it."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        self.resize(33, 99)
        self.before = termios.tcgetattr(self._theirs)
        self.seen = b""

    @contextlib.contextmanager
    def start(self, person: Person, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
        known = {"AUTODEPLOY_URL": person.url, "AUTODEPLOY_TOKEN": person.token or ""}
        with subprocess.Popen(
            ["setsid", "--ctty", *python_argv(*arguments)],
            env={**os.environ, **known, "TERM": "vt220"},
            stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def types(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    async def sees(self, text: bytes) -> None:
        async with asyncio.timeout(30):
            while text not in self.seen:
                self.seen += await asyncio.to_thread(self._read)
        self.seen = self.seen.partition(text)[2]

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._ours], [], [], 1)
        return os.read(self._ours, 65_536) if ready else b""

    @property
    def now(self) -> list[Any]:
        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def conversation(provider: FolderProvider, commands: Callable[[Command], None]) -> None:
    """The command tells what it is on and every key; ``q`` ends it."""

    async def command(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        stdin, screen = provider.stdin, provider.terminal
        assert stdin is not None
        if screen is None:
            await on_line("stdout", "no terminal")
            return CommandEnd(0)
        await screen.show(f"{screen.kind} {screen.size.rows}x{screen.size.columns}> ".encode())
        showing = asyncio.Lock()
        sizes = asyncio.create_task(_tell_sizes(screen, showing))
        async with aclosing(stdin):
            async for keys in stdin:
                async with showing:
                    await screen.show(b"<%s>" % keys.hex().encode())
                if b"q" in keys:
                    break
        sizes.cancel()
        return CommandEnd(5)

    commands(command)


async def _tell_sizes(screen: CommandTerminal, showing: asyncio.Lock) -> None:
    while True:
        size = await screen.resized()
        async with showing:
            await screen.show(f"[{size.rows}x{size.columns}]".encode())


@pytest.mark.usefixtures("live", "conversation")
async def test_terminal_is_the_commands_while_it_runs_and_ours_again_then(
    ada: Person, terminal: Terminal
) -> None:
    with terminal.start(ada, "run", "my-shop", "--", "bash") as process:
        await terminal.sees(b"vt220 33x99> ")
        terminal.types(b"a")
        await terminal.sees(b"<61>")
        assert terminal.now != terminal.before
        terminal.types(b"\x03")  # which interrupts the command, not us
        await terminal.sees(b"<03>")
        terminal.resize(50, 120)
        await terminal.sees(b"[50x120]")
        terminal.types("ü".encode())
        await terminal.sees(b"<c3bc>")
        terminal.types(b"q")
        assert await asyncio.to_thread(process.wait) == 5
    assert terminal.now == terminal.before
    [run] = (await ada.json("runs", "my-shop"))["items"]
    assert (run["terminal"], run["status"]) == (True, "failed")


@pytest.mark.usefixtures("live", "conversation")
async def test_terminal_is_given_back_when_we_are_ended(ada: Person, terminal: Terminal) -> None:
    with terminal.start(ada, "run", "my-shop", "--", "bash") as process:
        await terminal.sees(b"> ")
        terminal.types(b"a")
        await terminal.sees(b"<61>")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait) == 130
    assert terminal.now == terminal.before
    [run] = (await ada.json("runs", "my-shop"))["items"]
    assert run["status"] == "cancelled"


@pytest.mark.usefixtures("live", "conversation")
async def test_there_is_no_terminal_where_none_is_wanted_or_none_is(
    ada: Person, terminal: Terminal
) -> None:
    with terminal.start(ada, "run", "my-shop", "--no-tty", "--", "bash") as process:
        await terminal.sees(b"no terminal\r\n")
        assert await asyncio.to_thread(process.wait) == 0
    done = await ada.run("run", "my-shop", "--", "bash")
    assert done.stdout == "no terminal\n"
    assert "--tty needs" in await ada.refused("run", "my-shop", "-t", "--", "bash", code=2)


@pytest.mark.usefixtures("live")
async def test_list_says_who_ran_what_and_how_it_ended(
    ada: Person, commands: Callable[[Command], None]
) -> None:
    done = await ada.run("runs", "my-shop")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No command was run" in done.stderr
    commands(fail)
    await ada.run("run", "my-shop", "--", "sh", "-c", "exit 3")
    [run] = (await ada.json("runs", "my-shop"))["items"]
    done = await ada.run("runs", "my-shop", "--environment", "production")
    [head, line] = done.stdout.splitlines()
    assert head.split()[:2] == ["ID", "BEGUN"]
    assert line.split()[0] == run["id"]
    assert line.endswith("production   failed  3     sh -c 'exit 3'")
    assert "no environment" in await ada.refused("runs", "my-shop", "--environment", "nowhere")


@pytest.mark.usefixtures("live")
async def test_interrupt_stops_the_command_within_seconds(
    ada: Person, commands: Callable[[Command], None]
) -> None:
    stopped = asyncio.Event()

    async def endless(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        await on_line("stdout", "ready")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await on_line("stdout", "bye")
            stopped.set()
            raise
        return CommandEnd(0)

    commands(endless)
    known = {"AUTODEPLOY_URL": ada.url, "AUTODEPLOY_TOKEN": ada.token or ""}
    with subprocess.Popen(
        python_argv("run", "my-shop", "--", "serve"),
        env={**os.environ, **known}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(stopped.wait(), 10)
        assert time.monotonic() - begun < 5
        assert await asyncio.to_thread(process.stdout.read) == b"bye\n"
        assert await asyncio.to_thread(process.wait) == 130


@pytest.mark.usefixtures("live")
async def test_time_limit_is_told(ada: Person, commands: Callable[[Command], None]) -> None:
    async def endless(argv: Sequence[str], on_line: OutputSink) -> CommandEnd:
        await asyncio.sleep(3600)
        return CommandEnd(0)

    commands(endless)
    said = await ada.refused("run", "my-shop", "--timeout", "1s", "--", "serve")
    assert "(run_timed_out)" in said


async def test_nothing_to_run_in_and_nothing_to_run(ada: Person) -> None:
    assert "Write it behind --" in await ada.refused("run", code=2)
    assert "Write it behind --" in await ada.refused("run", "my-shop", "--", code=2)
    assert "--timeout" in await ada.refused("run", "--timeout", "soon", "--", "ls", code=2)
    assert "no project" in await ada.refused("run", "my-shop", "--", "ls")


@pytest.mark.parametrize(
    ("lost", "calls"), [(httpx.ReadTimeout("late"), 2), (httpx.ConnectError("refused"), 1)]
)
def test_lost_answer_is_asked_for_again_and_runs_nothing_twice(
    lost: httpx.TransportError, calls: int
) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise lost
        return httpx.Response(202, json={"id": "run"})

    api = Api("http://127.0.0.1:1", "token")
    api._http = httpx.Client(base_url=api.url, transport=httpx.MockTransport(answer))
    if calls == 2:
        assert _begin(api, "/runs", {}) == {"id": "run"}
    else:
        with pytest.raises(CommandError):
            _begin(api, "/runs", {})
    assert len(keys) == calls
    assert len(set(keys)) == 1
