"""Build, deploy, promote, switch, retire: with a real sandbox, Caddy and agent."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from autodeploy.kernel.errors import NotFound, Unavailable
from autodeploy.kernel.sandbox import Limits
from autodeploy.providers.base import App, Release, ReleaseRequest
from autodeploy.providers.local.agent.ports import taken_by_others
from autodeploy.providers.local.errors import ReleaseCommandFailed
from autodeploy.providers.local.provider import LocalProvider

from .conftest import (
    SERVER,
    Lines,
    Node,
    as_root,
    build_request,
    deploy_static,
    release_request,
    spec,
)

MakeSource = Callable[[dict[str, str]], Path]


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.03)


async def _get(url: str, host: str | None = None) -> httpx.Response:
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.get(url, headers={"Host": host} if host else {})


async def _answers(release: Release) -> bool:
    [url] = release.check_urls
    try:
        return (await _get(url)).status_code == 200
    except httpx.HTTPError:
        return False


async def _artifact(provider: LocalProvider, app: App, source: Path, **changes: object) -> str:
    request = build_request(app, source, spec(**changes))
    return (await provider.build(request, Lines())).key


async def _up(
    provider: LocalProvider, app: App, key: str, answer: str
) -> tuple[ReleaseRequest, Release]:
    request = release_request(app, key, spec(), {"ANSWER": answer})
    release = await provider.deploy(request, Lines())
    await _until(lambda: _answers(release))
    return request, release


async def test_release_gets_traffic_only_when_promoted(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "one")
    host = f"{app.project_slug}.localhost:{node.proxy_port}"
    before = await _get(f"http://127.0.0.1:{node.proxy_port}/", host)
    assert (before.status_code, "No such app" in before.text) == (404, True)

    endpoint = await provider.promote(request, release)

    assert endpoint.url == f"http://{host}"
    assert (await _get(f"http://127.0.0.1:{node.proxy_port}/", host)).text == "one"
    assert endpoint.local_url == f"http://127.0.0.1:{endpoint.local_port}"
    assert (await _get(endpoint.local_url)).text == "one"
    assert (await provider.status(release)).state == "running"
    assert await provider.promote(request, release) == endpoint


async def test_what_an_app_answers_is_counted_whichever_way_it_is_asked(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    assert app.number not in await provider.measure_traffic()
    endpoint = await provider.promote(*await _up(provider, app, key, "one"))
    assert endpoint.local_url
    before = (await provider.measure_traffic())[app.number]
    # At its own port; by its public URL; and behind a proxy of the operator's own at port 80.
    shared, name = f"http://127.0.0.1:{node.proxy_port}/", endpoint.url.removeprefix("http://")
    ways = [(endpoint.local_url, name), (shared, name), (shared, name.partition(":")[0])]
    async with httpx.AsyncClient() as client:
        for url, host in ways:
            assert (await client.get(url, headers={"Host": host})).status_code == 200
            assert (await client.post(url, headers={"Host": host})).status_code == 501
    counted = (await provider.measure_traffic())[app.number]
    assert (counted.answers - before.answers, counted.failures - before.failures) == (6, 3)


@as_root
async def test_port_that_another_user_took_gets_no_traffic(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "one")
    endpoint = await provider.promote(request, release)
    assert endpoint.local_url
    late = release_request(app, key, spec(start_command="sleep 100"))
    [address] = (waiting := await provider.deploy(late, Lines())).check_urls
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", urlsplit(address).port))
        foreign.listen()
        with pytest.raises(Unavailable, match="Another program"):
            await provider.promote(late, waiting)
    assert (await _get(endpoint.local_url)).text == "one"


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::"),
    ],
)
def test_listener_is_known_by_its_user(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            pytest.skip("This machine has no such address.")
        port = listener.getsockname()[1]
        assert not taken_by_others(port, os.geteuid() + 1)
        listener.listen()
        assert not taken_by_others(port, os.geteuid())
        assert taken_by_others(port, os.geteuid() + 1)


async def test_switching_loses_no_request(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    pair = [await _up(provider, app, key, answer) for answer in ("blue", "green")]
    endpoint = await provider.promote(*pair[0])
    assert endpoint.local_url
    url, seen, failed, stop = endpoint.local_url, set[str](), list[str](), asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> None:
        try:
            answer = await client.get(url)
            seen.add(answer.text)
            if answer.status_code != 200:
                failed.append(str(answer.status_code))
        except httpx.HTTPError as error:
            failed.append(repr(error))

    async def keep_alive() -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            while not stop.is_set():
                await ask(client)

    async def fresh() -> None:
        while not stop.is_set():
            async with httpx.AsyncClient(timeout=10, verify=False) as client:
                await ask(client)

    async with asyncio.TaskGroup() as group:
        for loop in (keep_alive, keep_alive, fresh):
            group.create_task(loop())
        for turn in range(1, 21):
            assert await provider.promote(*pair[turn % 2]) == endpoint
            want = ("blue", "green")[turn % 2]
            assert (await _get(url)).text == want
        stop.set()
    assert failed == []
    assert seen == {"blue", "green"}


# Agrees to any upgrade, then sends back what it gets: as much of a WebSocket as a proxy sees.
ECHO = """
import os, socketserver

