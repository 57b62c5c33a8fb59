import io
import os
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autodeploy.kernel.archives import ArchiveRefused, UnpackLimits, pack, tree_id, unpack
from autodeploy.kernel.errors import AutoDeployError, TooLarge

ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def packed_names(folder: Path, out: Path) -> list[str]:
    pack(folder, out)
    with tarfile.open(out) as tar:
        return tar.getnames()


FILES = {
    "app.py": "", "new.txt": "", "debug.log": "", "sub/.gitignore": "/secret\n!keep.log\n",
    "sub/secret": "", "sub/open": "", "sub/keep.log": "", ".gitignore": "*.log\n.env\n", ".env": "",
    "node_modules/a/index.js": "", "sub/__pycache__/x.pyc": "", ".venv/bin/python": "",
}  # fmt: skip
EXPECTED = [".gitignore", "app.py", "new.txt", "sub/.gitignore", "sub/keep.log", "sub/open"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "folder", FILES)


def test_folder_without_repository_is_packed_by_its_ignore_files(
    folder: Path, tmp_path: Path
) -> None:
    assert packed_names(folder, tmp_path / "out.tar.gz") == EXPECTED
    assert not (folder / ".git").exists()


def test_links_that_lead_astray_are_left_out_and_told(folder: Path, tmp_path: Path) -> None:
    for name, target in (
        ("inside", "app.py"),
        ("out", "../x"),
        ("circle", "circle"),
        ("gone", "y"),
    ):
        (folder / name).symlink_to(target)
    warnings = pack(folder, tmp_path / "out.tar.gz")
    assert warnings == (
        "circle is a link that leads in a circle and was left out.",
        "out is a link that leaves the folder and was left out.",
    )
    with tarfile.open(tmp_path / "out.tar.gz") as tar:
        assert {"inside", "gone"} < set(tar.getnames())


def test_repository_is_packed_with_uncommitted_files_and_without_ignored_ones(
    folder: Path, tmp_path: Path
) -> None:
    git("init", "-q", cwd=folder)
    git("add", "app.py", cwd=folder)
    assert packed_names(folder, tmp_path / "out.tar.gz") == EXPECTED
    (folder / "app.py").unlink()
    assert "app.py" not in packed_names(folder, tmp_path / "out.tar.gz")


def test_folder_inside_a_repository_follows_the_rules_above_it(
    folder: Path, tmp_path: Path
) -> None:
    git("init", "-q", cwd=folder)
    write(folder, {"sub/x.env": "", "sub/.env": ""})
    names = packed_names(folder / "sub", tmp_path / "out.tar.gz")
    assert names == [".gitignore", "keep.log", "open", "x.env"]


def test_folder_that_its_repository_ignores_is_packed_by_itself(
    folder: Path, tmp_path: Path
) -> None:
    write(tmp_path, {".gitignore": "/folder\n"})
    git("init", "-q", cwd=tmp_path)
    assert packed_names(folder, tmp_path / "out.tar.gz") == EXPECTED


def test_repository_inside_the_folder_is_entered(folder: Path, tmp_path: Path) -> None:
    write(folder, {"inner/a": "", "inner/b": "", "inner/.gitignore": "b\n"})
    git("init", "-q", cwd=folder / "inner")
    names = packed_names(folder, tmp_path / "out.tar.gz")
    assert [name for name in names if name.startswith("inner")] == ["inner/.gitignore", "inner/a"]


def test_same_files_pack_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "1")
    os.utime(folder / "app.py", (1, 1))
    pack(folder, tmp_path / "2")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_links_are_packed_inside_and_left_out_with_a_warning_outside(tmp_path: Path) -> None:
    folder = write(tmp_path / "folder", {"a": "1", "d/b": "2"})
    (folder / "d/in").symlink_to("../a")
    (folder / "out").symlink_to("../../etc")
    (folder / "absolute").symlink_to("/etc/passwd")
    warnings = pack(folder, tmp_path / "out.tar.gz")
    assert [each.split(" ")[0] for each in warnings] == ["absolute", "out"]
    unpack(tmp_path / "out.tar.gz", tmp_path / "again")
    assert (tmp_path / "again/d/in").readlink() == Path("../a")
    assert sorted(each.name for each in (tmp_path / "again").iterdir()) == ["a", "d"]


def test_packed_folder_unpacks_to_the_same_tree(tmp_path: Path) -> None:
    folder = write(tmp_path / "folder", {"a": "x", "d/e/f": "y", "ü n": "z", "run": "#!"})
    (folder / "run").chmod(0o755)
    pack(folder, tmp_path / "out.tar.gz")
    unpack(tmp_path / "out.tar.gz", tmp_path / "again")
    assert tree_id(tmp_path / "again") == tree_id(folder)
    assert (tmp_path / "again/run").stat().st_mode & 0o777 == 0o755


def test_tree_id_is_gits(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    git("init", "-q", cwd=folder)
    assert tree_id(folder) == git("write-tree", cwd=folder)
    chance = random.Random(7)
    for number in range(60):
        depth = chance.randrange(4)
        name = "/".join(chance.choice(["a", "a.b", "a-b", "b", "é"]) + "x" for _ in range(depth))
        write(folder, {f"{name}/f{number}".lstrip("/"): "x" * chance.randrange(2000)})
    write(folder, {"a.txt": "", "a/z": "", "a0": ""})
    (folder / "f-link").symlink_to("a/z")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "a0").chmod(0o755)
    (folder / "empty/inner").mkdir(parents=True)
    git("add", "-A", "-f", cwd=folder)
    assert tree_id(folder) == git("write-tree", cwd=folder)


