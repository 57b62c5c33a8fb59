import subprocess
import tarfile
from pathlib import Path

import pytest

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.user.sources import (
    FolderSource,
    GitSource,
    packed,
    parse_source,
    project_slug,
    require_folder,
)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://git.example.com/team/My-App.git", "My-App"),
        ("http://127.0.0.1:9999/repo", "repo"),
        ("ssh://git@git.example.com/team/app/", "app"),
        ("git://git.example.com/app.git", "app"),
        ("git@git.example.com:team/app.git", "app"),
    ],
)
def test_git_url_is_for_the_server_and_named_after_its_path(url: str, name: str) -> None:
    source = parse_source(url)
    assert source == GitSource(url)
    assert source.name == name


@pytest.mark.parametrize("text", ["acme/shop", "a-b/c.d_e", "acme/shop.git"])
def test_owner_and_name_are_of_github_where_there_is_no_such_folder(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = parse_source(text)
    assert isinstance(source, GitSource)
    assert (source.url, source.clone_url) == (text, f"https://github.com/{text}")
    assert source.name == text.partition("/")[2].removesuffix(".git")
    (tmp_path / text).mkdir(parents=True)
    assert parse_source(text) == FolderSource(tmp_path / text)


@pytest.mark.parametrize("text", ["acme", "acme/shop/web", "./acme", "-a/b", "a_b/c"])
def test_other_paths_are_folders(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError):
        parse_source(text)


def test_folder_and_file_url_are_read_here(tmp_path: Path) -> None:
    folder = tmp_path / "my app"
    folder.mkdir()
    assert parse_source(str(folder)) == FolderSource(folder)
    assert parse_source(folder.as_uri()) == FolderSource(folder)


@pytest.mark.parametrize(
    "text",
    ["", "-x", "--upload-pack=touch", "ftp://x/y", "ext::sh -c id", "/no/such/folder", "a\nb"],
)
def test_anything_else_is_refused_as_wrong_usage(text: str) -> None:
    with pytest.raises(CommandError) as failure:
        parse_source(text)
    assert failure.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("name", "slug"),
    [("My App!", "my-app"), ("guestbook", "guestbook"), ("...", "app"), ("a__b", "a-b")],
)
def test_project_name_is_a_slug(name: str, slug: str) -> None:
    assert project_slug(name) == slug


def _git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "index.html").write_text("first")
    (folder / "app").mkdir()
    (folder / "app" / "inner.html").write_text("inner")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "-m", "First")
    _git(folder, "tag", "v1")
    (folder / "index.html").write_text("second, uncommitted")
    return folder


def _files(source: FolderSource, ref: str | None) -> dict[str, str]:
    with packed(source, ref) as archive, tarfile.open(archive) as tar:
        return {
            member.name.removeprefix("./"): (tar.extractfile(member) or archive.open("rb"))
            .read()
            .decode()
            for member in tar
            if member.isfile()
        }


def test_folder_without_ref_is_packed_as_it_lies_there(repository: Path) -> None:
    assert _files(FolderSource(repository), None) == {
        "index.html": "second, uncommitted",
        "app/inner.html": "inner",
    }


def test_folder_with_ref_is_packed_as_committed(repository: Path) -> None:
    assert _files(FolderSource(repository), "v1")["index.html"] == "first"
    assert _files(FolderSource(repository / "app"), "main") == {"inner.html": "inner"}


def test_bare_repository_is_packed_at_its_head(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    _git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(bare))
    source = FolderSource(bare)
    assert source.name == "bare"
    assert _files(source, None)["index.html"] == "first"


@pytest.mark.parametrize("ref", ["no-such-ref", "-x", "--output=/tmp/x", "a\tb"])
def test_ref_that_is_not_there_fails_with_a_reason(repository: Path, ref: str) -> None:
    with pytest.raises(CommandError), packed(FolderSource(repository), ref):
        pass


def test_link_in_a_circle_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(CommandError, match="There is no folder"):
        parse_source(str(tmp_path / "circle"))
    with pytest.raises(CommandError, match="There is no folder"):
        require_folder(FolderSource(tmp_path), None, "circle")
