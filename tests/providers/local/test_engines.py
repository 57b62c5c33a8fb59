"""The Node that an app's packages need: looked up after the install, remembered for the next."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import App
from autodeploy.providers.local import provisioning
from autodeploy.providers.local.engines import Need, unmet
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.providers.local.toolchain import Interpreter, Toolchains

from .conftest import Lines, build_request, spec

MakeSource = Callable[[dict[str, str]], Path]

BUILT = spec(
    language="node",
    package_manager="npm",
    install_command="npm install --offline --no-package-lock",
    build_command="echo with $(command -v node)",
    start_command="node server.js",
)


@pytest.fixture
def provider(local_home: Path) -> LocalProvider:
    store = ObjectStore.open(f"file://{local_home}/objects")
    return LocalProvider(home=local_home, proxy_port=1, objects=store)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interpreter]:
    """A Node 77 beside this machine's own; it is the same program in another folder."""
    real = asyncio.run(Toolchains().nodes())[0]
    # Not below /tmp, which a sandbox has for itself.
    folder = Path(tempfile.mkdtemp(prefix="ad-node-", dir="/var/tmp"))
    folder.chmod(0o755)
    (folder / "bin").mkdir()
    program = folder / "bin/node"
    program.symlink_to(real.program)
    found = replace(real, version="77.1.0", program=str(program), folder=str(folder))

    async def nodes(_: Toolchains) -> list[Interpreter]:
        return [found, real]

    monkeypatch.setattr(Toolchains, "nodes", nodes)
    yield found
    shutil.rmtree(folder)


def _app(needs: str) -> dict[str, str]:
    package = {"name": "a", "version": "1.2.0", "engines": {"node": needs}}
    manifest = {"name": "app", "version": "1.0.0", "dependencies": {"a": "file:a"}}
    return {"package.json": json.dumps(manifest), "a/package.json": json.dumps(package)}


async def test_packages_get_the_node_that_they_need_and_are_asked_once(
    provider: LocalProvider, app: App, source: MakeSource, newer: Interpreter
) -> None:
    logs = [Lines(), Lines()]
    for log in logs:
        await provider.build(build_request(app, source(_app(">=77")), BUILT), log)

    for log in logs:
        assert "a 1.2.0 needs Node >=77: Node 77.1.0 is used." in log.text
        assert f"with {newer.program}" in log.text.splitlines()
    assert logs[0].text.count("$ npm install") == 2
    assert logs[1].text.count("$ npm install") == 1


@pytest.mark.parametrize("needs", [">=4", "*", ">=99"])
async def test_the_first_choice_is_kept_where_it_suits_or_none_does(
    provider: LocalProvider, app: App, source: MakeSource, newer: Interpreter, needs: str
) -> None:
    log = Lines()
    await provider.build(build_request(app, source(_app(needs)), BUILT), log)

    assert log.text.count("$ npm install") == 1
    assert newer.program not in log.text


async def test_what_the_app_itself_asks_for_outranks_its_packages(
    provider: LocalProvider, app: App, source: MakeSource, newer: Interpreter
) -> None:
    log = Lines()
    request = build_request(app, source(_app(">=77")), replace(BUILT, runtime_version="<77"))
    await provider.build(request, log)

    assert newer.program not in log.text


async def test_a_node_that_cannot_be_installed_is_said_and_gone_without(
    provider: LocalProvider, app: App, source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "_WHEEL_LINES", {78: "78.1.0"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    log = Lines()
    await provider.build(build_request(app, source(_app(">=78")), BUILT), log)

    assert "Node 78 could not be installed: going on with" in log.text


def test_all_that_is_needed_must_be_met() -> None:
    needs = [Need("a 1", "^20.19.0 || >=22.12.0"), Need("b 1", ">=22.13"), Need("c 1", "lts/*")]

    assert unmet(needs, "22.13.0") == []
    assert unmet(needs, "22.12.1") == [needs[1]]
    assert unmet(needs, "20.18.1") == needs[:2]
