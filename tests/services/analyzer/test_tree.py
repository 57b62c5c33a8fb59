"""A tree shows regular files inside its root, within its limits, and nothing else."""

import os
import socket
from pathlib import Path

import pytest

from autodeploy.services.analyzer.tree import (
    MOST_WARNINGS,
    FolderTree,
    TreeLimits,
    normal_path,
)


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


def test_tree_whose_time_is_over_is_empty_and_says_so(root: Path) -> None:
    tree = FolderTree(root, TreeLimits(seconds=-1))
    assert list(tree.walk()) == []
    assert tree.read("README.md") is None
    assert tree.warnings == ["Not all was looked at within -1 seconds."]


def test_links_in_a_circle_are_absent(root: Path) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    (root / "app" / "again").symlink_to("..")
    tree = FolderTree(root)
    assert list(tree.walk()) == ["README.md", "app/main.py"]
    assert tree.read("one") is None
    assert tree.read("app/again/app/again/README.md") == b"hello"


def test_device_and_folder_are_no_files(root: Path) -> None:
    (root / "null").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
    tree = FolderTree(root)
    assert not {"null", "socket"} & tree.entries("").keys()
    assert [tree.read(path) for path in ("null", "socket", "app", "")] == [None] * 4


@pytest.mark.parametrize("path", ["\ud800", "a" * 5000, "x/" * 5000 + "y", "README.md/x", "\x01"])
def test_path_that_no_file_can_have_is_absent(root: Path, path: str) -> None:
    tree = FolderTree(root)
    assert tree.read(path) is None
    assert dict(tree.entries(path)) == {}


def test_missing_file_that_is_read_is_asked_for_also_through_a_link(root: Path) -> None:
    (root / "link.md").symlink_to("README.md")
    tree = FolderTree(root, missing={"README.md", "app/main.py"})
    assert list(tree.walk()) == ["README.md", "link.md", "app/main.py"]
    assert tree.asked_for == set()
    assert tree.read("link.md") is None
    assert tree.asked_for == {"README.md"}


def test_more_warnings_than_anyone_reads_are_cut(root: Path) -> None:
    for number in range(2 * MOST_WARNINGS):
        (root / f"large{number}").write_bytes(b"12345678")
    tree = FolderTree(root, TreeLimits(file_bytes=4))
    for name in tree.entries(""):
        tree.read(name)
    assert len(tree.warnings) == MOST_WARNINGS
    assert tree.warnings[-1] == "There is more to warn of than is listed here."
