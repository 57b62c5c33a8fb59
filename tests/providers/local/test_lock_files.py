"""Lock files of uv that do not fit, of which uv itself says nothing."""

from pathlib import Path
from typing import Any

import pytest
from tests.providers.local.conftest import spec

from autodeploy.providers.local.errors import LockFileOutdated
from autodeploy.providers.local.limits import BuildLimits
from autodeploy.providers.local.lock_files import require_fitting_lock
from autodeploy.providers.local.workshop import Workshop

LOCK = """
version = 1

[[package]]
name = "my-app"
version = "0.1.0"
source = { virtual = "." }

[package.metadata]
requires-dist = [
    { name = "flask", specifier = ">=3,<4" },
    { name = "httpx", git = "https://example.org/httpx" },
    { name = "numpy", marker = "python_version < '3.12'", specifier = "<2" },
    { name = "numpy", marker = "python_version >= '3.12'", specifier = ">=2" },
]

[[package]]
name = "flask"
version = "3.1.0"
"""
FROZEN = "uv sync --frozen --no-dev"


def _require(
    root: Path, asked: str, *, lock: str | None = LOCK, command: str = FROZEN, folder: str = ""
) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    manifest = f'[project]\nname = "My_App"\ndependencies = [{asked}]\n'
    (root / folder / "pyproject.toml").write_text(manifest)
    if lock is not None:
        (root / "uv.lock").write_text(lock)
    nothing: Any = None
    request: Any = type("_Request", (), {"spec": spec()})()
    shop = Workshop(nothing, request, root, root / folder, root, (), {}, nothing, BuildLimits())
    require_fitting_lock(shop, command)


@pytest.mark.parametrize(
    ("asked", "missing"),
    [('"flask<4,>=3", "Iniconfig"', "Iniconfig"), ('"flask>=3.1,<4"', "flask<4,>=3.1")],
)
def test_a_lock_without_what_is_asked_for_is_refused(
    tmp_path: Path, asked: str, missing: str
) -> None:
    with pytest.raises(LockFileOutdated, match=f"ask(s)? for: {missing}") as raised:
        _require(tmp_path, asked)

    assert "uv lock" in (raised.value.remedy or "")


def test_the_lock_of_a_workspace_is_looked_at_for_its_member(tmp_path: Path) -> None:
    with pytest.raises(LockFileOutdated):
        _require(tmp_path, '"iniconfig"', folder="apps/api")


@pytest.mark.parametrize(
    "asked",
    ['"flask<4,>=3"', '"httpx>=0.1"', "\"numpy<2; python_version < '3.12'\"", '"not a one"', "1"],
)
def test_a_lock_that_fits_is_taken(tmp_path: Path, asked: str) -> None:
    _require(tmp_path, asked)


@pytest.mark.parametrize("lock", [None, "[broken", 'package = "odd"', "version = 1"])
def test_what_the_lock_does_not_tell_is_left_to_uv(tmp_path: Path, lock: str | None) -> None:
    _require(tmp_path, '"iniconfig"', lock=lock)


def test_other_commands_decide_for_themselves(tmp_path: Path) -> None:
    _require(tmp_path, '"iniconfig"', command="uv sync --locked && echo --frozen")
