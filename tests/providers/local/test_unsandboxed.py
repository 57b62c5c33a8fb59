"""A machine that allows no sandbox: refused, or gone on without, as its owner chose."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.sandbox import Sandbox, open_sandbox
from autodeploy.providers.base import App, BuildSpec, Release
from autodeploy.providers.local.errors import BuildSandboxUnavailable
from autodeploy.providers.local.layout import app_uid
from autodeploy.providers.local.provider import LocalProvider

from .conftest import (
    SERVER,
    Lines,
    Node,
    as_root,
    build_request,
    free_port,
    release_request,
    spec,
    start_node,
)

MakeSource = Callable[[dict[str, str]], Path]

_REFUSING = "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n"


@pytest.fixture(scope="module")
def bare_home() -> Iterator[Path]:
    """The home of a machine whose kernel refuses namespaces, as its bubblewrap says."""
    home = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    home.chmod(0o711)
    bwrap = home / "bwrap"
    bwrap.write_text(_REFUSING)
    bwrap.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_namespaces(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODEPLOY_PROGRAM_BWRAP", str(bare_home / "bwrap"))


@pytest.fixture(scope="module")
def bare_node(bare_home: Path) -> Iterator[Node]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTODEPLOY_PROGRAM_BWRAP", str(bare_home / "bwrap"))
        patch.setenv("AUTODEPLOY_ALLOW_UNSANDBOXED", "1")
        node = Node(bare_home, port := free_port(), start_node(bare_home, port))
    yield node
    node.process.send_signal(signal.SIGTERM)
    node.process.wait(20)


def _provider(node_or_home: Node | Path, sandbox: Sandbox) -> LocalProvider:
    home = node_or_home if isinstance(node_or_home, Path) else node_or_home.home
    objects = ObjectStore.open(f"file://{home}/objects")
    return LocalProvider(home=home, proxy_port=1, objects=objects, sandbox=sandbox)


@pytest.fixture
async def provider(bare_home: Path) -> LocalProvider:
    return _provider(bare_home, await open_sandbox(bare_home, allow_unsandboxed=True))


GREETER = spec(
    language="python",
    install_command="pip install --quiet --no-index --find-links=/app/wheels greeter",
    build_command="command -v greet > where",
    lock_files=("requirements.txt",),
    start_command="greet",
)


def _greeter(source: Path) -> Path:
    """Adds the wheel of a package whose console script serves; ``answer.txt`` is what it says."""
    wheel = source / "wheels" / "greeter-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    server = SERVER.replace('os.environ.get("ANSWER", "hello").encode()', "ANSWER")
    code = "ANSWER = open('answer.txt', 'rb').read()\n" + server
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeter.py", "def main():\n    exec(CODE, {})\n" + f"CODE = {code!r}\n")
        for name, text in {
            "METADATA": "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "entry_points.txt": "[console_scripts]\ngreet = greeter:main\n",
            "RECORD": "",
        }.items():
            archive.writestr(f"greeter-1.0.dist-info/{name}", text)
    return source


async def _build(
    provider: LocalProvider, app: App, make: MakeSource, answer: str, log: Lines
) -> str:
    source = _greeter(make({"answer.txt": answer, "requirements.txt": "greeter\n"}))
    return (await provider.build(build_request(app, source, GREETER), log)).key


async def _deploy(provider: LocalProvider, app: App, key: str, log: Lines) -> Release:
    release = await provider.deploy(release_request(app, key, GREETER), log)
    await _until(lambda: _running(provider, release))
    return release


async def _running(provider: LocalProvider, release: Release) -> bool:
    status = await provider.status(release)
    assert status.state not in ("backoff", "crashed"), status.log_tail
    return status.state == "running"


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.03)


async def _answer(release: Release) -> str:
    [url] = release.check_urls
    async with httpx.AsyncClient(timeout=10) as client:
        return (await client.get(url)).text


def _processes_with(text: str) -> list[Path]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if text in said and entry.name != str(os.getpid()):
            found.append(entry)
    return found


async def test_build_is_refused_with_a_remedy_unless_the_owner_allows_it(
    bare_home: Path, app: App, source: MakeSource
) -> None:
    provider = _provider(bare_home, await open_sandbox(bare_home, allow_unsandboxed=False))
    log = Lines()
    build: BuildSpec = spec(build_command="echo ran")
    with pytest.raises(BuildSandboxUnavailable, match="No permissions") as raised:
        await provider.build(build_request(app, source({}), build), log)
    assert raised.value.code == "sandbox_unavailable"
    assert "namespaces" in (raised.value.remedy or "")
    assert "--allow-unsandboxed" in (raised.value.remedy or "")
    assert log.lines == []


async def test_choice_changes_nothing_where_sandboxes_work(
    bare_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTODEPLOY_PROGRAM_BWRAP")
    sandbox = Sandbox.open()
    if not (await sandbox.status()).ok:
        pytest.skip("no sandbox here")
    chosen = await open_sandbox(bare_home, allow_unsandboxed=True)
    assert (type(chosen), chosen.warning) == (Sandbox, None)


async def test_app_with_console_scripts_builds_runs_and_rolls_back(
    bare_node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    log = Lines()
    first_key = await _build(provider, app, source, "one", log)
    assert ("warn", "build", provider._sandbox.warning) in log.lines
    first = await _deploy(provider, app, first_key, log)
    assert await _answer(first) == "one"

    log = Lines()
    second_key = await _build(provider, app, source, "two", log)
    assert "Dependencies are unchanged" in log.text
    second = await _deploy(provider, app, second_key, log)
    assert await _answer(second) == "two"

    log = Lines()
    await provider.retire(app, first.deployment_id)
    again = await _deploy(provider, app, first_key, log)
    assert await _answer(again) == "one"
    assert ("warn", "release", provider._sandbox.warning) in log.lines
    assert _processes_with(f"{again.deployment_id}/app/.venv/bin/python")
    await provider.destroy(app)
    assert not _processes_with(str(again.deployment_id))


@as_root
async def test_build_runs_as_the_apps_own_user_and_cannot_read_our_secrets(
    provider: LocalProvider, bare_home: Path, app: App, source: MakeSource
) -> None:
    secrets = bare_home / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    (secrets / "key").write_text("ours")
    log = Lines()
    places = f"cat {secrets}/key; ls {bare_home}/builds; echo $HOME"
    script = f"id -u; {places}; grep NoNewPrivs /proc/self/status"
    await provider.build(build_request(app, source({}), spec(build_command=f"{script}; :")), log)
    said = log.text.splitlines()
    assert str(app_uid(app.number)) in said
    assert "ours" not in said
    assert len([line for line in said if "Permission denied" in line]) == 2
    assert f"{bare_home}/cache/{app.number}/home" in said
    assert "NoNewPrivs:\t1" in said


async def test_cancelling_ends_all_that_a_build_started(
    provider: LocalProvider, bare_home: Path, app: App, source: MakeSource
) -> None:
    script = "(setsid sh -c 'sleep 7642 & sleep 7642' &); sleep 7642 & echo up; sleep 7642"
    log = Lines()
    request = build_request(app, source({}), spec(build_command=script))
    task = asyncio.create_task(provider.build(request, log))

    async def up() -> bool:
        return "up" in log.text.splitlines() and len(_processes_with("sleep 7642")) >= 6

    await _until(up)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _processes_with("sleep 7642")
    assert list((bare_home / "builds").iterdir()) == []


async def test_killed_node_leaves_no_process_of_its_apps(
    bare_node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    script = "trap '' TERM; (setsid sleep 7753 &); sleep 7753"
    worker = spec(kind="worker", start_command=script)
    key = (await provider.build(build_request(app, source({}), worker), Lines())).key
    release = await provider.deploy(release_request(app, key, worker), Lines())
    await _until(lambda: _running(provider, release))
    assert _processes_with("sleep 7753")
    bare_node.process.kill()
    bare_node.process.wait()

    async def gone() -> bool:
        return not _processes_with("sleep 7753")

    await _until(gone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTODEPLOY_ALLOW_UNSANDBOXED", "1")
        bare_node.process = start_node(bare_node.home, bare_node.proxy_port)


async def test_environments_follow_a_change_from_or_to_a_sandbox(
    provider: LocalProvider,
    bare_home: Path,
    app: App,
    source: MakeSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AUTODEPLOY_PROGRAM_BWRAP")
    sandbox = Sandbox.open()
    if not (await sandbox.status()).ok:
        pytest.skip("no sandbox here")
    logs = [Lines() for _ in range(3)]
    for used, log in zip((provider, _provider(bare_home, sandbox), provider), logs, strict=True):
        key = await _build(used, app, source, "same", log)
        command = "head -1 .venv/bin/greet; pip --version"
        request = release_request(app, key, replace(GREETER, release_command=command))
        await used._ensure_unpacked(request, log)
        await used._run_release_command(request, log)
    assert "#!/app/.venv/bin/python" in logs[1].text
    assert [log.text.count(f"from {bare_home}/releases") for log in logs] == [1, 0, 1]
