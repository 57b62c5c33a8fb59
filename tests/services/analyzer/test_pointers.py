"""Files that git keeps elsewhere."""

from pathlib import Path

from autodeploy.services.analyzer.pointers import warn_of_pointers

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def _folder(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_pointers_are_named_and_counted(tmp_path: Path) -> None:
    files = {f"media/{number}.png": POINTER for number in range(5)}
    files |= {".gitattributes": "*.png filter=lfs -text\n", "real.png": "content"}
    files["large.png"] = POINTER + "x" * 2000
    (tmp_path / "link.png").symlink_to("media/0.png")
    warning = warn_of_pointers(_folder(tmp_path, files))
    assert warning is not None
    assert "media/0.png, media/1.png, media/2.png and 2 more" in warning


def test_tree_whose_files_are_all_there_is_not_warned_of(tmp_path: Path) -> None:
    attributes = {".gitattributes": "*.png filter=lfs -text\n"}
    assert warn_of_pointers(_folder(tmp_path, {**attributes, "a.png": "content"})) is None


def test_tree_without_lfs_is_not_searched(tmp_path: Path) -> None:
    assert warn_of_pointers(_folder(tmp_path, {"a.png": POINTER})) is None
