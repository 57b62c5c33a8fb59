"""Files of a commit that are fetched when they are asked for, from real servers of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autodeploy.kernel.git import errors
from autodeploy.kernel.git.partial import LARGEST_FILE_BYTES
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.git.session import Limits

from .servers import commit_files, dumb_http, git, git_daemon, smart_http

LOOPBACK = GitClient(allow_private_addresses=True)
FILES: dict[str, str | bytes] = {
    ".gitattributes": "*.js eol=crlf\n",
    "package.json": "{}",
    "src/app.js": "app\n",
    "src/data.json": b"x" * (LARGEST_FILE_BYTES + 1),
    "media/photo.bin": bytes(range(256)) * 2000,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repositories ``filters`` and ``plain``: only the first leaves out files."""
    root = tmp_path_factory.mktemp("partial")
    for name in ("filters", "plain"):
        work = root / name
        work.mkdir()
        git("init", "-q", "-b", "main", cwd=work)
        (work / "link.js").symlink_to("src/app.js")
        (work / "outside").symlink_to("/etc")
        commit_files(work, FILES, "first")
        git("config", "uploadpack.allowFilter", str(name == "filters").lower(), cwd=work)
        git("update-server-info", cwd=work)
    return root


@pytest.fixture
def daemon(served: Path) -> Iterator[str]:
    with git_daemon(served) as url:
        yield url


def head(served: Path, name: str = "filters") -> str:
    return git("rev-parse", "HEAD", cwd=served / name)


async def test_names_are_all_there_and_content_comes_when_it_is_asked_for(
    served: Path, daemon: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    async with LOOPBACK.partial_tree(f"{daemon}/filters", head(served), "main", out) as tree:
        assert tree.missing == FILES.keys() - {".gitattributes"}  # it came with the links
        assert {str(path.relative_to(out)) for path in out.rglob("*.js*")} >= {
            "package.json", "src/app.js", "src/data.json", "link.js"
        }  # fmt: skip
        assert (out / "package.json").read_text() == ""
        await tree.bring(["package.json", "src/app.js"])
        assert tree.missing == {"src/data.json", "media/photo.bin"}
        assert (out / "package.json").read_text() == "{}"
        assert (out / "link.js").read_bytes() == b"app\r\n"


async def test_files_that_are_asked_for_together_take_one_request(
    served: Path, tmp_path: Path
) -> None:
    with smart_http(served) as (url, traffic):
        client, commit = LOOPBACK, head(served)
        async with client.partial_tree(f"{url}/filters", commit, "main", tmp_path / "out") as tree:
            before = traffic.requests
            await tree.bring(["package.json", "src/app.js"])
            assert traffic.requests - before <= 2  # what the server can, and the files
        assert traffic.sent_bytes < 10_000


@pytest.mark.parametrize("server", ["no filter", "dumb", "old protocol"])
async def test_server_that_cannot_give_single_files_sends_them_all(
    served: Path, server: str, tmp_path: Path
) -> None:
    name = "filters" if server == "old protocol" else "plain"
    serving = dumb_http(served) if server == "dumb" else smart_http(
        served, old_protocol=server == "old protocol"
    )  # fmt: skip
    with serving as found:
        url = found if isinstance(found, str) else found[0]
        url += f"/{name}/.git" if server == "dumb" else f"/{name}"
        out = tmp_path / "out"
        async with LOOPBACK.partial_tree(url, head(served, name), "main", out) as tree:
            await tree.bring(["package.json"])
            assert tree.missing == frozenset()
    assert (out / "src/app.js").read_bytes() == b"app\r\n"
    assert (out / "media/photo.bin").read_bytes() == FILES["media/photo.bin"]


@pytest.mark.parametrize("name", ["filters", "plain"])
async def test_file_over_the_limit_has_its_size_and_takes_no_space(
    served: Path, daemon: str, name: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    async with LOOPBACK.partial_tree(f"{daemon}/{name}", head(served, name), None, out) as tree:
        await tree.bring(["src/data.json"])
    status = (out / "src/data.json").stat()
    assert status.st_size == LARGEST_FILE_BYTES + 1
    assert status.st_blocks == 0


async def test_more_files_than_the_limit_are_refused(
    served: Path, daemon: str, tmp_path: Path
) -> None:
    client = GitClient(allow_private_addresses=True, limits=Limits(files=2))
    with pytest.raises(errors.RepositoryTooLarge):
        async with client.partial_tree(f"{daemon}/filters", head(served), None, tmp_path / "out"):
            pass
    assert not any(tmp_path.rglob("*.js"))


async def test_server_that_goes_away_before_the_files_is_unreachable(
    served: Path, tmp_path: Path
) -> None:
    with git_daemon(served) as url:
        opened = LOOPBACK.partial_tree(f"{url}/filters", head(served), None, tmp_path / "out")
        tree = await opened.__aenter__()
    with pytest.raises(errors.RepositoryUnreachable):
        await tree.bring(["package.json"])
    await opened.__aexit__(None, None, None)


async def test_file_behind_a_link_is_not_written(tmp_path: Path) -> None:
    """A commit that names ``a`` as a link out of the tree and ``a/file`` as a file."""
    work, victim = tmp_path / "served/app", tmp_path / "victim"
    work.mkdir(parents=True)
    victim.mkdir()
    git("init", "-q", "-b", "main", cwd=work)
    (work / "large").write_bytes(b"x" * (LARGEST_FILE_BYTES + 1))
    large = git("hash-object", "-w", "large", cwd=work)
    (work / "target").write_text(str(victim))
    target = git("hash-object", "-w", "target", cwd=work)
    inner = _tree(work, f"100644 blob {large}\tfile\n")
    outer = _tree(work, f"120000 blob {target}\ta\n040000 tree {inner}\ta\n")
    commit = git("commit-tree", "-m", "hostile", outer, cwd=work)
    git("update-ref", "refs/heads/main", commit, cwd=work)
    for filters in ("true", "false"):
        git("config", "uploadpack.allowFilter", filters, cwd=work)
        with git_daemon(tmp_path / "served") as url:
            out = tmp_path / f"out-{filters}"
            try:
                async with LOOPBACK.partial_tree(f"{url}/app", commit, "main", out) as tree:
                    await tree.bring(["a/file"])
            except errors.GitError:
                pass  # to refuse the commit is as good
        assert list(victim.iterdir()) == []


async def test_submodule_is_partial_too(tmp_path: Path) -> None:
    served = tmp_path / "served"
    for name in ("library", "app"):
        (served / name).mkdir(parents=True)
        git("init", "-q", "-b", "main", cwd=served / name)
        git("config", "uploadpack.allowFilter", "true", cwd=served / name)
    commit = commit_files(served / "library", {"lib.js": "library"}, "one")
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib", cwd=served / "app")
    modules = '[submodule "lib"]\n\tpath = lib\n\turl = ../library\n'
    (served / "app/.gitmodules").write_text(modules)
    git("add", ".gitmodules", cwd=served / "app")
    git("commit", "-q", "-m", "one", cwd=served / "app")
    with git_daemon(served) as url:
        commit, out = git("rev-parse", "HEAD", cwd=served / "app"), tmp_path / "out"
        async with LOOPBACK.partial_tree(f"{url}/app", commit, "main", out) as tree:
            assert tree.missing == {"lib/lib.js"}
            await tree.bring(["lib/lib.js"])
            assert tree.missing == frozenset()
    assert (out / "lib/lib.js").read_text() == "library"


def _tree(work: Path, entries: str) -> str:
    (work / "entries").write_text(entries)
    return git("mktree", "--missing", cwd=work, stdin=work / "entries")
