"""Several processes of an app behind one address: with a real sandbox, Caddy and agent."""

import asyncio
import contextlib
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from autodeploy.kernel.errors import Unavailable
from autodeploy.providers.base import App, Endpoint, Release, ReleaseRequest, ReplicaCount
from autodeploy.providers.local.agent.ports import listening_rows
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.services.deployer.errors import AppCrashed
from autodeploy.services.deployer.health import Health, wait_until_healthy

from .conftest import Lines, Node, as_root, build_request, release_request, spec
from .test_release import ECHO

MakeSource = Callable[[dict[str, str]], Path]
Up = Callable[..., Awaitable[tuple[ReleaseRequest, Release]]]

# Answers with its port; /slow begins an answer and ends it when the file `finish` is there. With a
# file `deaf-PORT` it listens no longer, and lives on.
SERVER = """
import http.server, os, pathlib, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        self.send_response(200)
        body = (os.environ.get("ANSWER", "") + os.environ["PORT"]).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/slow":
            pathlib.Path(f"begun-{os.environ['PORT']}").touch()
            while not pathlib.Path("finish").exists():
                time.sleep(0.02)
        self.wfile.write(body)

    def log_message(self, *args):
        pass

print("listening", flush=True)
http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer.request_queue_size = 128
address = ("127.0.0.1", int(os.environ["PORT"]))
server = http.server.ThreadingHTTPServer(address, Handler)

def become_deaf():
    if pathlib.Path(f"deaf-{address[1]}").exists() and server.fileno() != -1:
        server.socket.close()
        print("deaf", flush=True)

server.service_actions = become_deaf
server.serve_forever(0.02)
"""


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def until_up(provider: LocalProvider, release: Release, count: int) -> None:
    async def are_up() -> bool:
        return (await provider.status(release)).replicas == ReplicaCount(count, count)

    await until(are_up)


@pytest.fixture
async def up(provider: LocalProvider, app: App, source: MakeSource) -> AsyncIterator[Up]:
    """Deploys so many replicas of a program and waits until they are up. They end with the test:
    one that listens no longer does nothing else, as fast as it can."""

    async def up(
        replicas: int, program: str = SERVER, **environment: str
    ) -> tuple[ReleaseRequest, Release]:
        wanted = spec(replicas=replicas)
        built = build_request(app, source({"server.py": program}), wanted)
        artifact = await provider.build(built, Lines())
        request = release_request(app, artifact.key, wanted, environment, built.deployment_id)
        release = await provider.deploy(request, Lines())
        await until_up(provider, release, replicas)
        return request, release

    yield up
    await provider.destroy(app)


async def answers(url: str, count: int) -> Counter[str]:
    async with httpx.AsyncClient(timeout=10) as client:
        return Counter([(await client.get(url)).text for _ in range(count)])


async def until_all_answer(endpoint: Endpoint, count: int) -> None:
    """Wait until requests, when there are no others, are shared evenly by so many replicas."""

    async def do() -> bool:
        seen = await answers(endpoint.local_url or "", 2 * count)
        return set(seen.values()) == {2} and len(seen) == count

    await until(do)


async def until_only(seen: Counter[str], count: int) -> None:
    """Wait until requests of others are answered by so many replicas."""

    async def do() -> bool:
        seen.clear()
        while seen.total() < 4 * count:
            await asyncio.sleep(0.02)
        return len(seen) == count

    await until(do)


