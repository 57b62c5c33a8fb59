"""Which package manager an app gets, in which version."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.providers.local.conftest import spec

from autodeploy.providers.local import managers
from autodeploy.providers.local.limits import BuildLimits
from autodeploy.providers.local.managers import Manager, choose_managers, manager_environment
from autodeploy.providers.local.toolchain import Interpreter
from autodeploy.providers.local.workshop import Workshop

PYTHON = Interpreter("python", "3.11.7", "/usr/bin/python3.11", "/usr")


class _Request:
    def __init__(self, manager: str, install: str | None):
        self.spec = spec(package_manager=manager, install_command=install)


def _shop(root: Path, manager: str, folder: str = "", install: str | None = None) -> Workshop:
    request: Any = _Request(manager, install)
    nothing: Any = None
    return Workshop(nothing, request, root, root / folder, root, (), {}, nothing, BuildLimits())


@pytest.mark.parametrize(
    ("manager", "files", "wanted"),
    [
        ("pnpm", {"package.json": {"packageManager": "pnpm@9.1.0+sha512.ab"}}, "pnpm@9.1.0"),
        ("pnpm", {"pnpm-lock.yaml": "lockfileVersion: '6.0'\n"}, "pnpm@8"),
        ("pnpm", {"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, "pnpm@10"),
        ("pnpm", {"package.json": {}}, "pnpm"),
        ("yarn", {"yarn.lock": "# yarn lockfile v1\n"}, "yarn@1"),
        ("yarn", {"yarn.lock": "__metadata:\n  version: 8\n"}, "@yarnpkg/cli-dist@4"),
        ("yarn", {".yarnrc.yml": "nodeLinker: node-modules\n"}, "@yarnpkg/cli-dist@4"),
        ("yarn", {"package.json": {"packageManager": "yarn@4.5.0"}}, "@yarnpkg/cli-dist@4.5.0"),
        ("yarn", {"package.json": {"packageManager": "yarn@stable"}}, "@yarnpkg/cli-dist@4"),
        ("yarn", {"package.json": {"packageManager": "yarn@1.22.22"}}, "yarn@1.22.22"),
        ("yarn", {}, "yarn@1"),
        ("npm", {"package.json": {"packageManager": "npm@10.9.0"}}, "npm@10.9.0"),
        (
            "pnpm",
            {"package.json": {"devEngines": {"packageManager": {"name": "pnpm", "version": "^9"}}}},
            "pnpm@^9",
        ),
        ("pnpm", {"package.json": {"packageManager": "yarn@4.5.0"}}, "pnpm"),
        ("pnpm", {"package.json": {"packageManager": "pnpm@9; touch /tmp/x"}}, "pnpm"),
        ("pnpm", {"package.json": ["not", "a", "table"]}, "pnpm"),
    ],
)
def test_the_version_that_is_asked_for(
    tmp_path: Path, manager: str, files: dict[str, object], wanted: str
) -> None:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text)

    found = choose_managers(_shop(tmp_path, manager), None)

    assert found == [Manager(manager, (wanted,))]


@pytest.mark.parametrize(
    ("requirement", "settings", "told"),
    [
        ("@yarnpkg/cli-dist@4", None, True),
        ("@yarnpkg/cli-dist@4", "nodeLinker: pnp\n", True),
        ("@yarnpkg/cli-dist@4", "compressionLevel: 0\nnodeLinker: 'node-modules'\n", False),
        ("@yarnpkg/cli-dist@4", "nodeLinker: pnpm\n", False),
        ("yarn@1", None, False),
    ],
)
def test_what_runs_from_yarns_cache_has_the_cache_in_the_release(
    tmp_path: Path, requirement: str, settings: str | None, told: bool
) -> None:
    if settings is not None:
        (tmp_path / ".yarnrc.yml").write_text(settings)

    found = manager_environment(_shop(tmp_path, "yarn"), Manager("yarn", (requirement,)))

    assert found == ({"YARN_ENABLE_GLOBAL_CACHE": "false"} if told else {})


def test_pnpm_keeps_its_store_in_the_cache_and_not_in_the_app(tmp_path: Path) -> None:
    found = manager_environment(_shop(tmp_path, "pnpm"), Manager("pnpm", ("pnpm@10",)))

    assert set(found.values()) == {"/cache/home/.local/share/pnpm/store"}


def test_the_npm_that_comes_with_node_is_kept(tmp_path: Path) -> None:
    assert choose_managers(_shop(tmp_path, "npm"), None) == []


def test_a_workspace_names_the_manager_of_its_members(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"packageManager": "pnpm@9.9.0"}')
    (tmp_path / "apps/web").mkdir(parents=True)
    (tmp_path / "apps/web/package.json").write_text("{}")

    found = choose_managers(_shop(tmp_path, "pnpm", "apps/web"), None)

    assert found == [Manager("pnpm", ("pnpm@9.9.0",))]


def test_a_front_end_beside_a_server_brings_its_manager_too(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"packageManager": "pnpm@9.9.0"}')
    shop = _shop(tmp_path, "uv", install="uv sync --frozen && pnpm install --frozen-lockfile")

    found = choose_managers(shop, PYTHON)

    assert [one.name for one in found] == ["uv", "pnpm"]
    assert found[1].requirements == ("pnpm@9.9.0",)


def test_another_version_lies_in_another_folder() -> None:
    folders = {Manager("pnpm", (version,)).folder for version in ("pnpm@9", "pnpm@10")}
    folders.add(Manager("poetry", ("poetry",), "3.11.7").folder)
    folders.add(Manager("poetry", ("poetry",), "3.12.1").folder)

    assert len(folders) == 4
    assert all(folder.startswith("/cache/tools/") for folder in folders)


def test_a_python_manager_is_of_the_apps_interpreter(tmp_path: Path) -> None:
    [found] = choose_managers(_shop(tmp_path, "pdm"), PYTHON)

    assert found.requirements == ("pdm", "hishel<2", "unearth<0.19")
    assert found.runtime == "3.11.7"
    assert {"uv", "poetry", "pdm", "pipenv"} <= managers.PYTHON_MANAGERS
