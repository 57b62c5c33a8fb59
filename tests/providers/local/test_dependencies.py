from pathlib import Path

import pytest

from autodeploy.providers.local.dependencies import dependency_key, installed_folders, kept, prune

from .conftest import spec

_NPM = spec(install_command="npm ci", lock_files=("package-lock.json",), language="javascript")


def _tree(root: Path, **files: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name.replace("__", ".").replace("_", "-")).write_text(text)
    return root


def _key(root: Path, **changes: object) -> str | None:
    values = {"install_command": "npm ci", "lock_files": ("package-lock.json",)} | changes
    return dependency_key(root, root, spec(**values), "node 20")


def test_key_follows_lock_file_command_and_runtime(tmp_path: Path) -> None:
    root = _tree(tmp_path, package__json="{}", package_lock__json="1", other__js="x")
    key = _key(root)
    (root / "other.js").write_text("y")
    assert key is not None
    assert _key(root) == key
    assert _key(root, install_command="npm install") != key
    assert dependency_key(root, root, _NPM, "node 22") != key
    (root / "package-lock.json").write_text("2")
    assert _key(root) != key


@pytest.mark.parametrize(
    "command", ["pip install .", "pip install -e .", "pip install .[dev]", "npm i file:../x"]
)
def test_installing_the_source_itself_has_no_key(tmp_path: Path, command: str) -> None:
    root = _tree(tmp_path, package__json="{}", package_lock__json="1")
    assert _key(root, install_command=command) is None


def test_scripts_that_run_at_install_have_no_key(tmp_path: Path) -> None:
    manifest = '{"scripts": {"postinstall": "prisma generate"}}'
    assert _key(_tree(tmp_path, package__json=manifest, package_lock__json="1")) is None


def test_no_lock_file_has_no_key(tmp_path: Path) -> None:
    assert _key(_tree(tmp_path, package__json="{}"), lock_files=()) is None


def test_lock_file_that_is_a_link_to_the_machine_is_not_read(tmp_path: Path) -> None:
    root = _tree(tmp_path / "a", package__json="{}")
    (root / "package-lock.json").symlink_to("/etc/hostname")
    other = _tree(tmp_path / "b", package__json="{}")
    (other / "package-lock.json").symlink_to("/etc/passwd")
    assert _key(root) == _key(other)


def test_manifest_that_leads_elsewhere_or_is_no_json_has_no_key(tmp_path: Path) -> None:
    (tmp_path / "ours.json").write_text("{}")
    root = _tree(tmp_path / "a", package_lock__json="1")
    (root / "package.json").symlink_to("../ours.json")
    assert _key(root) is None
    deep = _tree(tmp_path / "b", package_lock__json="1", package__json="[" * 100_000)
    assert _key(deep) is None


def test_installed_folders_are_the_outermost(tmp_path: Path) -> None:
    for path in ("node_modules/a/node_modules/b", "packages/web/node_modules/c", ".venv/lib"):
        (tmp_path / path).mkdir(parents=True)
    assert installed_folders(tmp_path, "node") == ["node_modules", "packages/web/node_modules"]
    assert installed_folders(tmp_path, "python") == [".venv"]
    assert installed_folders(tmp_path, "ruby") == []


def test_only_the_last_used_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "dependencies"
    for name in ("a", "b", "c", "d", "x.part"):
        (folder / name).mkdir(parents=True)
    for age, name in enumerate(("d", "c", "b")):
        import os

        os.utime(folder / name, (1000 - age, 1000 - age))
    assert kept(tmp_path, "b")
    assert not kept(tmp_path, "missing")
    os.utime(folder / "a", (900, 900))
    prune(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["b", "c", "d"]
