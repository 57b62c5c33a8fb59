"""``autodeploy run`` against a served platform, with a worker beside it."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence

import httpx
import pytest
from tests.api.deployer import User, deploy_server
from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person
from tests.services.deployer.provider import Command, FolderProvider, echo

from autodeploy.cli.failures import CommandError
from autodeploy.cli.user.client import Api
from autodeploy.cli.user.run import _begin
from autodeploy.kernel.process import python_argv
from autodeploy.kernel.resources import Resources
from autodeploy.providers.commands import CommandEnd, OutputSink
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
async def commands(resources: Resources) -> AsyncIterator[Callable[[Command], None]]:
    """A worker; the function says what becomes of commands."""
    provider = FolderProvider(resources.home / "machine", resources.objects)
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
