"""Broken manifests: a deployment ends with their place, an analysis tells of them."""

import asyncio
from pathlib import Path

import pytest

from autodeploy.kernel.errors import ManifestUnreadable
from autodeploy.kernel.git.partial import PartialTree
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.prices import default_prices
from autodeploy.services.analyzer.rounds import analyze_source


def _plan(folder: Path, files: dict[str, str], root: str = "") -> Plan:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return asyncio.run(analyze_source(PartialTree(folder), root, default_prices()))


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("package.json", '{"name": "a",}', "line 1"),
        ("package.json", "<<<<<<< HEAD\n{}", "line 1"),
        ("pyproject.toml", '[project]\nname = "a\n', "line 2"),
        ("pyproject.toml", '[project]\nname = "a"\nname = "b"\n', "line 3"),
    ],
)
@pytest.mark.parametrize("root", ["", "apps/web"])
def test_broken_manifest_is_named_with_its_line(
    tmp_path: Path, name: str, content: str, place: str, root: str
) -> None:
    path = f"{root}/{name}" if root else name
    files = {path: content, f"{root or '.'}/index.html": "<h1>here</h1>"}
    plan = _plan(tmp_path, files, root)
    assert sum(one.startswith(f"{path} cannot be parsed") for one in plan.warnings) == 1
    with pytest.raises(ManifestUnreadable, match=place) as raised:
        plan.build_spec()
    assert raised.value.message.startswith(f"{path} cannot be parsed")


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": "\ufeff{}", "index.html": "<h1>here</h1>"},
        {"requirements.txt": "flask", "app.py": "import flask", "package.json": "{"},
        {"index.html": "<h1>here</h1>", "other/package.json": "{"},
    ],
)
def test_manifest_that_means_nothing_to_the_app_may_be_broken(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert _plan(tmp_path, files).unreadable is None
