"""A remote commit is analysed like a local folder, of which only what is asked for is fetched."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.kernel.git.servers import Traffic, commit_files, git, smart_http

from autodeploy.kernel.app_file import AutodeployTomlInvalid
from autodeploy.kernel.git.partial import PartialTree
from autodeploy.kernel.git.remote import GitClient
from autodeploy.services.analyzer import rounds
from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.prices import default_prices
from autodeploy.services.analyzer.rounds import analyze_source
from autodeploy.services.analyzer.tree import FolderTree

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
FILES: dict[str, str | bytes] = {
    "package.json": '{"workspaces": ["apps/*"], "scripts": {"build": "turbo build"}}',
    "package-lock.json": "{}",
    "apps/web/package.json": '{"dependencies": {"express": "4"}, "scripts": {"start": "node ."}}',
    "apps/web/index.js": "require('express')().listen(process.env.PORT || process.env.WEB_PORT)",
    "docs/guide.md": "g" * 300_000,
    "media/photo.jpg": bytes(range(256)) * 2000,
}


async def remote_plan(
    folder: Path, files: Mapping[str, str | bytes], root: str = "", *, filters: bool = True
) -> tuple[Plan, Traffic, frozenset[str]]:
    """The plan of a served commit, what the server was asked for, and what was never fetched."""
    work = folder / "served/app"
    work.mkdir(parents=True)
    git("init", "-q", "-b", "main", cwd=work)
    commit = commit_files(work, dict(files), "one")
    git("config", "uploadpack.allowFilter", str(filters).lower(), cwd=work)
    with smart_http(work.parent) as (url, traffic):
        client = GitClient(allow_private_addresses=True)
        async with client.partial_tree(f"{url}/app", commit, "main", folder / "out") as source:
            plan = await analyze_source(source, root, default_prices())
            return plan, traffic, source.missing


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("root", ["", "apps/web"])
async def test_plan_of_a_remote_commit_is_that_of_its_folder(
    tmp_path: Path, root: str, filters: bool
) -> None:
    plan, _, _ = await remote_plan(tmp_path, FILES, root, filters=filters)
    assert plan == analyze(FolderTree(tmp_path / "served/app"), root)
    assert [variable.key for variable in plan.environment_variables] == ["PORT", "WEB_PORT"]


async def test_only_files_that_evidence_asks_for_are_fetched(tmp_path: Path) -> None:
    _, traffic, missing = await remote_plan(tmp_path, FILES)
    assert {"docs/guide.md", "media/photo.jpg"} <= missing
    assert traffic.sent_bytes < 20_000
    assert traffic.requests <= 10


async def test_owners_file_counts_once_it_is_here(tmp_path: Path) -> None:
    files = {**FILES, "autodeploy.toml": 'root = "apps/web"\nstart = "node index.js"\n'}
    plan, _, _ = await remote_plan(tmp_path, files)
    assert plan.root_directory == "apps/web"
    with pytest.raises(AutodeployTomlInvalid):
        await remote_plan(tmp_path / "broken", {**FILES, "autodeploy.toml": "root = 1"})


async def test_pointers_of_lfs_are_told(tmp_path: Path) -> None:
    files = {".gitattributes": "*.png filter=lfs -text\n", "a.png": POINTER, "index.html": ""}
    plan, _, missing = await remote_plan(tmp_path, files)
    assert any("hold a pointer and not their content: a.png" in one for one in plan.warnings)
    assert missing == {"index.html"}


async def test_files_that_ask_for_others_without_end_are_all_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST_ROUNDS", 1)
    plan, _, missing = await remote_plan(tmp_path, FILES, "apps/web")
    assert plan.framework is not None
    assert missing == frozenset()


async def test_source_with_all_its_files_is_analysed_once(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>")
    source = PartialTree(tmp_path, ("The submodule x was not fetched: it is gone",))
    plan = await analyze_source(source, "", default_prices())
    assert plan.kind == "static"
    assert "The submodule x was not fetched: it is gone" in plan.warnings
