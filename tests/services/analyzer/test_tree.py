"""A tree shows regular files inside its root, within its limits, and nothing else."""

import os
from pathlib import Path

import pytest

from autodeploy.services.analyzer.tree import FolderTree, TreeLimits, normal_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("outside")
    root = tmp_path / "root"
    (root / "app" / "node_modules").mkdir(parents=True)
    (root / "app" / "main.py").write_text("print()")
    (root / "app" / "node_modules" / "index.js").write_text("")
    (root / "README.md").write_text("hello")
    return root


def test_walk_lists_outer_files_first_and_leaves_out_installed_packages(root: Path) -> None:
    assert list(FolderTree(root).walk()) == ["README.md", "app/main.py"]


def test_walk_of_a_folder_lists_what_is_below_it(root: Path) -> None:
    assert list(FolderTree(root).walk("app")) == ["app/main.py"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/./b", "a/b"), ("a/../b", "b"), ("../a", None), ("/a", None), ("a/../../b", None),
     ("", ""), ("a\0b", None)],
)  # fmt: skip
def test_path_is_normal_or_refused(path: str, expected: str | None) -> None:
    assert normal_path(path) == expected


@pytest.mark.parametrize("target", ["../secret.txt", "/etc/passwd"])
def test_link_that_leaves_the_root_is_absent(root: Path, target: str) -> None:
    (root / "link").symlink_to(target)
    tree = FolderTree(root)
    assert "link" not in tree.entries("")
    assert tree.read("link") is None


def test_linked_folder_outside_is_neither_listed_nor_read_through(root: Path) -> None:
    (root / "up").symlink_to("..")
    tree = FolderTree(root)
    assert tree.read("up/secret.txt") is None
    assert dict(tree.entries("up")) == {}
    assert "up/secret.txt" not in list(tree.walk())


def test_link_to_a_file_inside_is_read(root: Path) -> None:
    (root / "link.py").symlink_to("app/main.py")
    assert FolderTree(root).read("link.py") == b"print()"


def test_fifo_and_socket_are_absent_and_do_not_block(root: Path) -> None:
    os.mkfifo(root / "package.json")
    tree = FolderTree(root)
    assert "package.json" not in tree.entries("")
    assert tree.read("package.json") is None


def test_file_over_the_limit_is_listed_but_not_read(root: Path) -> None:
    tree = FolderTree(root, TreeLimits(file_bytes=4))
    assert "README.md" in tree.entries("")
    assert tree.read("README.md") is None
    assert tree.warnings == ["README.md is over 4 bytes and was not read."]


def test_reading_more_than_the_total_limit_stops_with_a_warning(root: Path) -> None:
    tree = FolderTree(root, TreeLimits(total_bytes=8))
    assert tree.read("README.md") == b"hello"
    assert tree.read("app/main.py") is None
    assert len(tree.warnings) == 1


def test_more_files_than_the_limit_are_left_out_with_a_warning(root: Path) -> None:
    for number in range(20):
        (root / f"file{number}.txt").touch()
    tree = FolderTree(root, TreeLimits(files=10))
    assert len(list(tree.walk())) <= 10
    assert tree.warnings == ["Only the first 10 files were looked at."]


def test_folders_deeper_than_the_limit_are_left_out(root: Path) -> None:
    deep = root.joinpath(*["d"] * 12)
    deep.mkdir(parents=True)
    (deep / "file.py").touch()
    assert "d" * 0 + "/".join(["d"] * 12) + "/file.py" not in list(
        FolderTree(root, TreeLimits(depth=5)).walk()
    )


def test_name_that_is_not_text_is_left_out(root: Path) -> None:
    (root / os.fsdecode(b"bad\xff.py")).touch()
    assert all(name.isprintable() for name in FolderTree(root).entries(""))


def test_missing_folder_is_empty(root: Path) -> None:
    tree = FolderTree(root / "absent")
    assert list(tree.walk()) == []
    assert tree.read("main.py") is None
