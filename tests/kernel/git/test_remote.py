import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.git import errors
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.git.session import Limits

from .conftest import Origin
from .servers import answering, git, silent_server

LOOPBACK = GitClient(allow_private_addresses=True)
PUBLIC = GitClient(allow_private_addresses=False)


@pytest.mark.parametrize("server", ["daemon_url", "http_url"])
async def test_ref_of_each_kind_resolves_to_its_commit(
    server: str, origin: Origin, request: pytest.FixtureRequest
) -> None:
    url = f"{request.getfixturevalue(server)}/owner/app.git"
    expected = {
        None: ("main", origin.second),
        "main": ("main", origin.second),
        "feature/dev": ("feature/dev", origin.dev),
        "refs/heads/feature/dev": ("refs/heads/feature/dev", origin.dev),
        "light": ("light", origin.first),
        "v1.0": ("v1.0", origin.first),
        origin.first: (origin.first, origin.first),
        origin.second[:10]: (origin.second[:10], origin.second),
    }
    found = await asyncio.gather(*(LOOPBACK.resolve(url, ref) for ref in expected))
    assert [(each.ref_name, each.commit_sha) for each in found] == list(expected.values())
    assert {each.default_branch for each in found} == {"main"}


async def test_missing_ref_is_named(daemon_url: str) -> None:
    for ref in ("nothing", "dev", "0123abc"):
        with pytest.raises(errors.RefNotFound, match=ref):
            await LOOPBACK.resolve(f"{daemon_url}/owner/app.git", ref)


@pytest.mark.parametrize("ref", ["-x", "--upload-pack=touch /tmp/x", "a\nb", "a b", "a..b", ""])
async def test_ref_that_git_would_misread_is_refused(ref: str) -> None:
    with pytest.raises(InvalidInput):
        await LOOPBACK.resolve("https://example.com/a/b", ref)


async def test_empty_repository_is_told_apart(daemon_url: str) -> None:
    with pytest.raises(errors.RepositoryEmpty):
        await LOOPBACK.resolve(f"{daemon_url}/empty.git")


