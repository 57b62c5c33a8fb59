"""Scripts of package.json that run without a package manager, and those that need theirs."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from autodeploy.providers.local.scripts import find_script


def _tree(folder: Path, scripts: Any, **files: str) -> Path:
    package = {"name": "shop", "version": "1.2.3", "scripts": scripts}
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps(package))
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    "command",
    ["npm start", "npm run start", "npm run-script start", "pnpm start", "pnpm run start "],
)
def test_script_runs_without_its_manager(tmp_path: Path, command: str) -> None:
    tree = _tree(tmp_path, {"start": "NODE_ENV=production node server.js"})
    script = find_script(tree, "", command, {"KEY": "value"})
    assert script is not None
    assert script.command == "NODE_ENV=production node server.js"


def test_script_that_runs_another_is_followed(tmp_path: Path) -> None:
    tree = _tree(tmp_path, {"start": "npm run serve:prod", "serve:prod": "node server.js"})
    script = find_script(tree, "", "npm start", {})
    assert script is not None
    assert script.command == "node server.js"
    assert script.environment["npm_lifecycle_event"] == "serve:prod"


@pytest.mark.parametrize(
    "command",
    [
        "npm run start -- --port 1",
        "npm start && echo",
        "npm --prefix web start",
        "npm serve",
        "yarn start",
        "bun run start",
        "node server.js",
        "npm run other",
        "npm run start; ls",
    ],
)
def test_everything_else_runs_as_it_is_written(tmp_path: Path, command: str) -> None:
    tree = _tree(tmp_path, {"start": "node server.js", "serve": "node server.js"})
    assert find_script(tree, "", command, {}) is None


@pytest.mark.parametrize(
    "scripts",
    [
        {"start": "node server.js", "prestart": "node prepare.js"},
        {"start": "node server.js", "poststart": "node tidy.js"},
        {"start": "echo $npm_package_config_port"},
        {"start": "npm run start"},
        {"start": "npm run serve", "serve": "node a.js", "preserve": "node b.js"},
        {"start": ["node", "server.js"]},
        {"start": " "},
        {},
        None,
        ["start"],
    ],
)
def test_script_that_needs_its_manager_keeps_it(tmp_path: Path, scripts: Any) -> None:
    assert find_script(_tree(tmp_path, scripts), "", "npm start", {}) is None


@pytest.mark.parametrize("name", [".npmrc", "pnpm-workspace.yaml"])
@pytest.mark.parametrize(
    "text", ["node-options=--inspect\n", "scriptShell: /bin/bash\n", "node-linker=pnp\n"]
)
@pytest.mark.parametrize("root", ["", "apps/web"])
def test_manager_with_settings_for_scripts_stays(
    tmp_path: Path, name: str, text: str, root: str
) -> None:
    folder = tmp_path / root
    folder.mkdir(parents=True, exist_ok=True)
    _tree(folder, {"start": "node server.js"})
    assert find_script(tmp_path, root, "npm start", {}) is not None
    (tmp_path / name).write_text(text)
    assert find_script(tmp_path, root, "npm start", {}) is None


def test_manager_that_is_told_so_by_a_variable_stays(tmp_path: Path) -> None:
    tree = _tree(tmp_path, {"start": "node server.js"})
    assert find_script(tree, "", "npm start", {"npm_config_script_shell": "/bin/bash"}) is None
    assert find_script(tree, "", "npm start", {"npm_config_loglevel": "silent"}) is not None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"scripts": {"start": 1}}', "[" * 100_000])
def test_manager_says_itself_what_is_wrong_with_a_broken_manifest(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "package.json").write_text(text)
    assert find_script(tmp_path, "", "npm start", {}) is None


def test_manifest_outside_of_the_release_is_not_read(tmp_path: Path) -> None:
    _tree(tmp_path, {"start": "node server.js"})
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "package.json").symlink_to(tmp_path / "package.json")
    assert find_script(tmp_path / "release", "", "npm start", {}) is None


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_script_is_told_what_npm_would_tell_it(tmp_path: Path) -> None:
    tree = _tree(tmp_path, {"start": "env"})
    script = find_script(tree, "", "npm start", {})
    assert script is not None
    told = subprocess.run(
        ["npm", "start"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    expected = {**script.environment}
    for name in ("INIT_CWD", "npm_package_json"):
        expected[name] = expected[name].replace("/app", str(tree))
    assert {f"{name}={value}" for name, value in expected.items()} <= set(told)
