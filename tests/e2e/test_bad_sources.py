"""Repositories and folders that cannot be deployed: each is told, and the platform goes on."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import apps
from tests.e2e.bad import assert_goes_on, failure, outcome
from tests.e2e.platform import Platform
from tests.kernel.git.servers import answering, commit_files, git, git_daemon, silent_server

from autodeploy.kernel.archives import tree_id

pytestmark = pytest.mark.timeout(240)
PAGE = "<!doctype html><title>t</title><h1>here</h1>"
LFS_POINTER = (
    f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d7a2146' * 8}\nsize 104857600\n"
)
ODD = "we;ird$(touch${IFS}oops)&'\"`id`"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repositories")


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[str]:
    with git_daemon(root) as url:
        yield url


def repository(root: Path, name: str, files: dict[str, str | bytes] | None = None) -> Path:
    work = root / name
    work.mkdir()
    git("init", "-q", "--initial-branch=main", cwd=work)
    if files is not None:
        commit_files(work, files, "first")
    return work


@pytest.fixture(autouse=True, scope="module")
def unanswered(_platform: Platform) -> "Iterator[list[subprocess.Popen[str]]]":
    """Deployments that wait, from the first test on, for servers that say nothing."""
    _platform.ensure_running()
    with contextlib.ExitStack() as ended, silent_server() as port:
        clients = []
        for protocol in ("git", "http"):
            url = f"{protocol}://127.0.0.1:{port}/a/b"
            clients.append(ended.enter_context(_platform.spawn("deploy", url, "--json")))
            ended.callback(clients[-1].kill)
        yield clients


@pytest.fixture(autouse=True, scope="module")
def _goes_on(_platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    _platform.ensure_running()
    assert_goes_on(_platform, tmp_path_factory.mktemp("good"), "after-bad-sources")


def test_git_server_that_is_not_there_is_told_so(platform: Platform) -> None:
    with silent_server() as port:
        pass
    error = failure(platform, f"http://127.0.0.1:{port}/a/b", "bad-nobody")
    assert error["code"] == "repository_unreachable"


def test_repository_that_does_not_exist_is_told_so(platform: Platform, server: str) -> None:
    error = failure(platform, f"{server}/nowhere.git", "bad-nowhere")
    assert error["code"] == "repository_not_found"
    assert "nowhere.git" in error["message"]


def test_repository_that_needs_credentials_is_told_so(platform: Platform) -> None:
    with answering(401, {"WWW-Authenticate": 'Basic realm="git"'}, []) as url:
        error = failure(platform, f"{url}/me/private.git", "bad-private")
    assert error["code"] == "repository_needs_credentials"
    assert "me/private.git" in error["message"]


def test_empty_repository_is_told_so(platform: Platform, server: str, root: Path) -> None:
    repository(root, "empty")
    error = failure(platform, f"{server}/empty", "bad-empty")
    assert error["code"] == "repository_empty"
    assert "Push a commit" in error["remedy"]


def test_commit_without_files_is_told_so(platform: Platform, server: str, root: Path) -> None:
    repository(root, "no-files", {})
    error = failure(platform, f"{server}/no-files", "bad-no-files")
    assert error["code"] == "nothing_to_run"


def test_ref_that_does_not_exist_is_told_so(platform: Platform, server: str, root: Path) -> None:
    repository(root, "one-branch", {"index.html": PAGE})
    url = f"{server}/one-branch"
    for ref in ("nowhere", "0" * 40):
        error = failure(platform, url, f"bad-ref-{ref[:7]}", "--ref", ref)
        assert (error["code"], ref in error["message"]) == ("ref_not_found", True)


@pytest.mark.parametrize("ref", ["--upload-pack=touch oops", "a\nb"])
def test_ref_that_git_would_take_for_something_else_is_refused(
    platform: Platform, server: str, root: Path, ref: str
) -> None:
    if not (root / "for-refs").exists():
        repository(root, "for-refs", {"index.html": PAGE})
    error = failure(platform, f"{server}/for-refs", "bad-option", f"--ref={ref}")
    assert error["code"] in ("invalid_input", "wrong_usage")
    assert not list(root.rglob("oops"))


def test_ref_that_begins_with_a_hyphen_is_refused_for_a_folder_too(
    platform: Platform, root: Path
) -> None:
    work = repository(root, "folder-refs", {"index.html": PAGE})
    error = failure(platform, work, "bad-option", "--ref=--output=oops")
    assert error["code"] == "wrong_usage"
    assert not list(root.rglob("oops"))


def test_names_with_metacharacters_are_only_names(
    platform: Platform, server: str, root: Path
) -> None:
    folder, file = "web $(id) ;&", "it's `x` $(y).html"
    work = repository(root, "odd", {f"{folder}/index.html": PAGE, f"{folder}/{file}": "odd file"})
    branch = "odd/$(id);&'`x`"
    git("branch", branch, cwd=work)
    deployment = platform.deploy(f"{server}/odd", ODD, "--ref", branch, "--root", folder)
    assert (deployment["status"], deployment["branch"]) == ("ready", branch)
    assert deployment["project"]["name"] == ODD
    host = deployment["url"].removeprefix("http://")
    path = "/it's%20%60x%60%20$(y).html"
    assert platform.get(path, port=platform.proxy_port, host=host) == (200, "odd file")
    assert not list(root.rglob("oops"))


def test_submodules_are_fetched_and_those_that_cannot_be_are_told(
    platform: Platform, server: str, root: Path
) -> None:
    repository(root, "library", {"lib.js": "the library"})
    work = repository(root, "with-submodules", {"index.html": PAGE})
    allow = ("-c", "protocol.file.allow=always")
    git(*allow, "submodule", "add", "-q", str(root / "library"), "vendor/library", cwd=work)
    git(*allow, "submodule", "add", "-q", str(root / "library"), "vendor/gone", cwd=work)
    git("config", "-f", ".gitmodules", "submodule.vendor/library.url", "../library", cwd=work)
    git("config", "-f", ".gitmodules", "submodule.vendor/gone.url", f"{server}/gone", cwd=work)
    commit_files(work, {}, "submodules")
    deployment = platform.deploy(f"{server}/with-submodules", "submodules")
    assert platform.page("submodules", "/vendor/library/lib.js") == "the library"
    warnings = [line for line in log(platform, deployment["id"]) if "vendor/gone" in line]
    assert warnings and "was not fetched" in warnings[0]


def test_lfs_pointers_are_told(platform: Platform, server: str, root: Path) -> None:
    files: dict[str, str | bytes] = {
        "index.html": PAGE,
        ".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n",
        "assets/photo.png": LFS_POINTER,
    }
    repository(root, "lfs", files)
    deployment = platform.deploy(f"{server}/lfs", "lfs")
    warnings = [line for line in log(platform, deployment["id"]) if "Git LFS" in line]
    assert warnings and "assets/photo.png" in warnings[0]


def test_links_that_leave_the_repository_are_refused(
    platform: Platform, server: str, root: Path
) -> None:
    work = repository(root, "links", {"index.html": PAGE})
    (work / "secrets").symlink_to("/etc")
    (work / "above").symlink_to("../../../../../../etc/passwd")
    commit_files(work, {}, "links")
    error = failure(platform, f"{server}/links", "bad-links")
    assert error["code"] == "artifact_unusable"
    assert "link that leaves" in error["message"]
    packed = platform.run("deploy", str(work), "--project", "links-left-out")
    assert "is a link that leaves the folder and was left out" in packed.stderr
    assert platform.page("links-left-out", "/above").startswith("HTTP 404")


def test_folder_of_no_known_kind_is_told_what_would_help(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.write(tmp_path / "unknown", {"notes.txt": "nothing here\n"})
    error = failure(platform, folder, "bad-unknown")
    assert error["code"] == "nothing_to_run"
    assert "Procfile" in error["remedy"]


def log(platform: Platform, deployment_id: str) -> list[str]:
    items = platform.call("GET", f"/deployments/{deployment_id}/logs?limit=1000")["items"]
    return [line["message"] for line in items if line["level"] == "warn"]


def test_two_deployments_at_once_end_with_the_newest_one_live(
    platform: Platform, tmp_path: Path
) -> None:
    platform.deploy(apps.static_site(tmp_path / "before", "before"), "at-once")
    texts: dict[str, str] = {}
    clients: list[subprocess.Popen[str]] = []
    for text in ("first", "second", "third"):
        folder = apps.static_site(tmp_path / text, text)
        texts[tree_id(folder)] = text
        clients.append(platform.spawn("deploy", str(folder), "--project", "at-once", "--json"))
    for client in clients:
        client.communicate(timeout=120)
    found = platform.json("status", "at-once")["deployments"]
    assert len(found) == 1 + len(clients)
    assert found[0]["status"] == "ready"
    assert {each["status"] for each in found} <= {"ready", "cancelled"}
    assert f"<h1>{texts[found[0]['commit']]}</h1>" in platform.page("at-once")


def test_git_server_that_never_answers_is_told_so(
    unanswered: "list[subprocess.Popen[str]]",
) -> None:
    for client in unanswered:
        error = outcome(client)
        assert error["code"] == "repository_unreachable"
        assert "20 seconds" in error["message"]
