"""Children start as asked and never outlive what started them."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autodeploy.kernel.process import (
    ProgramNotFound,
    SystemUser,
    as_user,
    ensure_system_user,
    find_program,
    spawn,
    start_time,
    stop,
)

NOBODY = SystemUser("nobody", 65534, 65534)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its user")


async def output(process: asyncio.subprocess.Process) -> str:
    out, _ = await process.communicate()
    return out.decode()


def is_gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has: only its parent has not looked yet)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def wait_gone(pid: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_gone(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        await asyncio.sleep(0.01)


async def test_child_sees_only_the_given_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "value")
    process = await spawn(["env"], env={"PATH": os.defpath, "A": "b"}, stdout=subprocess.PIPE)
    assert set((await output(process)).split()) == {f"PATH={os.defpath}", "A=b"}


async def test_arguments_reach_the_program_unchanged() -> None:
    argument = "$(id); 'a b' --flag"
    process = await spawn(["printf", "%s", argument], env={}, stdout=subprocess.PIPE)
    assert await output(process) == argument


@needs_root
async def test_child_of_a_user_has_no_rights_of_root() -> None:
    argv = ["cat", "/proc/self/status"]
    process = await spawn(argv, env={}, user=NOBODY, stdout=subprocess.PIPE)
    status = dict(line.split(":\t", 1) for line in (await output(process)).splitlines())
    assert status["Uid"].split() == ["65534"] * 4
    assert status["Gid"].split() == ["65534"] * 4
    assert status["Groups"].split() == []
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_without_a_user_the_command_is_unchanged() -> None:
    assert as_user(["a", "b"], None, signal.SIGKILL) == ["a", "b"]


def test_with_a_user_setpriv_drops_everything_and_sets_the_death_signal_again() -> None:
    assert as_user(["a", "-b"], NOBODY, signal.SIGTERM) == [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--no-new-privs",
        "--inh-caps=-all",
        "--pdeathsig=TERM",
        "--",
        "a",
        "-b",
    ]


PARENT = """
import asyncio, sys
from autodeploy.kernel.process import SystemUser, spawn

async def main():
    user = SystemUser("nobody", 65534, 65534) if sys.argv[1] == "nobody" else None
    process = await spawn(["sleep", "600"], env={"PATH": "/usr/bin:/bin"}, user=user)
    print(process.pid, flush=True)
    await process.wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("user", ["ourselves", pytest.param("nobody", marks=needs_root)])
async def test_killed_parent_takes_its_child_along(user: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, user, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert not is_gone(child)
    parent.kill()
    await parent.wait()
    await wait_gone(child)


async def test_stop_lets_a_program_end_by_itself() -> None:
    script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    process = await spawn(["sh", "-c", script], env={}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    assert await stop(process, grace_seconds=10) == 7


async def test_stop_kills_a_program_that_ignores_the_signal_and_its_children() -> None:
    script = "trap '' TERM; sleep 600 & echo $!; wait; wait"
    process = await spawn(["sh", "-c", script], env={}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    assert await stop(process, grace_seconds=0.1) == -signal.SIGKILL
    await wait_gone(child)


async def test_stop_kills_what_a_leader_left_behind() -> None:
    script = "(trap '' TERM; exec sleep 600) & echo $!; exit 0"
    process = await spawn(["sh", "-c", script], env={}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    await wait_gone(process.pid)
    assert await stop(process, grace_seconds=0.1) == 0
    await wait_gone(child)


async def test_stop_of_an_ended_program_returns_its_code() -> None:
    process = await spawn(["sh", "-c", "exit 3"], env={})
    await process.wait()
    assert await stop(process, grace_seconds=1) == 3


@pytest.mark.parametrize("name", ["postgres", "valkey", "caddy", "bwrap"])
def test_programs_of_the_wheels_are_found(name: str) -> None:
    assert os.access(find_program(name), os.X_OK)


def test_operators_own_program_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODEPLOY_PROGRAM_CADDY", "/bin/true")
    assert find_program("caddy") == Path("/bin/true")
    assert find_program("caddy", override=Path("/bin/false")) == Path("/bin/false")


def test_operators_program_that_is_absent_is_not_replaced_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTODEPLOY_PROGRAM_CADDY", "/nonexistent")
    with pytest.raises(ProgramNotFound) as failure:
        find_program("caddy")
    assert "AUTODEPLOY_PROGRAM_CADDY" in (failure.value.remedy or "")


@needs_root
def test_system_user_is_made_once() -> None:
    user = ensure_system_user("autodeploy")
    assert user.uid > 0
    assert ensure_system_user("autodeploy") == user


@needs_root
def test_two_that_make_a_system_user_at_once_get_the_same_one() -> None:
    name = f"autodeploy-{secrets.token_hex(4)}"
    try:
        with ThreadPoolExecutor(4) as pool:
            users = set(pool.map(ensure_system_user, [name] * 4))
        assert users == {ensure_system_user(name)}
    finally:
        subprocess.run(["userdel", name], check=True)


def test_start_time_names_a_process_and_none_when_there_is_none() -> None:
    assert start_time(os.getpid()) == start_time(os.getpid()) is not None
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays as a zombie
    assert start_time(child.pid) is None
    child.wait()
    assert start_time(child.pid) is None
