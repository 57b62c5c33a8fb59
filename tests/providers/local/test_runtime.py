"""The variables of a running release."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from autodeploy.kernel.sandbox import Limits
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.runtime import AppCommand, app_sandbox

ID = UUID(int=7)


def _options(home: Path, files: list[str], command: str, **environment: str) -> str | None:
    release = Layout(home).release(ID)
    release.mkdir(parents=True)
    (release / "release.json").write_text(json.dumps({"interpreters": []}))
    for name in files:
        path = release / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    app = AppCommand(ID, 7, command, "apps/web", environment)
    sandbox = app_sandbox(Layout(home), app, port=1, limits=Limits())
    return sandbox.environment.get("NODE_OPTIONS")


@pytest.mark.parametrize("command", ["node server.js", "PORT=1 node server.js"])
def test_node_finds_the_packages_of_plug_n_play(tmp_path: Path, command: str) -> None:
    files = [".pnp.cjs", ".pnp.loader.mjs", "apps/web/server.js"]

    options = _options(tmp_path, files, command, NODE_OPTIONS="--max-old-space-size=99")

    assert options == (
        "--max-old-space-size=99 --require /app/.pnp.cjs --experimental-loader /app/.pnp.loader.mjs"
    )


def test_yarn_finds_them_itself(tmp_path: Path) -> None:
    assert _options(tmp_path, [".pnp.cjs"], "yarn run start") is None


def test_other_apps_have_no_options_of_ours(tmp_path: Path) -> None:
    assert _options(tmp_path, ["apps/web/server.js"], "node server.js") is None


def test_script_runs_without_its_manager_and_finds_the_programs_of_the_workspace(
    tmp_path: Path,
) -> None:
    release = Layout(tmp_path).release(ID)
    folder = release / "app" / "apps" / "web"
    folder.mkdir(parents=True)
    (release / "release.json").write_text(json.dumps({"interpreters": []}))
    (folder / "package.json").write_text(
        json.dumps({"version": "1.2", "scripts": {"start": "next start"}})
    )
    environment = {"npm_package_version": "overridden", "KEY": "value"}
    app = AppCommand(ID, 7, "npm start", "apps/web", environment)
    sandbox = app_sandbox(Layout(tmp_path), app, port=1, limits=Limits())
    assert sandbox.argv == ("/bin/sh", "-c", "next start")
    assert sandbox.environment["npm_package_version"] == "1.2"
    assert sandbox.environment["KEY"] == "value"
    programs = [f"/app/{place}node_modules/.bin" for place in ("apps/web/", "apps/", "")]
    assert sandbox.environment["PATH"].split(":")[1:4] == programs
