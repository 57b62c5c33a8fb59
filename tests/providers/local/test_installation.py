"""Installing with the real npm, without a registry: the packages are folders."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.providers.local.conftest import Lines, build_request, spec

from autodeploy.providers.base import App
from autodeploy.providers.local.errors import LockFileOutdated
from autodeploy.providers.local.provider import LocalProvider

MakeSource = Callable[[dict[str, str]], Path]

A = {"name": "a", "version": "1.0.0", "optionalDependencies": {"b": "file:../b"}}
B = {"name": "b", "version": "1.0.0"}
ROOT = {"name": "app", "version": "1.0.0", "dependencies": {"a": "file:a"}}


def _lock(root: dict[str, object]) -> dict[str, object]:
    """A lock file that knows ``a`` and not what ``a`` may have besides."""
    packages = {
        "": root,
        "a": {"version": "1.0.0"},
        "node_modules/a": {"resolved": "a", "link": True},
    }
    return {"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": packages}


INSTALLED = spec(
    language="node",
    package_manager="npm",
    install_command="npm ci --offline",
    build_command="ls node_modules",
    start_command="node server.js",
)


async def test_a_lock_file_that_lacks_optional_packages_is_not_the_apps_fault(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    files = {
        "package.json": json.dumps(ROOT),
        "package-lock.json": json.dumps(_lock(ROOT)),
        "a/package.json": json.dumps(A),
        "b/package.json": json.dumps(B),
    }
    log = Lines()

    await provider.build(build_request(app, source(files), INSTALLED), log)

    assert "package-lock.json lacks packages" in log.text
    assert "$ npm install --offline" in log.text
    assert "b" in log.text.splitlines()


async def test_a_package_that_the_app_asks_for_must_be_in_the_lock_file(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    root = {**ROOT, "dependencies": {"a": "file:a", "b": "file:b"}}
    files = {
        "package.json": json.dumps(root),
        "package-lock.json": json.dumps(_lock(ROOT)),
        "a/package.json": json.dumps(A),
        "b/package.json": json.dumps(B),
    }
    log = Lines()

    with pytest.raises(LockFileOutdated) as raised:
        await provider.build(build_request(app, source(files), INSTALLED), log)

    assert "npm install" in (raised.value.remedy or "")
    assert any("Missing: b@" in line for line in raised.value.log_tail)
    assert "$ npm install" not in log.text


async def test_what_the_build_needs_is_installed_in_production_too(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    root = {"name": "app", "version": "1.0.0", "devDependencies": {"b": "file:b"}}
    files = {"package.json": json.dumps(root), "b/package.json": json.dumps(B)}
    built = spec(
        language="node",
        package_manager="npm",
        install_command="npm install --offline",
        build_command="ls node_modules && echo for $NODE_ENV",
        start_command="node server.js",
    )
    log = Lines()
    request = build_request(app, source(files), built, environment={"NODE_ENV": "production"})

    await provider.build(request, log)

    assert "b" in log.text.splitlines()
    assert "for production" in log.text