@contextlib.asynccontextmanager
async def load(endpoint: Endpoint) -> AsyncIterator[Counter[str]]:
    """Ask all the time, on old and new connections; yields who has answered. Every request has to
    succeed."""
    seen, failed, stop = Counter[str](), list[str](), asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> None:
        try:
            answer = await client.get(endpoint.local_url or "")
        except httpx.HTTPError as error:
            failed.append(repr(error))
        else:
            seen[answer.text] += 1
            if answer.status_code != 200:
                failed.append(answer.text)

    async def keep_asking() -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            while not stop.is_set():
                await ask(client)

    async def ask_anew() -> None:
        while not stop.is_set():
            async with httpx.AsyncClient(timeout=10, verify=False) as client:
                await ask(client)

    async with asyncio.TaskGroup() as group:
        for each in (keep_asking, keep_asking, keep_asking, ask_anew):
            group.create_task(each())
        try:
            yield seen
        finally:
            stop.set()
    assert failed == []
    assert seen


def ports_of(release: Release) -> list[str]:
    return [url.rstrip("/").rpartition(":")[2] for url in release.check_urls]


def process_at(port: str) -> int:
    """The process that listens on a loopback port."""
    [inode] = [row[9] for row in listening_rows() if int(row[1].partition(":")[2], 16) == int(port)]
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return int(descriptor.parts[2])
        except OSError:
            continue
    pytest.fail(f"nothing listens on {port}")


async def test_requests_are_shared_evenly_by_replicas_on_ports_of_their_own(
    provider: LocalProvider, up: Up, node: Node, app: App
) -> None:
    request, release = await up(3)
    endpoint = await provider.promote(request, release)
    ports = ports_of(release)
    assert len(set(ports)) == 3
    assert await answers(endpoint.local_url or "", 30) == dict.fromkeys(ports, 10)
    async with httpx.AsyncClient() as client:
        host = {"Host": f"{app.project_slug}.localhost"}
        url = f"http://127.0.0.1:{node.proxy_port}/"
        by_name = [(await client.get(url, headers=host)).text for _ in range(6)]
    assert Counter(by_name) == dict.fromkeys(ports, 2)
    status = await provider.status(release)
    assert (status.state, status.process, status.restarts) == ("running", None, 0)


async def test_lines_of_replicas_begin_with_their_names(provider: LocalProvider, up: Up) -> None:
    _, release = await up(2)

    async def said() -> Counter[str]:
        lines = await provider.runtime_lines(release, None, 0)
        return Counter(text for _, _, text in lines.lines)

    assert await said() == {"web.1: listening": 1, "web.2: listening": 1}
    await provider.scale(release, 1)
    await provider.scale(release, 2)
    await until_up(provider, release, 2)

    async def is_told() -> bool:
        return await said() == {"web.1: listening": 1, "web.2: listening": 2}

    await until(is_told)


async def test_killed_replica_fails_no_request_and_takes_its_share_again(
    provider: LocalProvider, up: Up
) -> None:
    request, release = await up(2)
    endpoint = await provider.promote(request, release)

    async def restarted() -> bool:
        status = await provider.status(release)
        return status.restarts == 1 and status.replicas == ReplicaCount(2, 2)

    async with load(endpoint) as seen:
        os.kill(process_at(ports_of(release)[1]), signal.SIGKILL)
        await until(restarted)
        await until_only(seen, 2)
    status = await provider.status(release)
    assert (status.state, status.process, status.restarts) == ("running", "web.2", 1)


async def test_get_whose_replica_ends_before_it_has_answered_goes_to_another(
    provider: LocalProvider, up: Up
) -> None:
    request, release = await up(2)
    endpoint = await provider.promote(request, release)
    folder = provider._layout.release(release.deployment_id) / "app"

    def begun() -> set[str]:
        return {file.name.removeprefix("begun-") for file in folder.glob("begun-*")}

    async def has_begun() -> bool:
        return bool(begun())

    async def has_begun_twice() -> bool:
        return len(begun()) == 2

    async with httpx.AsyncClient(timeout=20) as client:
        asking = asyncio.create_task(client.get(f"{endpoint.local_url}/slow"))
        await until(has_begun)
        [first] = begun()
        os.kill(process_at(first), signal.SIGKILL)
        await until(has_begun_twice)
        (folder / "finish").touch()
        answer = await asking
    assert (answer.status_code, {first, answer.text}) == (200, set(ports_of(release)))


