"""Builds in a real sandbox."""

import asyncio
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autodeploy.providers.base import App, BuildSpec
from autodeploy.providers.local.errors import (
    ArtifactUnusable,
    BuildFailed,
    InstallFailed,
)
from autodeploy.providers.local.layout import app_uid
from autodeploy.providers.local.provider import LocalProvider

from .conftest import Lines, as_root, build_request, release_request, spec

MakeSource = Callable[[dict[str, str]], Path]


@pytest.fixture
def provider(local_home: Path) -> LocalProvider:
    from autodeploy.kernel.objects import ObjectStore

    store = ObjectStore.open(f"file://{local_home}/objects")
    return LocalProvider(home=local_home, proxy_port=1, objects=store)


async def _built(
    provider: LocalProvider, home: Path, app: App, source: Path, built: BuildSpec
) -> Path:
    """The unpacked tree of a build."""
    artifact = await provider.build(build_request(app, source, built), Lines())
    request = release_request(app, artifact.key, built)
    await provider._ensure_unpacked(request, Lines())
    return home / "releases" / str(request.deployment_id) / "app"


async def test_build_command_makes_the_release(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource
) -> None:
    built = spec(build_command="tr a-z A-Z < in.txt > out.txt && echo made", root_directory="web")
    files = {"web/in.txt": "text", "shared.txt": "kept", ".git/config": "left out"}
    tree = await _built(provider, local_home, app, source(files), built)
    assert (tree / "web/out.txt").read_text() == "TEXT"
    assert (tree / "shared.txt").exists()
    assert not (tree / ".git").exists()
    assert list((local_home / "builds").iterdir()) == []


async def test_script_of_the_manifest_builds_without_npm_around_it(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource
) -> None:
    files = {
        "web/package.json": '{"version": "1.2", "scripts": {"build": "sh build.sh"}}',
        "web/build.sh": 'echo "$npm_package_version ${npm_execpath:-alone}" > built',
    }
    built = spec(build_command="npm run build", root_directory="web")
    tree = await _built(provider, local_home, app, source(files), built)
    assert (tree / "web/built").read_text().split() == ["1.2", "alone"]


@as_root
async def test_build_runs_as_the_apps_own_user(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource
) -> None:
    tree = await _built(provider, local_home, app, source({}), spec(build_command="id -u > uid"))
    assert (tree / "uid").read_text().strip() == str(app_uid(app.number))
    assert (tree / "uid").stat().st_uid == app_uid(app.number)
    assert tree.parent.stat().st_mode & 0o777 == 0o700


