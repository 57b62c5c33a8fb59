"""A bare repository that a real git server offers on loopback, at a branch, a tag and a commit."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import apps
from tests.e2e.platform import Platform, eventually, free_port

pytestmark = pytest.mark.timeout(240)
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(folder: Path, text: str) -> str:
    apps.static_site(folder, text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of the repository, and a commit of it that no branch or tag points to by itself."""
    base = tmp_path_factory.mktemp("git")
    work = base / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=main")
    commit(work, "the tag")
    git(work, "tag", "-a", "v1", "-m", "one")
    between = commit(work, "the commit")
    commit(work, "the default branch")
    git(work, "checkout", "--quiet", "-b", "feature/side")
    commit(work, "the branch")
    git(work, "checkout", "--quiet", "main")
    git(base, "clone", "--quiet", "--bare", str(work), str(base / "shop.git"))
    port = free_port()
    daemon = subprocess.Popen(
        [
            "git",
            "daemon",
            "--export-all",
            "--listen=127.0.0.1",
            f"--port={port}",
            f"--base-path={base}",
            str(base),
        ],
        stdout=sys.stderr,
    )
    url = f"git://127.0.0.1:{port}/shop.git"
    answers = ["git", "ls-remote", "--quiet", url]
    eventually(
        "the git server answers",
        lambda: subprocess.run(answers, capture_output=True, check=False).returncode == 0,
    )
    yield url, between
    daemon.terminate()
    daemon.wait()


def test_repository_is_deployed_at_its_default_branch_a_branch_a_tag_and_a_commit(
    platform: Platform, served: tuple[str, str]
) -> None:
    url, between = served
    for arguments, text in (
        ((), "the default branch"),
        (("--ref", "feature/side"), "the branch"),
        (("--ref", "v1"), "the tag"),
        (("--ref", between), "the commit"),
    ):
        deployment = platform.json("deploy", url, *arguments)
        assert deployment["status"] == "ready"
        assert f"<h1>{text}</h1>" in platform.page("shop")
    assert deployment["commit"] == between


def test_ref_that_does_not_exist_is_refused_before_any_work(
    platform: Platform, served: tuple[str, str]
) -> None:
    done = platform.run("deploy", served[0], "--project", "no-ref", "--ref", "nowhere", check=False)
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_root_that_is_not_there_is_refused_and_not_kept(
    platform: Platform, served: tuple[str, str]
) -> None:
    arguments = ("deploy", served[0], "--project", "no-root", "--root", "apps/nowhere")
    done = platform.run(*arguments, check=False)
    assert done.returncode == 1
    assert "apps/nowhere" in done.stderr
    assert "no-root" not in {item["slug"] for item in platform.json("projects")["items"]}