async def test_request_that_cannot_connect_to_a_replica_goes_to_another(
    provider: LocalProvider, up: Up
) -> None:
    request, release = await up(2)
    endpoint = await provider.promote(request, release)
    deaf, other = ports_of(release)
    (provider._layout.release(release.deployment_id) / "app" / f"deaf-{deaf}").touch()

    async def is_deaf() -> bool:
        lines = await provider.runtime_lines(release, None, 0)
        return any(text == "web.1: deaf" for _, _, text in lines.lines)

    await until(is_deaf)
    assert (await provider.status(release)).replicas == ReplicaCount(2, 2)
    assert await answers(endpoint.local_url or "", 20) == {other: 20}
    async with httpx.AsyncClient() as client:
        posted = [await client.post(endpoint.local_url or "") for _ in range(4)]
    assert [answer.status_code for answer in posted] == [501] * 4  # it has no POST


@as_root
async def test_replica_that_is_not_up_gets_no_traffic_until_it_is_also_at_another_port(
    provider: LocalProvider, up: Up
) -> None:
    stubborn = 'import os, sys\nif os.path.exists("refuse"): sys.exit(7)\n' + SERVER
    request, release = await up(2, stubborn)
    endpoint = await provider.promote(request, release)
    old, other = ports_of(release)
    refuse = provider._layout.release(release.deployment_id) / "app" / "refuse"
    refuse.touch()
    os.kill(process_at(old), signal.SIGKILL)

    async def is_down() -> bool:
        status = await provider.status(release)
        return (status.process, status.exit_code) == ("web.1", 7)

    await until(is_down)
    assert (await provider.status(release)).replicas == ReplicaCount(1, 2)
    with socket.create_server(("127.0.0.1", int(old)), backlog=64) as foreign:
        foreign.setblocking(False)
        assert await answers(endpoint.local_url or "", 20) == {other: 20}
        refuse.unlink()
        await until_up(provider, release, 2)
        await until_all_answer(endpoint, 2)
        assert old not in await answers(endpoint.local_url or "", 4)
        assert requests_to(foreign) == []