async def test_build_sees_its_variables_but_nothing_of_ours(
    provider: LocalProvider,
    local_home: Path,
    app: App,
    source: MakeSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTODEPLOY_TEST_SECRET", "ours")
    script = f"env; ls {local_home} {Path.home()} /app 2>&1; id"
    log = Lines()
    request = build_request(app, source({"a": ""}), spec(build_command=script), {"KEY": "theirs"})
    await provider.build(request, log)
    assert "KEY=theirs" in log.text
    assert "ours" not in log.text.replace("yours", "")
    assert "master.key" not in log.text
    assert {source for _, source, _ in log.lines} == {"build"}


async def test_failing_build_names_command_exit_code_and_last_lines(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    said = "printf '\\033[31mno such thing\\033[0m\\n'"
    script = f"for i in $(seq 50); do echo line $i; done; {said}; exit 9"
    with pytest.raises(BuildFailed, match="exit code 9") as raised:
        await provider.build(build_request(app, source({}), spec(build_command=script)), Lines())
    assert raised.value.log_tail[-1] == "no such thing"
    assert len(raised.value.log_tail) == 20
    assert raised.value.remedy


async def test_failing_install_is_told_apart_and_has_a_remedy(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    script = "echo 'npm error code EUSAGE'; exit 1"
    with pytest.raises(InstallFailed) as raised:
        await provider.build(build_request(app, source({}), spec(install_command=script)), Lines())
    assert "npm install" in (raised.value.remedy or "")


async def test_missing_output_folder_says_what_there_is(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    built = spec(kind="static", output_directory="dist", build_command="mkdir public")
    with pytest.raises(BuildFailed, match="'dist'") as raised:
        await provider.build(build_request(app, source({}), built), Lines())
    assert "public" in (raised.value.remedy or "")


@pytest.mark.parametrize("target", ["/etc", "../..", "/app/../etc", "out"])
async def test_output_folder_that_leaves_the_source_is_refused(
    provider: LocalProvider, app: App, source: MakeSource, target: str
) -> None:
    built = spec(kind="static", output_directory="out", build_command=f"ln -s {target} out")
    with pytest.raises(BuildFailed):
        await provider.build(build_request(app, source({}), built), Lines())


async def test_cancelling_ends_the_build_and_removes_its_folder(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource
) -> None:
    log = Lines()
    request = build_request(app, source({}), spec(build_command="echo up; sleep 7531 & sleep 7531"))
    task = asyncio.create_task(provider.build(request, log))
    deadline = time.monotonic() + 20
    while "up" not in log.text.splitlines():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2
    assert list((local_home / "builds").iterdir()) == []
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"sleep\07531" in _read(p)]


async def test_build_that_is_cancelled_while_its_source_is_moved_leaves_nothing(
    provider: LocalProvider,
    local_home: Path,
    app: App,
    source: MakeSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    move = shutil.move

    def held(*arguments: Path) -> None:
        begun.set()
        go_on.wait()
        move(*arguments)
        done.set()

    monkeypatch.setattr(shutil, "move", held)
    build = asyncio.create_task(provider.build(build_request(app, source({}), spec()), Lines()))
    await asyncio.to_thread(begun.wait)
    build.cancel()
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await build
    await asyncio.to_thread(done.wait)
    assert list((local_home / "builds").iterdir()) == []


async def test_late_attempt_that_ends_leaves_the_one_after_it_alone(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource
) -> None:
    built = spec(build_command='echo up; until [ -e $HOME/go ]; do sleep 0.05; done; date > "out"')
    late = build_request(app, source({}), built)
    after = replace(build_request(app, source({}), built), deployment_id=late.deployment_id)
    tasks = []
    for request in (late, after):
        log = Lines()
        tasks.append(asyncio.create_task(provider.build(request, log)))
        deadline = time.monotonic() + 20
        while "up" not in log.text.splitlines():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    (local_home / "cache" / str(app.number) / "home" / "go").touch()
    async with asyncio.timeout(20):
        await tasks[1]
    assert (local_home / "releases" / str(late.deployment_id) / "app" / "out").exists()
    assert list((local_home / "builds").iterdir()) == []


def _read(path: Path) -> bytes:
    try:
        return b"" if path.parent.name == str(os.getpid()) else path.read_bytes()
    except OSError:
        return b""


async def test_unchanged_dependencies_are_not_installed_again(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource
) -> None:
    built = spec(
        language="python",
        install_command="pip --version && touch .venv/installed-$(cat requirements.txt | wc -c)",
        build_command="ls .venv; python -c 'import sys; print(sys.prefix)'",
        lock_files=("requirements.txt",),
        start_command="python server.py",
    )

    async def build(requirements: str) -> str:
        log = Lines()
        files = {"requirements.txt": requirements, "server.py": str(time.time())}
        await provider.build(build_request(app, source(files), built), log)
        return log.text

    first = await build("a\n")
    assert "$ pip --version" in first
    second = await build("a\n")
    assert "Dependencies are unchanged" in second
    assert "$ pip --version" not in second
    assert "installed-2" in second
    assert "/app/.venv" in second
    third = await build("ab\n")
    assert "$ pip --version" in third
    kept = list((local_home / "cache" / str(app.number) / "dependencies").iterdir())
    assert len(kept) == 2


async def test_node_apps_get_node_and_keep_their_modules(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    built = spec(
        language="javascript",
        package_manager="npm",
        install_command="mkdir -p node_modules/a && echo 1 > node_modules/a/index.js",
        build_command="node -p '40 + 2' && ls node_modules",
        lock_files=("package-lock.json",),
    )
    files = {"package.json": "{}", "package-lock.json": "{}"}
    logs = [Lines(), Lines()]
    for log in logs:
        await provider.build(build_request(app, source(files), built), log)
        assert "42" in log.text.splitlines()
    assert "Dependencies are unchanged" in logs[1].text


async def test_kept_dependencies_are_out_of_reach_of_a_build(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    log = Lines()
    script = "ls /cache; touch /cache/x; ln -s /etc /cache/dependencies"
    with pytest.raises(BuildFailed):
        await provider.build(build_request(app, source({}), spec(build_command=script)), log)
    assert log.text.splitlines()[1:3] == ["home", "tools"]


async def test_link_in_place_of_the_working_folder_lists_nothing_of_the_machine(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource
) -> None:
    script = f"cd / && rm -rf /app/web && ln -s {local_home} /app/web"
    built = spec(kind="static", build_command=script, output_directory="dist", root_directory="web")
    with pytest.raises(BuildFailed) as caught:
        await provider.build(build_request(app, source({"web/a": ""}), built), Lines())
    assert "releases" not in str(caught.value.remedy)


async def test_static_files_with_links_in_a_circle_are_refused(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    script = "mkdir dist && ln -s loop dist/loop"
    built = spec(kind="static", build_command=script, output_directory="dist")
    with pytest.raises(ArtifactUnusable):
        await provider.build(build_request(app, source({}), built), Lines())


async def test_build_that_finds_no_room_for_its_release_leaves_no_artifact(
    provider: LocalProvider,
    local_home: Path,
    app: App,
    source: MakeSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(provider._artifacts, "adopt", full)
    with pytest.raises(OSError, match="No space left"):
        await provider.build(build_request(app, source({}), spec()), Lines())

    stored = local_home / "objects" / "artifacts" / str(app.number)
    assert not [path for path in stored.rglob("*") if path.is_file()]