@pytest.mark.parametrize("server", ["daemon_url", "http_url"])
async def test_missing_repository_is_not_found(server: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(errors.RepositoryNotFound):
        await LOOPBACK.resolve(f"{request.getfixturevalue(server)}/owner/none.git")


async def test_server_that_asks_for_a_password_needs_credentials() -> None:
    with (
        answering(401, {"WWW-Authenticate": 'Basic realm="x"'}, []) as url,
        pytest.raises(errors.RepositoryNeedsCredentials),
    ):
        await LOOPBACK.resolve(f"{url}/owner/app.git")


async def test_closed_port_is_unreachable() -> None:
    with pytest.raises(errors.RepositoryUnreachable):
        await LOOPBACK.resolve("git://127.0.0.1:1/owner/app.git")


async def test_server_that_never_answers_times_out_and_leaves_no_process() -> None:
    client = GitClient(allow_private_addresses=True, limits=Limits(listing_seconds=0.5))
    with silent_server() as port:
        url = f"git://127.0.0.1:{port}/owner/silent-timeout.git"
        with pytest.raises(errors.RepositoryUnreachable, match="did not finish"):
            await client.resolve(url)
    assert not _processes_with("silent-timeout.git")


async def test_cancelled_call_leaves_no_process() -> None:
    with silent_server() as port:
        task = asyncio.create_task(
            LOOPBACK.resolve(f"git://127.0.0.1:{port}/owner/silent-cancel.git")
        )
        deadline = time.monotonic() + 20
        while not _processes_with("silent-cancel.git") and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not _processes_with("silent-cancel.git")


@pytest.mark.parametrize("server", ["daemon_url", "http_url"])
async def test_checkout_of_branch_tag_and_old_commit_writes_its_files(
    server: str, origin: Origin, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"{request.getfixturevalue(server)}/owner/app.git"
    wanted = [(origin.second, "main", "two"), (origin.first, "v1.0", "one")]
    wanted += [(origin.first, None, "one"), (origin.dev, origin.dev, "dev")]
    for number, (commit, ref, content) in enumerate(wanted):
        target = tmp_path / str(number)
        await LOOPBACK.checkout(url, commit, ref, target)
        assert (target / "page.html").read_text() == content
        assert (target / "src/app.py").read_text() == "print(1)"
        assert not (target / ".git").exists()
    assert (tmp_path / "0" / "link").readlink() == Path("page.html")
    assert (tmp_path / "0" / "big.bin").stat().st_size == 1_500_000


async def test_unknown_commit_is_not_found(daemon_url: str, tmp_path: Path) -> None:
    with pytest.raises(errors.RefNotFound):
        await LOOPBACK.checkout(f"{daemon_url}/owner/app.git", "12" * 20, None, tmp_path / "a")


async def test_files_over_the_limit_are_refused_before_they_are_written(
    daemon_url: str, origin: Origin, tmp_path: Path
) -> None:
    for limits in (Limits(files_bytes=1000), Limits(files=1)):
        client = GitClient(allow_private_addresses=True, limits=limits)
        with pytest.raises(errors.RepositoryTooLarge):
            await client.checkout(
                f"{daemon_url}/owner/app.git", origin.second, "main", tmp_path / "a"
            )
        assert not any((tmp_path / "a").iterdir())


async def test_loopback_server_is_refused_by_default(daemon_url: str) -> None:
    with pytest.raises(errors.AddressRefused):
        await PUBLIC.resolve(f"{daemon_url}/owner/app.git")
    with pytest.raises(errors.AddressRefused):
        await PUBLIC.resolve("https://localhost/owner/app.git")
    with pytest.raises(errors.AddressRefused):
        await PUBLIC.resolve("git@localhost:owner/app.git")


async def test_redirect_to_a_renamed_repository_is_followed(http_url: str, origin: Origin) -> None:
    asked: list[str] = []
    target = f"{http_url}/owner/app.git/info/refs?service=git-upload-pack"
    with answering(301, {"Location": target}, asked) as url:
        found = await LOOPBACK.resolve(f"{url}/old/name.git")
    assert found.commit_sha == origin.second
    assert asked


async def test_redirect_to_another_protocol_is_refused() -> None:
    with (
        answering(302, {"Location": "file:///etc/info/refs"}, []) as url,
        pytest.raises(InvalidInput),
    ):
        await LOOPBACK.resolve(f"{url}/old/name.git")


async def test_redirect_in_a_circle_ends() -> None:
    with (
        answering(302, {"Location": "PATH"}, []) as url,
        pytest.raises(errors.RepositoryUnreachable, match="circle"),
    ):
        await LOOPBACK.resolve(f"{url}/old/name.git")


async def test_host_name_is_pinned_to_the_checked_address(
    http_url: str, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def checked(host: str, port: int, allow_private: bool) -> tuple[str, ...]:
        return ("127.0.0.1",)

    monkeypatch.setattr("autodeploy.kernel.git.session.check_address", checked)
    url = http_url.replace("127.0.0.1", "no-such-host.invalid") + "/owner/app.git"
    assert (await LOOPBACK.resolve(url)).commit_sha == origin.second


async def test_configuration_of_the_machine_has_no_influence(
    daemon_url: str, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text('[url "git://127.0.0.1:1/"]\n insteadOf = "git://"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.git.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "never")
    found = await LOOPBACK.resolve(f"{daemon_url}/owner/app.git")
    assert found.commit_sha == origin.second


async def test_trees_that_name_each_other_without_end_are_refused(
    daemon_url: str, origin: Origin, tmp_path: Path
) -> None:
    bare = origin.root / "bomb.git"
    git("init", "-q", "--bare", "-b", "main", str(bare), cwd=origin.root)
    (bare / "x").write_text("x")
    entry = f"100644 blob {git('hash-object', '-w', 'x', cwd=bare)}"
    for _ in range(12):
        (bare / "tree").write_text("".join(f"{entry}\tname{number}\n" for number in range(10)))
        with (bare / "tree").open() as names:
            made = subprocess.run(
                ["git", "mktree"], cwd=bare, stdin=names, check=True, capture_output=True, text=True
            )
        entry = f"040000 tree {made.stdout.strip()}"
    commit = git("commit-tree", "-m", "bomb", entry.split()[-1], cwd=bare)
    git("update-ref", "refs/heads/main", commit, cwd=bare)
    client = GitClient(allow_private_addresses=True, limits=Limits(transfer_seconds=8))
    with pytest.raises(errors.RepositoryTooLarge):
        await client.checkout(f"{daemon_url}/bomb.git", commit, "main", tmp_path / "a")


def _processes_with(text: str) -> list[str]:
    """Command lines of running processes, other than this one, that hold ``text``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found
