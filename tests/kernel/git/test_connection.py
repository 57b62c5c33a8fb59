import os
import sys
from pathlib import Path

import pytest

from autodeploy.kernel.git import errors
from autodeploy.kernel.git.connection import connect
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.git.urls import parse_url

from .conftest import Origin

# Stands for ssh and the server behind it: notes its arguments and runs what it was asked to run.
SSH = """#!{python}
import os, pathlib, shlex, sys
pathlib.Path({record!r}).write_text("\\n".join(sys.argv[1:]))
config = pathlib.Path(sys.argv[sys.argv.index("-F") + 1]).read_text()
pathlib.Path({record!r} + ".config").write_text(config)
command, path = shlex.split(sys.argv[-1])
assert command == "git-upload-pack"
os.execvp("git", ["git", "upload-pack", path])
"""


def test_name_is_pinned_to_every_checked_address(tmp_path: Path) -> None:
    remote = parse_url("https://example.com:8443/a/b")
    made = connect(remote, ("1.1.1.1", "2606:4700::1"), tmp_path, None, allow_http=False)
    expected = "example.com:8443:1.1.1.1,[2606:4700::1]"
    assert made.settings["http.curloptResolve"] == expected
    assert made.settings["http.followRedirects"] == "false"
    assert made.environment["GIT_ALLOW_PROTOCOL"] == "https:ssh:git"
    assert not any(tmp_path.iterdir())


def test_git_protocol_gets_the_address_in_the_place_of_the_name(tmp_path: Path) -> None:
    remote = parse_url("git://example.com/a/b")
    made = connect(remote, ("2606:4700::1",), tmp_path, None, allow_http=False)
    assert made.url == "git://[2606:4700::1]/a/b"


async def test_ssh_goes_to_the_checked_address_without_our_keys(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record"
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(SSH.format(python=sys.executable, record=str(record)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    client = GitClient(allow_private_addresses=True)
    url = f"git@localhost:{origin.bare}"
    found = await client.resolve(url, "v1.0")
    await client.checkout(url, found.commit_sha, "v1.0", tmp_path / "files")
    assert found.commit_sha == origin.first
    assert (tmp_path / "files/page.html").read_text() == "one"
    assert "git@localhost" in record.read_text().splitlines()
    config = Path(f"{record}.config").read_text()
    assert "HostKeyAlias localhost" in config
    assert "HostName 127.0.0.1" in config or "HostName ::1" in config
    assert "IdentityAgent none" in config
    assert 'IdentityFile "none"' in config


async def test_operators_key_is_offered_and_hosts_are_remembered_beside_it(tmp_path: Path) -> None:
    key = tmp_path / "secrets" / "ssh_key"
    connect(parse_url("git@example.com:a/b"), ("1.1.1.1",), tmp_path, key, allow_http=False)
    config = (tmp_path / "ssh_config").read_text()
    assert f'IdentityFile "{key}"' in config
    assert f'UserKnownHostsFile "{key.parent}/known_hosts"' in config


async def test_machine_without_ssh_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh"):
        (programs / name).symlink_to(_on_path(name))
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(errors.RepositoryUnreachable, match="ssh is not on this machine"):
        await GitClient(allow_private_addresses=True).resolve("git@127.0.0.1:a/b")


def _on_path(name: str) -> Path:
    places = (Path(folder) / name for folder in os.environ["PATH"].split(":"))
    return next(each for each in places if each.exists())