def requests_to(listener: socket.socket) -> list[bytes]:
    """What was sent to a listener; whoever only looked whether it is there sent nothing."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            with connection:
                found.append(connection.recv(1024))
    return [each for each in found if each]


async def test_number_of_replicas_changes_under_load_without_a_failed_request(
    provider: LocalProvider, up: Up
) -> None:
    request, release = await up(1)
    endpoint = await provider.promote(request, release)
    async with load(endpoint) as seen:
        for count in (3, 8, 2, 1):
            await provider.scale(release, count)
            await provider.scale(release, count)
            await until_up(provider, release, count)
            await until_only(seen, count)
        assert set(await answers(endpoint.local_url or "", 4)) == set(ports_of(release))


async def test_replica_too_many_finishes_what_it_has_begun_and_frees_its_port(
    provider: LocalProvider, up: Up
) -> None:
    request, release = await up(2)
    endpoint = await provider.promote(request, release)
    folder = provider._layout.release(release.deployment_id) / "app"
    leaving = ports_of(release)[1]

    async def begun() -> bool:
        return len(list(folder.glob("begun-*"))) == 2

    async with httpx.AsyncClient(timeout=20) as client:
        slow = [asyncio.create_task(client.get(f"{endpoint.local_url}/slow")) for _ in range(2)]
        await until(begun)
        await provider.scale(release, 1)

        async def has_left() -> bool:
            return leaving not in await answers(endpoint.local_url or "", 4)

        await until(has_left)
        (folder / "finish").touch()
        finished = [(await each).text for each in slow]
    assert sorted(finished) == sorted(ports_of(release))

    async def is_free() -> bool:
        return not [
            row for row in listening_rows() if int(row[1].partition(":")[2], 16) == int(leaving)
        ]

    await until(is_free)


async def test_redeploy_with_replicas_loses_no_request(
    provider: LocalProvider, up: Up, app: App
) -> None:
    first = await up(3, ANSWER="blue ")
    endpoint = await provider.promote(*first)
    next_request, next_release = await up(2, f"# new\n{SERVER}", ANSWER="green ")
    async with load(endpoint) as seen:
        await until(lambda: _has(seen, "blue"))
        assert await provider.promote(next_request, next_release) == endpoint
        after = await answers(endpoint.local_url or "", 20)
        assert {text.split()[0] for text in after} == {"green"}
        await provider.retire(app, first[1].deployment_id)

        async def is_gone() -> bool:
            ports = {int(row[1].partition(":")[2], 16) for row in listening_rows()}
            return not ports & {int(port) for port in ports_of(first[1])}

        await until(is_gone)
    assert len(await answers(endpoint.local_url or "", 8)) == 2


async def _has(seen: Counter[str], word: str) -> bool:
    return any(text.startswith(word) for text in seen)


async def test_websockets_of_replicas_stay_open_when_the_number_grows(
    provider: LocalProvider, up: Up
) -> None:
    request, release = await up(2, ECHO)
    endpoint = await provider.promote(request, release)
    opened = [await asyncio.open_connection("127.0.0.1", endpoint.local_port) for _ in range(2)]
    async with asyncio.timeout(20):
        for reader, writer in opened:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n")
            writer.write(b"Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n")
            assert b" 101 " in (await reader.readuntil(b"\r\n\r\n"))
        await provider.scale(release, 3)
        await until_up(provider, release, 3)
        for reader, writer in opened:
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here"
            writer.close()


async def test_release_is_well_only_when_each_of_its_replicas_is(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    choosy = (
        "import os, sys, time\n"
        "while not os.path.exists('chosen'): time.sleep(0.02)\n"
        "if open('chosen').read() != os.environ['PORT']: sys.exit('not chosen')\n"
    )
    wanted = spec(replicas=3)
    built = build_request(app, source({"server.py": choosy + SERVER}), wanted)
    artifact = await provider.build(built, Lines())
    request = release_request(app, artifact.key, wanted, {}, built.deployment_id)
    release = await provider.deploy(request, Lines())
    folder = provider._layout.release(release.deployment_id) / "app"
    (folder / "new").write_text(ports_of(release)[0])
    (folder / "new").rename(folder / "chosen")
    with pytest.raises(AppCrashed, match=r"web\.\d ended with exit code 1") as refused:
        await wait_until_healthy(provider, release, Health(60))
    assert "not chosen" in "".join(refused.value.log_tail)
    await provider.retire(app, release.deployment_id)

    async def is_gone() -> bool:
        return (await provider.status(release)).state == "absent"

    await until(is_gone)
    ports = {int(row[1].partition(":")[2], 16) for row in listening_rows()}
    assert not ports & {int(port) for port in ports_of(release)}


async def test_release_whose_replicas_are_well_is(provider: LocalProvider, up: Up) -> None:
    _, release = await up(3)
    await wait_until_healthy(provider, release, Health(60))


async def test_release_that_does_not_run_cannot_be_scaled(provider: LocalProvider) -> None:
    with pytest.raises(Unavailable):
        await provider.scale(Release(uuid4(), {"kind": "server"}), 2)


async def test_worker_has_no_replicas(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    worker = spec(kind="worker", start_command="echo working; sleep 100", replicas=3)
    artifact = await provider.build(build_request(app, source({}), worker), Lines())
    request = release_request(app, artifact.key, worker)
    release = await provider.deploy(request, Lines())

    async def runs() -> bool:
        return (await provider.status(release)).state == "running"

    await until(runs)
    assert (await provider.status(release)).replicas is None
    lines = await provider.runtime_lines(release, None, 0)
    assert [text for _, _, text in lines.lines] == ["working"]
