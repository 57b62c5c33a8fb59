"""One-off commands in releases on this machine."""

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from tests.providers.local.conftest import Lines, build_request, release_request, spec
from tests.services.deployer.platform import eventually

from autodeploy.kernel.errors import NotFound
from autodeploy.providers.base import App, ReleaseRequest
from autodeploy.providers.commands import COMMAND_GRACE_SECONDS
from autodeploy.providers.local.layout import app_uid
from autodeploy.providers.local.provider import LocalProvider

SERVER = """
import http.server, os
class Answer(http.server.SimpleHTTPRequestHandler):
    pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "%s"])
print("ready", flush=True)
while True:
    time.sleep(1)
"""

Source = Callable[[dict[str, str]], Path]


class Printed:
    """What a command printed, as it came."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.first = asyncio.Event()

    async def __call__(self, stream: str, text: str) -> None:
        self.lines.append((stream, text))
        self.first.set()


@pytest.fixture
async def release(provider: LocalProvider, app: App, source: Source) -> ReleaseRequest:
    """A release that runs, with a file and a variable of its own."""
    files = {"server.py": SERVER, "data.txt": "forty-two\n"}
    built = spec()
    artifact = await provider.build(build_request(app, source(files), built), Lines())
    request = release_request(app, artifact.key, built, {"COLOUR": "blue"})
    await provider.deploy(request, Lines())
    return request


async def test_it_has_what_the_app_has(provider: LocalProvider, release: ReleaseRequest) -> None:
    printed = Printed()
    script = (
        "import os; print(open('data.txt').read().strip(), os.environ['COLOUR'], os.getuid(),"
        " os.environ.get('PORT'), os.path.exists('/home'))"
    )
    end = await provider.run_command(release, ["/usr/bin/python3", "-c", script], printed)
    user = app_uid(release.app.number) if os.getuid() == 0 else os.getuid()
    assert (end.exit_code, printed.lines) == (0, [("stdout", f"forty-two blue {user} None False")])


async def test_its_streams_and_its_exit_code_are_told_apart(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    printed = Printed()
    end = await provider.run_command(
        release, ["sh", "-c", "echo out; echo err >&2; exit 7"], printed
    )
    assert (end.exit_code, sorted(printed.lines)) == (7, [("stderr", "err"), ("stdout", "out")])


async def test_no_shell_reads_the_arguments(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    printed = Printed()
    await provider.run_command(release, ["printf", "%s\\n", "$HOME; `id` *"], printed)
    assert printed.lines == [("stdout", "$HOME; `id` *")]


async def test_it_reads_its_input_as_it_is_and_to_the_end(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    sent = [bytes(range(256)), b"\n\x04\x03" * 50_000, b"last"]

    async def stdin() -> AsyncGenerator[bytes]:
        for piece in sent:
            yield piece

    printed = Printed()
    script = "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    command = ["/usr/bin/python3", "-c", script]
    end = await provider.run_command(release, command, printed, stdin=stdin())
    assert end.exit_code == 0
    assert printed.lines == [("stdout", hashlib.sha256(b"".join(sent)).hexdigest())]


async def test_it_is_given_no_more_than_it_reads(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    asked = asyncio.Semaphore(0)

    async def stdin() -> AsyncGenerator[bytes]:
        for _ in range(1000):
            asked.release()
            yield b"x" * 32_768

    printed = Printed()
    command = ["sh", "-c", "echo ready; exec sleep 600"]
    running = asyncio.create_task(provider.run_command(release, command, printed, stdin=stdin()))
    # As much as a pipe holds (64 KiB), and the piece that waits for room in it.
    for _ in range(3):
        await asyncio.wait_for(asked.acquire(), 10)
    await asyncio.wait_for(printed.first.wait(), 10)
    assert asked.locked()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_one_that_reads_nothing_ends_by_itself(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield b"x" * 32_768

    async def silent() -> AsyncGenerator[bytes]:
        await asyncio.Event().wait()
        yield b""

    for stdin in (endless(), silent()):
        running = provider.run_command(release, ["true"], Printed(), stdin=stdin)
        assert (await asyncio.wait_for(running, 20)).exit_code == 0


async def test_a_program_that_is_not_there(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    printed = Printed()
    end = await provider.run_command(release, ["no-such-program"], printed)
    assert end.exit_code == 127
    assert "no-such-program" in printed.lines[0][1]


async def test_a_stubborn_command_ends_within_seconds_with_all_its_processes(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    mark = f"stubborn-{release.app.number}"
    printed = Printed()
    command = ["/usr/bin/python3", "-c", STUBBORN % mark]
    running = asyncio.create_task(provider.run_command(release, command, printed))
    await asyncio.wait_for(printed.first.wait(), 10)
    assert len(_processes(mark)) >= 2
    begun = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - begun < COMMAND_GRACE_SECONDS + 2
    assert _processes(mark) == []
    assert printed.lines == [("stdout", "ready"), ("stdout", "no")]


async def test_a_command_that_obeys_is_not_killed(
    provider: LocalProvider, release: ReleaseRequest
) -> None:
    printed = Printed()
    script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    running = asyncio.create_task(provider.run_command(release, ["sh", "-c", script], printed))
    await asyncio.wait_for(printed.first.wait(), 10)
    begun = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - begun < COMMAND_GRACE_SECONDS
    # The shell may say on standard error that its sleep was terminated, too.
    said = [text for stream, text in printed.lines if stream == "stdout"]
    assert said == ["ready", "bye"]


async def test_it_ends_with_the_worker(
    local_home: Path, provider: LocalProvider, release: ReleaseRequest
) -> None:
    mark = f"orphan-{release.app.number}"
    worker = f"""
import asyncio, sys
from pathlib import Path
from uuid import UUID
from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import (App, ReleaseRequest)
from autodeploy.providers.local.provider import LocalProvider
from tests.providers.local.conftest import spec
home = Path({str(local_home)!r})
provider = LocalProvider(home=home, proxy_port=1, objects=ObjectStore.open(f"file://{{home}}/objects"))
app = App(UUID({str(release.app.environment_id)!r}), {release.app.number}, "shop", "production")
request = ReleaseRequest(UUID({str(release.deployment_id)!r}), app, "", spec(), {{}})
async def show(stream, text):
    print(text, flush=True)
script = "import time; print('ready', flush=True); time.sleep(600)"
asyncio.run(provider.run_command(request, ["/usr/bin/python3", "-c", script, {mark!r}], show))
"""
    with subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"
        process.kill()

    async def gone() -> bool:
        return _processes(mark) == []

    await eventually(gone)


async def test_a_release_that_is_not_there(
    provider: LocalProvider, app: App, release: ReleaseRequest
) -> None:
    with pytest.raises(NotFound):
        await provider.run_command(release_request(app, "", spec()), ["ls"], Printed())


def _processes(mark: str) -> list[str]:
    """The running processes whose command line has ``mark`` in it, but for those that only start
    others in the sandbox."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "python3" in line[0] and any(mark in argument for argument in line):
            found.append(" ".join(line))
    return found
