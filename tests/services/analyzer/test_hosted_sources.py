"""The files of a commit at GitHub: read by its tree, or by its archive where that is cheaper."""

import os
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.github_state import Repo
from tests.kernel.git.servers import commit_files, git, smart_http
from tests.services.analyzer.github import Sources, sources_of

from autodeploy.kernel.archives import ArchiveRefused
from autodeploy.kernel.errors import NotFound, TooLarge
from autodeploy.kernel.git.errors import RefNotFound, RepositoryEmpty
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.analyzer import assembled, receiving, service, sources
from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.prices import default_prices
from autodeploy.services.analyzer.rounds import analyze_source
from autodeploy.services.analyzer.schemas import RepositoryInput
from autodeploy.services.analyzer.tree import FolderTree
from autodeploy.services.auth.principal import Principal

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"
)
FLASK = {
    "requirements.txt": b"flask\n",
    "app.py": b"import os\nfrom flask import Flask\napp = Flask(__name__)\nos.environ['TOKEN']\n",
    "docs/guide.md": b"g" * 300_000,
    "media/photo.jpg": random.Random(1).randbytes(1_000_000),
}


class Shop:
    """``acme/shop`` at GitHub, added here."""

    def __init__(self, github: Sources, repo: Repo, row: Repository):
        self.github, self.repo, self.row = github, repo, row

    def push(self, files: Mapping[str, bytes], **more: Any) -> str:
        return self.repo.push(dict(files), **more)

    async def plan(self, commit: str, root: str = "") -> tuple[Plan, frozenset[str]]:
        """The plan, and what was never read for it. Only calls of it are in ``calls``."""
        self.github.fake.exchanges.clear()
        self.github.fake.downloads.clear()
        opened = sources.open_source(
            self.github.resources, self.row, commit, "main", providers=self.github.providers
        )
        async with opened as tree:
            return await analyze_source(tree, root, default_prices()), tree.missing

    async def fetch(self, commit: str, target: Path) -> tuple[str, ...]:
        return await service.fetch_source(
            self.github.resources, self.row, commit, None, target, providers=self.github.providers
        )

    @property
    def calls(self) -> list[str]:
        """The kinds of calls: ``trees``, ``blobs``, ``tarball``."""
        kinds = (each.path.split("/") for each in self.github.fake.exchanges)
        return [each[5] if each[4] == "git" else each[4] for each in kinds if len(each) > 4]


@pytest.fixture
async def shop(resources: Resources, owner: Principal) -> AsyncIterator[Shop]:
    async with sources_of(resources) as github:
        repo = github.fake.add("acme/shop", private=True)
        await github.connect(owner)
        added = await service.create_repository(
            resources, owner, RepositoryInput(url="acme/shop"), providers=github.providers
        )
        yield Shop(github, repo, await github.row(added.id))


def folder_plan(folder: Path, files: Mapping[str, bytes], root: str = "") -> Plan:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return analyze(FolderTree(folder), root, prices=default_prices())


async def test_plan_by_the_tree_is_that_of_the_files_and_costs_a_few_calls(
    shop: Shop, tmp_path: Path
) -> None:
    plan, missing = await shop.plan(shop.push(FLASK))
    assert plan == folder_plan(tmp_path, FLASK)
    assert [each.key for each in plan.environment_variables] == ["TOKEN"]
    assert "docs/guide.md" in missing
    assert shop.calls.count("trees") == 1
    assert shop.calls.count("blobs") <= 4
    assert "tarball" not in shop.calls
    sent = sum(len(each.response_body) for each in shop.github.fake.exchanges)
    commit = shop.repo.branches["main"]
    await shop.fetch(commit, tmp_path / "whole")
    [archive] = shop.github.fake.downloads
    assert sent * 5 < len(archive.response_body), "which the archive would have taken"


async def test_a_github_that_was_made_from_its_description_is_read(
    shop: Shop, tmp_path: Path
) -> None:
    shop.github.fake.described_only = True
    commit = shop.push(FLASK)
    resolved = await service.resolve_ref(
        shop.github.resources, shop.row, providers=shop.github.providers
    )
    assert resolved.commit_sha == commit
    plan, _ = await shop.plan(commit)
    assert plan == folder_plan(tmp_path, FLASK)
    await shop.fetch(commit, tmp_path / "whole")
    assert (tmp_path / "whole/app.py").read_bytes() == FLASK["app.py"]


