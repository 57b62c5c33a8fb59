"""What a command without a sandbox still has: its user, its limits, and a certain end."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autodeploy.kernel.sandbox import (
    DEFAULT_PATH,
    Bind,
    Limits,
    Outcome,
    SandboxSpec,
    Unsandboxed,
)

_UID = 300998


@pytest.fixture
def shared() -> Iterator[Path]:
    """A home that other users can pass through, with a private folder in it."""
    folder = Path(tempfile.mkdtemp(prefix="ad-"))
    folder.chmod(0o711)
    (folder / "private").mkdir(mode=0o700)
    app = folder / "private" / "app"
    app.mkdir()
    if os.geteuid() == 0:
        os.chown(app, _UID, _UID)
    yield folder
    shutil.rmtree(folder)


def _spec(shared: Path, script: str, **changes: object) -> SandboxSpec:
    values: dict[str, object] = {
        "name": "bare",
        "argv": ("/bin/sh", "-c", script),
        "cwd": "/app",
        "uid": _UID,
        "gid": _UID,
        "binds": (Bind(shared / "private" / "app", "/app", writable=True),),
        "environment": {"PATH": DEFAULT_PATH, "HOME": "/tmp"},
        "limits": Limits(seconds=20),
    }
    return SandboxSpec(**(values | changes))  # type: ignore[arg-type]


async def _run(shared: Path, spec: SandboxSpec) -> tuple[Outcome, list[str]]:
    lines: list[str] = []

    async def keep(_stream: str, text: str) -> None:
        lines.append(text)

    return await Unsandboxed(shared).run(spec, keep), lines


async def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def _runs(text: str) -> bool:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in entry.read_bytes().decode(errors="replace").replace("\0", " "):
                return True
        except OSError:
            continue
    return False


async def test_command_has_its_user_folder_limits_and_no_capability(shared: Path) -> None:
    script = "touch made; pwd; id -u; id -G; ulimit -c; ulimit -n; echo $HOME; exit 7"
    limits = Limits(seconds=20, open_files=99)
    outcome, lines = await _run(shared, _spec(shared, script, limits=limits))
    uid = _UID if os.geteuid() == 0 else os.geteuid()
    assert outcome == Outcome(7)
    assert lines[:2] == [str(shared / "private/app"), str(uid)]
    assert lines[3:5] == ["0", "99"]
    assert not Path(lines[5]).exists()  # its temporary folder went with it
    assert (shared / "private/app/made").stat().st_uid == uid
    _, status = await _run(shared, _spec(shared, "cat /proc/self/status"))
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status


async def test_environment_is_complete_and_not_in_the_keepers_process(shared: Path) -> None:
    values = {"PATH": DEFAULT_PATH, "LD_PRELOAD": "/nowhere.so", "VALUE": "x" * 100_000}
    script = "echo ${#VALUE}; tr '\\0' '\\n' </proc/$PPID/environ; cat /proc/$PPID/cmdline"
    outcome, lines = await _run(shared, _spec(shared, script, environment=values))
    assert outcome.exit_code == 0
    assert "100000" in lines
    assert not [line for line in lines if "VALUE=" in line or "touch" in line]


async def test_missing_program_is_told(shared: Path) -> None:
    outcome, lines = await _run(shared, _spec(shared, "", argv=("/app/nothing",)))
    assert outcome.exit_code == 127
    assert lines == [f"{shared}/private/app/nothing: No such file or directory"]


async def test_time_limit_ends_processes_that_left_parent_and_session(shared: Path) -> None:
    script = "(setsid sh -c 'sleep 8641 & sleep 8641' &); sleep 8641"
    started = time.monotonic()
    outcome, _ = await _run(shared, _spec(shared, script, limits=Limits(seconds=1)))
    assert outcome.timed_out
    assert time.monotonic() - started < 5
    assert not _runs("sleep 8641")


async def test_end_of_the_command_is_the_end_of_what_it_left_behind(shared: Path) -> None:
    outcome, _ = await _run(shared, _spec(shared, "setsid sleep 8642 & exit 3"))
    assert outcome == Outcome(3)
    assert not _runs("sleep 8642")


async def test_stop_lets_the_program_finish(shared: Path) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    process = await Unsandboxed(shared).start(_spec(shared, script))
    assert process.outer.stdout
    assert await process.outer.stdout.readline() == b"up\n"
    assert await process.stop(grace_seconds=5) == Outcome(0)
    assert await process.outer.stdout.read() == b"bye\n"


async def test_what_a_command_uses_is_told_without_its_keeper_until_it_has_ended(
    shared: Path,
) -> None:
    script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo up; read forever"
    process = await Unsandboxed(shared).start(_spec(shared, script), stdin=subprocess.PIPE)
    assert process.outer.stdout
    assert await process.outer.stdout.readline() == b"up\n"
    usage = process.usage()
    assert usage is not None
    assert usage.cpu_seconds > 0.01
    assert usage.memory_bytes is not None
    assert 0 < usage.memory_bytes < 4_000_000  # that of a shell, and not of Python's
    process.kill()
    await process.wait()
    assert process.usage() is None


async def test_kill_of_autodeploy_ends_the_command_wholly(shared: Path) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from autodeploy.kernel.sandbox import *\n"
        "async def main():\n"
        "    home = Path(sys.argv[1])\n"
        "    spec = SandboxSpec(name='t', argv=('/bin/sh', '-c', 'echo up; (setsid sleep 8643 &);"
        f" sleep 8643'), cwd='/', uid={_UID}, gid={_UID}, environment={{'PATH': '/bin'}})\n"
        "    process = await Unsandboxed(home).start(spec)\n"
        "    await process.outer.stdout.readline()\n"
        "    print('up', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, str(shared)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as autodeploy:
        assert autodeploy.stdout
        assert autodeploy.stdout.readline() == b"up\n"
        await _until(lambda: _runs("sleep 8643"))
        autodeploy.kill()
    await _until(lambda: not _runs("sleep 8643"))


@pytest.mark.parametrize("root", ["", "web/"])
async def test_moved_environment_is_mended_and_its_kept_copy_is_not_touched(
    shared: Path, root: str
) -> None:
    app = shared / "private" / "app"
    venv = app / f"{root}.venv"
    made_at = f"/app/{root}.venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    activate = venv / "bin" / "activate"
    activate.write_text(activate.read_text().replace(str(venv), made_at))
    packages = next(venv.glob("lib/python*/site-packages"))
    (packages / "local.pth").write_text("/app/shared\n")
    (venv / "bin" / "tool").write_text(f"#!{made_at}/bin/python\nimport sys; print(sys.prefix)\n")
    (venv / "bin" / "tool").chmod(0o755)
    kept = shared / "kept"
    os.link(venv / "bin" / "tool", kept)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{_UID}:{_UID}", app], check=True)
    environment = {"PATH": f"{made_at}/bin:{DEFAULT_PATH}"}

    outcome, lines = await _run(shared, _spec(shared, "tool", environment=environment))

    assert (outcome.exit_code, lines) == (0, [str(venv)])
    assert (packages / "local.pth").read_text() == f"{app}/shared\n"
    assert f"#!{made_at}" in kept.read_text()
    assert str(venv) in activate.read_text()