def archive(tmp_path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    path = tmp_path / "hostile.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> (
    tarfile.TarInfo
):  # fmt: skip
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


SYMLINK, HARDLINK = tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE: dict[str, list[tarfile.TarInfo]] = {
    "absolute": [member("/tmp/autodeploy-hostile")],
    "dots": [member("a/../../hostile")],
    "absolute link": [member("a", SYMLINK, "/etc/passwd")],
    "link outside": [member("a", SYMLINK, "../hostile")],
    "links through links": [member("d/x", SYMLINK, ".."), member("y", SYMLINK, "d/x/../..")],
    "link then through it": [member("a", SYMLINK, "d/.."), member("d", SYMLINK, "a/../..")],
    "file below a link": [member("a", SYMLINK, "b"), member("a/b")],
    "link below a link": [member("a", SYMLINK, ".."), member("a/new/b", SYMLINK, "c")],
    "link below a link, twice": [
        member("a", SYMLINK, ".."),
        member("a/escaped", SYMLINK, "c"),
        member("a", SYMLINK, ".."),
    ],
    "hard link outside": [member("a", HARDLINK, "../../etc/passwd")],
    "hard link to absolute": [member("a", HARDLINK, "/etc/passwd")],
    "hard link to a link": [member("a", SYMLINK, "b"), member("c", HARDLINK, "a")],
    "device": [member("null", tarfile.CHRTYPE)],
    "pipe": [member("pipe", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_is_refused_and_leaves_nothing_outside(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    with pytest.raises(ArchiveRefused):
        unpack(archive(tmp_path, *((each, b"") for each in HOSTILE[name])), inner)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["hostile.tar.gz", "inner"]
    for path in inner.rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(inner)


def test_setuid_bit_is_dropped_and_hard_link_becomes_a_copy(tmp_path: Path) -> None:
    path = archive(tmp_path, (member("a", mode=0o6755), b"x"), (member("b", HARDLINK, "a"), b""))
    unpack(path, tmp_path / "inner")
    assert (tmp_path / "inner/a").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "inner/b").read_bytes() == b"x"
    assert (tmp_path / "inner/a").stat().st_nlink == 1


@pytest.mark.parametrize(
    ("limits", "members"),
    [
        (UnpackLimits(total_bytes=100_000), [(member("a"), b"x" * 200_000)]),
        (UnpackLimits(total_bytes=15), [(member("a"), b"x" * 10), (member("b"), b"x" * 10)]),
        (UnpackLimits(files=2), [(member(str(n)), b"") for n in range(3)]),
        (UnpackLimits(depth=3), [(member("a/b/c/d"), b"")]),
        (UnpackLimits(), [(member("bomb"), bytes(80_000_000))]),
    ],
    ids=["one file", "sum", "count", "depth", "ratio"],
)
def test_archive_over_a_limit_is_refused(
    limits: UnpackLimits, members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path
) -> None:
    with pytest.raises(TooLarge):
        unpack(archive(tmp_path, *members), tmp_path / "inner", limits)


def broken_header(path: Path) -> None:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        info = member("a")
        info.pax_headers = {"comment": "x" * 3_000_000}
        tar.addfile(info)


def truncated(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        info = member("a")
        info.size = 100_000
        tar.addfile(info, io.BytesIO(os.urandom(100_000)))
    path.write_bytes(path.read_bytes()[:50_000])


def no_archive(path: Path) -> None:
    path.write_bytes(b"hello")


@pytest.mark.parametrize("make", [broken_header, truncated, no_archive])
def test_broken_archive_is_refused(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "x.tar.gz")
    with pytest.raises(ArchiveRefused) as caught:
        unpack(tmp_path / "x.tar.gz", tmp_path / "inner")
    assert isinstance(caught.value, AutoDeployError)


def tar_of(path: Path, *members: tuple[str, str]) -> Path:
    """An archive of files, by their content, and of links, ``->`` what they name."""
    with tarfile.open(path, "w:gz", pax_headers={"comment": "12" * 20}) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content.startswith("->"):
                member.type, member.linkname = tarfile.SYMTYPE, content[2:]
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return path


def test_what_lies_below_the_top_is_unpacked_without_it(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar.gz", ("top/a/b", "b"), ("top/c", "->a/b"))
    assert unpack(archive, tmp_path / "out", below_top=True) == ()
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"a", "c"}
    assert (tmp_path / "out/c").read_text() == "b"


def test_second_folder_at_the_top_is_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar.gz", ("top/a", ""), ("other/b", ""))
    with pytest.raises(ArchiveRefused):
        unpack(archive, tmp_path / "out", below_top=True)


@pytest.mark.parametrize("target", ["../x", "/etc/passwd", "b", "../../out/../a.tar.gz"])
def test_link_out_of_what_lies_below_the_top_is_refused_or_left_out(
    tmp_path: Path, target: str
) -> None:
    archive = tar_of(
        tmp_path / "a.tar.gz", ("top/a", f"->{target}"), ("top/b", "->../x"), ("top/c", "->d")
    )
    with pytest.raises(ArchiveRefused):
        unpack(archive, tmp_path / "strict", below_top=True)
    assert list((tmp_path / "strict").iterdir()) == []
    astray = unpack(archive, tmp_path / "out", below_top=True, leave_links_out=True)
    assert set(astray) == {"a", "b"}
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["c"]