class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        upgrade = False
        while (line := self.rfile.readline()).strip():
            upgrade = upgrade or line.lower().startswith(b"upgrade:")
        if not upgrade:
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            return
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\\r\\n"
            b"Connection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n"
        )
        while data := self.request.recv(1024):
            self.request.sendall(data)

address = ("127.0.0.1", int(os.environ["PORT"]))
socketserver.ThreadingTCPServer(address, Echo).serve_forever()
"""


async def test_open_websocket_survives_the_arrival_and_removal_of_other_apps(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": ECHO}))
    endpoint = await provider.promote(*await _up(provider, app, key, "unused"))
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.local_port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n")
        writer.write(b"Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n")
        async with asyncio.timeout(20):
            assert b" 101 " in (await reader.readuntil(b"\r\n\r\n"))
            other = App(uuid4(), app.number + 5000, f"other-{app.number}", "production")
            key = await _artifact(provider, other, source({"server.py": SERVER}))
            await provider.promote(*await _up(provider, other, key, "other"))
            await provider.destroy(other)
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here"
    finally:
        writer.close()


async def test_release_of_a_prepared_artifact_is_what_stood_by(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    await provider.prepare(app, {key: spec()})
    [tree] = (node.home / "standby" / str(app.number)).iterdir()
    identity = tree.stat().st_ino
    _, release = await _up(provider, app, key, "prepared")
    assert (node.home / "releases" / str(release.deployment_id)).stat().st_ino == identity
    await provider.prepare(app, {key: spec()})
    await provider.destroy(app)
    assert not (node.home / "standby" / str(app.number)).exists()


async def test_second_deploy_finds_the_first_ones_release(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "same")
    assert await provider.deploy(request, Lines()) == release
    assert (await provider.status(release)).restarts == 0


async def test_retired_release_is_gone_with_its_files(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    _, release = await _up(provider, app, key, "old")
    folder = node.home / "releases" / str(release.deployment_id)
    assert folder.is_dir()

    await provider.retire(app, release.deployment_id)
    assert await _answers(release)  # requests under way are finished first

    async def gone() -> bool:
        return (await provider.status(release)).state == "absent" and not folder.exists()

    await _until(gone)
    assert not await _answers(release)
    await provider.retire(app, release.deployment_id)


async def test_app_that_ends_is_started_again_and_its_output_is_kept(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    script = "import sys; print('no luck'); sys.exit(3)"
    key = await _artifact(provider, app, source({"server.py": script}))
    request = release_request(app, key, spec())
    release = await provider.deploy(request, Lines())

    async def restarted() -> bool:
        return (await provider.status(release)).restarts >= 2

    await _until(restarted)
    status = await provider.status(release)
    assert status.state in ("starting", "backoff")
    assert status.exit_code == 3
    assert "no luck" in status.log_tail
    await provider.destroy(app)


async def test_runtime_lines_follow_a_cursor(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    _, release = await _up(provider, app, key, "lines")
    first = await provider.runtime_lines(release, None, 5)
    assert [(stream, text) for _, stream, text in first.lines] == [("stdout", "listening")]
    again = await provider.runtime_lines(release, first.cursor, 0.1)
    assert (again.cursor, again.lines) == (first.cursor, ())
    other_life = await provider.runtime_lines(release, "gone:7", 0)
    assert other_life.lines == first.lines
    with pytest.raises(NotFound):
        await provider.runtime_lines(Release(uuid4(), {}), None, 0)


async def test_release_command_runs_once_and_before_the_app(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    prepared = spec(release_command="echo migrating && echo x >> /app/migrations")
    request = release_request(app, key, prepared)
    log = Lines()
    await provider.deploy(request, log)
    await provider.deploy(request, log)
    assert log.text.splitlines().count("migrating") == 1


class Forgetful(Lines):
    """The log of a worker that loses its deployment before the lines are stored."""

    async def stored(self) -> None:
        raise RuntimeError("the lines are lost")


async def test_release_command_whose_lines_were_lost_runs_again(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request = release_request(app, key, spec(release_command="echo migrating"))
    with pytest.raises(RuntimeError):
        await provider.deploy(request, Forgetful())
    log = Lines()
    await provider.deploy(request, log)
    assert "migrating" in log.text.splitlines()


async def test_failing_release_command_says_why(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request = release_request(app, key, spec(release_command="echo bad table >&2; exit 4"))
    with pytest.raises(ReleaseCommandFailed, match="exit code 4") as raised:
        await provider.deploy(request, Lines())
    assert raised.value.log_tail == ["bad table"]


async def test_release_command_over_its_time_is_ended_and_told_so(
    provider: LocalProvider, app: App, source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(seconds=0.5)
    monkeypatch.setattr(provider, "_release_limits", limits)
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request = release_request(app, key, spec(release_command="sleep 7533"))
    with pytest.raises(ReleaseCommandFailed, match="took longer"):
        await provider.deploy(request, Lines())


async def test_static_release_switches_and_becomes_a_server(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    _, _, first = await deploy_static(provider, app, source({"out/index.html": "one"}))
    _, _, second = await deploy_static(provider, app, source({"out/index.html": "two"}))
    assert first == second
    assert first.local_url
    assert (await _get(first.local_url)).text == "two"
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "server now")
    assert await provider.promote(request, release) == first
    assert (await _get(first.local_url)).text == "server now"


async def test_environments_and_equal_names_have_their_own_hosts(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    files = {"out/index.html": "x"}
    _, _, production = await deploy_static(provider, app, source(files))
    preview = App(uuid4(), app.number + 5000, app.project_slug, "preview")
    _, _, other = await deploy_static(provider, preview, source(files))
    foreign = App(uuid4(), app.number + 6000, app.project_slug, "production")
    _, _, third = await deploy_static(provider, foreign, source(files))
    port, slug = node.proxy_port, app.project_slug
    assert production.url == f"http://{slug}.localhost:{port}"
    assert other.url == f"http://{slug}-preview.localhost:{port}"
    assert third.url == f"http://{slug}-{foreign.number}.localhost:{port}"
    assert len({production.local_port, other.local_port, third.local_port}) == 3


async def test_destroy_leaves_nothing(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "gone soon")
    endpoint = await provider.promote(request, release)
    assert endpoint.local_url
    await provider.destroy(app)
    assert (node.home / "objects/artifacts" / str(app.number)).exists()
    await provider.remove_builds(app)
    assert not (node.home / "objects/artifacts" / str(app.number)).exists()
    assert not (node.home / "releases" / str(release.deployment_id)).exists()
    assert not (node.home / "cache" / str(app.number)).exists()
    assert not list((node.home / "routes").glob(f"{app.number}*"))
    assert (await provider.status(release)).state == "absent"
    with pytest.raises(httpx.HTTPError):
        await _get(endpoint.local_url)
    await provider.destroy(app)


async def test_app_that_moves_away_leaves_its_builds_alone(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "moving")
    await provider.promote(request, release)
    for _ in range(2):
        await provider.retire(app, release.deployment_id)
        await provider.leave(app)
    assert (await provider.status(release)).state == "absent"
    assert not (node.home / "releases" / str(release.deployment_id)).exists()
    assert not list((node.home / "routes").glob(f"{app.number}*"))
    assert await provider.has_build(key)


async def test_death_of_the_agent_ends_apps_and_a_new_one_serves_them_again(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "back again")
    endpoint = await provider.promote(request, release)
    await asyncio.to_thread(node.restart_agent)
    assert (await provider.status(release)).state == "absent"
    assert not await _answers(release)
    again = await provider.deploy(request, Lines())
    await _until(lambda: _answers(again))
    assert await provider.promote(request, again) == endpoint
    assert endpoint.local_url
    assert (await _get(endpoint.local_url)).text == "back again"


async def test_release_retired_when_the_agent_dies_is_removed_by_the_next(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    _, old = await _up(provider, app, key, "old")
    _, live = await _up(provider, app, key, "live")
    await provider.retire(app, old.deployment_id)
    await asyncio.to_thread(node.restart_agent)
    folders = {folder.name for folder in (node.home / "releases").iterdir()}
    assert str(old.deployment_id) not in folders
    assert str(live.deployment_id) in folders


async def test_retired_release_that_is_wanted_again_survives_the_agent(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    key = await _artifact(provider, app, source({"server.py": SERVER}))
    request, release = await _up(provider, app, key, "again")
    await provider.retire(app, release.deployment_id)
    await provider.deploy(request, Lines())
    await asyncio.to_thread(node.restart_agent)
    assert (node.home / "releases" / str(release.deployment_id)).exists()


async def test_worker_runs_without_a_route(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    worker = spec(kind="worker", start_command="echo working; sleep 100")
    artifact = await provider.build(build_request(app, source({}), worker), Lines())
    request = release_request(app, artifact.key, worker)
    release = await provider.deploy(request, Lines())
    assert release.check_urls == ()

    async def running() -> bool:
        return (await provider.status(release)).state == "running"

    await _until(running)
    assert (await provider.promote(request, release)).local_url is None


async def test_release_of_its_own_build_is_not_unpacked_again(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    built = build_request(app, source({"server.py": SERVER, ".git/config": "x"}), spec())
    artifact = await provider.build(built, Lines())
    folder = node.home / "releases" / str(built.deployment_id)
    assert sorted(path.name for path in (folder / "app").iterdir()) == ["server.py"]
    written = (folder / "app/server.py").stat().st_ino
    request = release_request(app, artifact.key, spec(), deployment_id=built.deployment_id)
    release = await provider.deploy(request, Lines())
    await _until(lambda: _answers(release))
    assert (folder / "app/server.py").stat().st_ino == written