@pytest.mark.parametrize("truncated", [True, False])
async def test_archive_is_taken_where_the_tree_is_not_enough(
    shop: Shop, tmp_path: Path, truncated: bool
) -> None:
    many = {f"app/part{n}.py": b"import os\nos.environ['KEY%d']\n" % n for n in range(40)}
    files = {**{k: v for k, v in FLASK.items() if "." in k[-4:] and len(v) < 1000}, **many}
    shop.repo.truncated = truncated
    plan, missing = await shop.plan(shop.push(files))
    assert plan == folder_plan(tmp_path, files)
    assert missing == frozenset()
    assert shop.calls.count("tarball") == 1
    assert shop.calls.count("blobs") <= (0 if truncated else 8)
    assert len(shop.github.fake.downloads) == 1


async def test_calls_are_bounded_however_large_the_repository(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {f"app/part{n}.py": b"import os\nos.environ['K%d']\n" % n for n in range(200)}
    commit = shop.push({**FLASK, **many, "large.bin": b"\0" * 30_000_000})
    await shop.plan(commit)
    assert shop.calls.count("blobs") <= 64
    assert shop.calls.count("tarball") == 1


async def test_links_say_which_files_there_are_and_lead_nowhere_else(
    shop: Shop, tmp_path: Path
) -> None:
    files = {
        "real/requirements.txt": b"flask\n",
        "requirements.txt": b"real/requirements.txt",
        "app.py": FLASK["app.py"],
        "secret": b"../../../../../../etc/passwd",
    }
    links = {"requirements.txt": "120000", "secret": "120000"}
    plan, _ = await shop.plan(shop.push(files, modes=links))
    assert plan.framework is not None
    assert plan.framework.name == "Flask"
    commit = shop.push({"index.html": b"", "a": b"../x"}, modes={"a": "120000"})
    [warning] = await shop.fetch(commit, tmp_path / "out")
    assert "The link a leads out" in warning
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["index.html"]


async def test_names_that_no_folder_of_ours_may_have_are_left_out(shop: Shop) -> None:
    files = {"index.html": b"<h1>", "../up": b"", ".git/config": b"", "a/../../b": b"", "/c": b""}
    commit = shop.push(files)
    opened = sources.open_source(
        shop.github.resources, shop.row, commit, "main", providers=shop.github.providers
    )
    async with opened as tree:
        assert tree.missing == {"index.html"}
        found = {each.name for each in tree.folder.parent.rglob("*")}
    assert found == {"names", "index.html"}


async def test_pointers_of_lfs_are_told(shop: Shop) -> None:
    files = {".gitattributes": b"*.png filter=lfs -text\n", "a.png": POINTER, "index.html": b""}
    plan, _ = await shop.plan(shop.push(files))
    assert any("hold a pointer and not their content: a.png" in one for one in plan.warnings)


async def test_source_is_what_lies_below_the_top_of_the_archive(shop: Shop, tmp_path: Path) -> None:
    commit = shop.push(FLASK)
    assert await shop.fetch(commit, tmp_path / "out") == ()
    assert (tmp_path / "out/app.py").read_bytes() == FLASK["app.py"]
    assert {each.name for each in (tmp_path / "out").iterdir()} == {
        "app.py", "docs", "media", "requirements.txt",
    }  # fmt: skip
    assert not list((shop.github.resources.home / "sources").iterdir())


async def test_where_the_host_has_no_archive_the_source_is_read_file_by_file(
    shop: Shop, tmp_path: Path
) -> None:
    modes = {"bin/run": "100755", "here": "120000", "out": "120000"}
    files = {"bin/run": b"#!/bin/sh\n", "a/ü b.txt": b"\xff\x00", "here": b"a", "out": b"../../x"}
    commit = shop.push(files, modes=modes)
    shop.github.fake.faults.fail(f"/repos/acme/shop/tarball/{commit}", "404")
    [left_out] = await shop.fetch(commit, tmp_path / "source")
    assert "out leads out of the repository" in left_out
    assert (tmp_path / "source/a/ü b.txt").read_bytes() == b"\xff\x00"
    assert os.access(tmp_path / "source/bin/run", os.X_OK)
    assert (tmp_path / "source/here").readlink() == Path("a")
    assert not (tmp_path / "source/out").is_symlink()


async def test_a_repository_without_an_archive_is_not_read_file_by_file_where_it_is_large(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembled, "MOST_FILES", 2)
    commit = shop.push({"a": b"1", "b": b"2", "c": b"3"})
    shop.github.fake.faults.fail(f"/repos/acme/shop/tarball/{commit}", "404")
    with pytest.raises(TooLarge, match="no archive"):
        await shop.fetch(commit, tmp_path / "source")
    assert "blobs" not in shop.calls


async def test_a_commit_that_is_gone_is_not_found_without_an_archive_either(
    shop: Shop, tmp_path: Path
) -> None:
    shop.push({"a": b"1"})
    with pytest.raises(NotFound):
        await shop.fetch("0" * 40, tmp_path / "source")


async def test_what_the_archive_leaves_out_is_told(shop: Shop, tmp_path: Path) -> None:
    commit = shop.push({"index.html": b"", ".gitattributes": b"/tests export-ignore\n"})
    [warning] = await shop.fetch(commit, tmp_path / "out")
    assert "export-ignore" in warning


async def test_submodules_are_fetched_by_git_and_told_where_they_cannot_be(
    shop: Shop, tmp_path: Path
) -> None:
    work = tmp_path / "served/part"
    work.mkdir(parents=True)
    git("init", "-q", "-b", "main", cwd=work)
    part = commit_files(work, {"part.txt": "here"}, "one")
    with smart_http(work.parent) as (url, _):
        modules = (
            f'[submodule "part"]\n\tpath = lib/part\n\turl = {url}/part\n'
            f'[submodule "gone"]\n\tpath = lib/gone\n\turl = {url}/gone\n'
        )
        files = {
            "index.html": b"<h1>",
            ".gitmodules": modules.encode(),
            "lib/part": part.encode(),
            "lib/gone": b"12" * 20,
        }
        commit = shop.push(files, modes={"lib/part": "160000", "lib/gone": "160000"})
        warnings = await shop.fetch(commit, tmp_path / "out")
        plan, _ = await shop.plan(commit)
    assert (tmp_path / "out/lib/part/part.txt").read_text() == "here"
    assert len(warnings) == 1
    assert "lib/gone" in warnings[0]
    assert warnings[0] in plan.warnings


async def test_archive_over_the_limit_is_refused(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "LIMIT_BYTES", 100)
    with pytest.raises(TooLarge, match="archive of a repository"):
        await shop.fetch(shop.push(FLASK), tmp_path / "out")


async def test_archive_that_breaks_off_is_not_taken_for_the_source(
    shop: Shop, tmp_path: Path
) -> None:
    commit = shop.push(FLASK)
    path = f"/acme/shop/legacy.tar.gz/{commit}"
    shop.github.fake.faults.fail(path, "cut")
    with pytest.raises((ProviderUnavailable, ArchiveRefused)):
        await shop.fetch(commit, tmp_path / "out")


async def test_refs_are_resolved_by_the_account(shop: Shop) -> None:
    first = shop.push(FLASK)
    newer = shop.push(FLASK, branch="feature/x", message="two")
    for ref, name, commit in (
        (None, "main", first),
        ("feature/x", "feature/x", newer),
        (first, first, first),
    ):
        found = await service.resolve_ref(
            shop.github.resources, shop.row, ref, providers=shop.github.providers
        )
        assert (found.ref_name, found.commit_sha, found.default_branch) == (name, commit, "main")
    with pytest.raises(RefNotFound):
        await service.resolve_ref(
            shop.github.resources, shop.row, "none", providers=shop.github.providers
        )


async def test_repository_without_a_commit_is_empty(shop: Shop) -> None:
    with pytest.raises(RepositoryEmpty):
        await service.resolve_ref(shop.github.resources, shop.row, providers=shop.github.providers)


async def test_private_repository_whose_account_is_gone_says_what_to_do(
    shop: Shop, tmp_path: Path
) -> None:
    commit = shop.push(FLASK)
    await shop.github.disconnect()
    shop.row = await shop.github.row(shop.row.id)
    with pytest.raises(AccountMissing, match="acme/shop") as refused:
        await shop.fetch(commit, tmp_path / "out")
    assert "autodeploy connections add github" in (refused.value.remedy or "")
