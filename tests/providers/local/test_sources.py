import os
from pathlib import Path

import pytest

from autodeploy.providers.local.sources import MAX_READ_BYTES, is_inside, read_source


def test_file_in_the_root_is_read_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("content")
    (tmp_path / "link").symlink_to("real")
    assert read_source(tmp_path / "link", tmp_path) == b"content"


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/hostname", "../outside", "loop", "missing"])
def test_link_that_leads_elsewhere_is_not_read(target: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").write_text("ours")
    (root / "loop").symlink_to(target)
    with pytest.raises(OSError):
        read_source(root / "loop", root)


def test_pipe_folder_and_endless_file_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_READ_BYTES + 1)
    for name in ("pipe", "folder", "large"):
        with pytest.raises(OSError):
            read_source(tmp_path / name, tmp_path)


def test_links_in_a_circle_are_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert not is_inside(tmp_path / "a", tmp_path)
    assert is_inside(tmp_path / "c", tmp_path)
    assert is_inside(tmp_path, tmp_path)
