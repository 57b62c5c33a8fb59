"""Every package manager with the real registries: installed by its lock file or told why not."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e import managed
from tests.e2e.bad import failure
from tests.e2e.platform import Json, Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_AT_ONCE = 3
# What the log must say of each, beside the page.
INSTALLED = {
    "npm": "$ npm ci",
    "npm-optional": "package-lock.json lacks packages that package.json does not ask for: fsevents",
    "pnpm": "Installing pnpm@10.34.9.",
    "yarn1": "Installing yarn@1.",
    "berry": "Installing @yarnpkg/cli-dist@4.18.1.",
    "pnp": "Installing @yarnpkg/cli-dist@4.18.1.",
    "bun": "Installing bun@1.4.5.",
    "pip": "$ pip install -r requirements.txt",
    "uv": "$ uv sync --frozen",
    "pdm": "$ pdm install --prod --no-self --check",
    "pipenv": "$ pipenv install --deploy",
}
# What is told of a lock file that does not fit: a part of the cause, and of what to do.
OUTDATED = {
    "npm": ("without package-lock.json", "npm install"),
    "pnpm": ("without pnpm-lock.yaml", "pnpm install"),
    "yarn1": ("without yarn.lock", "yarn install"),
    "berry": ("without yarn.lock", "yarn install"),
    "bun": ("without bun.lock", "bun install"),
    "uv": ("without uv.lock", "uv lock"),
    "pdm": ("without pdm.lock", "pdm lock"),
    "pipenv": ("without Pipfile.lock", "pipenv lock"),
    "poetry": ("without poetry.lock", "poetry lock"),
}
# Nothing answers there: what a build needs, it has in its cache.
_NO_NETWORK = "http://127.0.0.1:9"
OFFLINE = ("HTTP_PROXY", "HTTPS_PROXY", "YARN_HTTP_PROXY", "YARN_HTTPS_PROXY")
KEEPS_DOWNLOADS = ("npm", "pnpm", "yarn1", "berry", "pnp", "bun", "uv")


@pytest.fixture(scope="module")
def installed(
    online: Platform, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[dict[str, Future[Json]]]":
    """A deployment of each, several at a time."""
    online.command_seconds = 600
    folder = tmp_path_factory.mktemp("installed")

    def deploy(name: str) -> Json:
        return online.deploy(managed.make(folder / name, name), f"by-{name}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {name: pool.submit(deploy, name) for name in INSTALLED}


@pytest.fixture(scope="module")
def outdated(
    online: Platform, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[dict[str, Future[Json]]]":
    online.command_seconds = 600
    folder = tmp_path_factory.mktemp("outdated")

    def fail(name: str) -> Json:
        managed.ask_for_another_package(managed.make(folder / name, name))
        return failure(online, folder / name, f"old-{name}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {name: pool.submit(fail, name) for name in OUTDATED}


@pytest.mark.parametrize("name", INSTALLED)
def test_a_lock_file_is_installed_by_its_own_manager(
    online: Platform, installed: "dict[str, Future[Json]]", name: str
) -> None:
    deployment = installed[name].result()

    assert deployment["status"] == "ready"
    page = online.page(f"by-{name}")
    assert "a text: true with" in page or "a text: itsdangerous with" in page
    assert ("with bun" in page) == (name == "bun")
    assert INSTALLED[name] in online.run("logs", deployment["id"]).stdout


@pytest.mark.parametrize("name", OUTDATED)
def test_a_lock_file_that_does_not_fit_is_told(
    outdated: "dict[str, Future[Json]]", name: str
) -> None:
    cause, remedy = OUTDATED[name]
    error = outdated[name].result()

    assert error["code"] == "lock_file_outdated", error
    assert cause in error["cause"]
    assert f"`{remedy}`" in error["remedy"]


@pytest.mark.parametrize("name", KEEPS_DOWNLOADS)
def test_a_second_install_downloads_nothing(
    online: Platform, installed: "dict[str, Future[Json]]", tmp_path: Path, name: str
) -> None:
    """The manifest is another, so that it is installed anew, and no registry can be reached."""
    installed[name].result()
    folder = managed.make(tmp_path / name, name, "another text")
    if name in managed.NODE:
        managed.change_manifest(folder, description="changed")
    else:
        with (folder / "pyproject.toml").open("a") as file:
            file.write("\n[tool.other]\n")
    project = ("--project", f"by-{name}")
    online.run("env", "set", *(f"{one}={_NO_NETWORK}" for one in OFFLINE), *project)

    deployment = online.deploy(folder, f"by-{name}")

    assert deployment["status"] == "ready"
    assert "another text" in online.page(f"by-{name}")
    log = online.run("logs", deployment["id"]).stdout
    assert re.search(r"\$ \w+ (ci|install|sync)", log), log


@pytest.mark.parametrize(("line", "file"), [("22", "package.json"), ("24", ".nvmrc")])
def test_an_app_gets_and_runs_on_the_node_that_it_asks_for(
    online: Platform, tmp_path: Path, line: str, file: str
) -> None:
    online.command_seconds = 600
    folder = managed.make(tmp_path / line, "npm")
    if file == ".nvmrc":
        (folder / file).write_text(f"{line}\n")
    else:
        managed.change_manifest(folder, engines={"node": f"{line}.x"})

    online.deploy(folder, f"node-{line}")

    assert f"with v{line}." in online.page(f"node-{line}")
