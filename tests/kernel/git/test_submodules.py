"""Submodules of real repositories on a real git server."""

from pathlib import Path

import pytest
from tests.kernel.git.servers import git, git_daemon

from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.git.submodules import Submodule, named_submodules, resolve_url

LOOPBACK = GitClient(allow_private_addresses=True)


def repository(root: Path, name: str, files: dict[str, str | bytes], **urls: str) -> str:
    """A repository with files, and submodules ``name=url`` whose commits are those of ``name``."""
    work = root / name
    work.mkdir()
    git("init", "-q", "--initial-branch=main", cwd=work)
    for path, url in urls.items():
        commit = git("rev-parse", "HEAD", cwd=root / path) if (root / path).exists() else "1" * 40
        git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}", cwd=work)
        git("config", "-f", ".gitmodules", f"submodule.{path}.path", path, cwd=work)
        if url:
            git("config", "-f", ".gitmodules", f"submodule.{path}.url", url, cwd=work)
    for path, content in files.items():
        (work / path).write_text(str(content))
        git("add", path, cwd=work)
    if urls:
        git("add", ".gitmodules", cwd=work)
    git("commit", "-q", "-m", "one", cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


async def test_submodules_are_written_with_their_own(tmp_path: Path) -> None:
    with git_daemon(tmp_path) as server:
        repository(tmp_path, "inner", {"inner.txt": "inner"})
        repository(tmp_path, "library", {"library.txt": "library"}, inner=f"{server}/inner")
        commit = repository(tmp_path, "app", {"app.txt": "app"}, library="../library")
        warnings = await LOOPBACK.checkout(f"{server}/app", commit, "main", tmp_path / "out")
    assert warnings == ()
    assert (tmp_path / "out/app.txt").read_text() == "app"
    assert (tmp_path / "out/library/library.txt").read_text() == "library"
    assert (tmp_path / "out/library/inner/inner.txt").read_text() == "inner"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("../nowhere", "has no repository"),
        ("file:///etc", "protocol 'file' is not accepted"),
        ("--upload-pack=touch", "not a git URL"),
        ("ext::sh -c id", "not a git URL"),
        ("", "does not say where"),
    ],
)
async def test_submodule_that_cannot_be_fetched_is_told(
    tmp_path: Path, url: str, reason: str
) -> None:
    with git_daemon(tmp_path) as server:
        commit = repository(tmp_path, "app", {"app.txt": "app"}, library=url)
        warnings = await LOOPBACK.checkout(f"{server}/app", commit, "main", tmp_path / "out")
    assert (tmp_path / "out/app.txt").exists()
    assert len(warnings) == 1
    assert "submodule library was not fetched" in warnings[0]
    assert reason in warnings[0]


async def test_submodule_within_the_operators_network_is_refused(tmp_path: Path) -> None:
    from autodeploy.kernel.git.remote import _Checkout
    from autodeploy.kernel.git.submodules import Submodule

    checkout = _Checkout(GitClient(allow_private_addresses=False), tmp_path, None)
    place = tmp_path / "library"
    with pytest.raises(Exception, match="address"):
        await checkout._write_submodule(
            Submodule("library", "1" * 40, "https://127.0.0.1/a/b"), place, 1
        )
    assert not place.exists()


async def test_submodules_without_end_are_ended(tmp_path: Path) -> None:
    """Each commit of the repository has the one before as its submodule."""
    with git_daemon(tmp_path) as server:
        commit = repository(tmp_path, "app", {"app.txt": "app"})
        work = tmp_path / "app"
        git("config", "-f", ".gitmodules", "submodule.self.path", "self", cwd=work)
        git("config", "-f", ".gitmodules", "submodule.self.url", f"{server}/app", cwd=work)
        git("add", ".gitmodules", cwd=work)
        for _ in range(8):
            git("update-index", "--add", "--cacheinfo", f"160000,{commit},self", cwd=work)
            git("commit", "-q", "-m", "deeper", cwd=work)
            commit = git("rev-parse", "HEAD", cwd=work)
        warnings = await LOOPBACK.checkout(f"{server}/app", commit, "main", tmp_path / "out")
    assert len(warnings) == 1
    assert "more submodules than" in warnings[0]
    assert (tmp_path / "out/self/self/self/self/app.txt").exists()


async def test_submodule_behind_a_link_is_not_written(tmp_path: Path) -> None:
    from autodeploy.kernel.git.remote import _Checkout
    from autodeploy.kernel.git.submodules import Submodule

    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    with git_daemon(tmp_path) as server:
        commit = repository(tmp_path, "library", {"library.txt": "library"})
        checkout = _Checkout(LOOPBACK, root, None)
        with pytest.raises(Exception, match="behind a link"):
            await checkout._write_submodule(
                Submodule("link/library", commit, f"{server}/library"), root / "link/library", 1
            )
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("base", "url", "found"),
    [
        ("https://host/owner/app", "../library", "https://host/owner/library"),
        ("https://host/owner/app.git/", "../../other/library", "https://host/other/library"),
        ("https://host/owner/app", "./library", "https://host/owner/app/library"),
        ("git@host:owner/app", "../library", "git@host:owner/library"),
        ("git@host:app", "../library", "git@host:library"),
        ("https://host/owner/app", "https://other/library", "https://other/library"),
    ],
)
def test_relative_url_is_meant_from_the_parent(base: str, url: str, found: str) -> None:
    assert resolve_url(base, url) == found


def test_submodules_are_named_by_the_text_of_gitmodules() -> None:
    text = (
        '[submodule "a"]\n\tpath = lib/a\n\turl = "https://h.test/a.git"\n\tbranch = x\n'
        '; a remark\n[Submodule "b"]\n  URL=../b\n  path=b\n'
        '[submodule "without"]\n\tpath = c\n[core]\n'
    )
    assert named_submodules(text) == {"lib/a": "https://h.test/a.git", "b": "../b"}
    assert named_submodules("\0[[") == {}


async def test_submodules_are_added_to_files_that_came_another_way(tmp_path: Path) -> None:
    commit = repository(tmp_path, "part", {"part.txt": "here"})
    with git_daemon(tmp_path) as url:
        found = [
            Submodule("lib/part", commit, f"{url}/part"),
            Submodule("lib/none", commit, None),
        ]
        target = tmp_path / "out"
        target.mkdir()
        warnings = await GitClient(allow_private_addresses=True).add_submodules(found, target)
    assert (target / "lib/part/part.txt").read_text() == "here"
    assert len(warnings) == 1
    assert "lib/none" in warnings[0]
