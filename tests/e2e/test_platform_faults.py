"""What breaks around the platform: full disks, damaged files, taken ports, too few descriptors.

Each is survived, or ends at once with what is wrong and what to do about it.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.e2e import apps
from tests.e2e.platform import Json, Platform, eventually

from autodeploy.kernel.process import python_argv

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]
ROOT = os.geteuid() == 0
MEGABYTE = 1024**2


@pytest.fixture
def fresh() -> Iterator[Platform]:
    """A platform that has never been started."""
    platform = Platform()
    yield platform
    platform.close()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    if not ROOT or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us mount nothing")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def refusal(platform: Platform, command: str) -> str:
    """What the command says when it refuses to start."""
    done = platform.run(command, check=False)
    assert done.returncode == 1
    assert "Error: " in done.stderr
    assert "Next: " in done.stderr
    return done.stderr


def test_start_on_a_full_disk_is_refused(fresh: Platform) -> None:
    with small_disk(fresh.home, 32):
        said = refusal(fresh, "up")
        assert "is full" in said
        assert "AUTODEPLOY_HOME" in said
        assert not fresh.processes()


def test_disk_that_fills_up_fails_what_needs_it_and_nothing_more(fresh: Platform) -> None:
    folder = apps.procfile_app(fresh.folder / "filling", "one")
    with small_disk(fresh.home, 768):
        fresh.start()
        assert fresh.deploy(folder, "filling")["status"] == "ready"
        apps.procfile_app(folder, "two")
        fill(fresh.home / "filler")
        done = fresh.run("deploy", str(folder), "--project", "filling", check=False)
        assert done.returncode != 0
        assert "(disk_full)" in done.stderr
        assert "Next: " in done.stderr
        assert fresh.page("filling") == "one"

        (fresh.home / "filler").unlink()
        eventually("it serves again", lambda: fresh.get("/readyz", port=fresh.api_port)[0] == 200)
        assert fresh.deploy(folder, "filling")["status"] == "ready"
        assert fresh.page("filling") == "two"
        assert fresh.stop() == 0


def fill(path: Path) -> None:
    """Write until the disk has no room left."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    continue


def test_start_with_too_few_descriptors_is_refused(fresh: Platform) -> None:
    few = ["prlimit", "--nofile=100:100", "--"]
    done = subprocess.run(
        [*few, *python_argv("up")],
        env=fresh.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "may open only 100 files" in done.stderr
    assert "ulimit -n" in done.stderr


@pytest.fixture(scope="module")
def _stopped() -> Iterator[Platform]:
    platform = Platform()
    platform.start()
    platform.deploy(apps.procfile_app(platform.folder / "server", "served"), "server")
    platform.deploy(apps.static_site(platform.folder / "static", "still"), "static")
    platform.stop()
    yield platform
    platform.close()


@pytest.fixture
def stopped(_stopped: Platform) -> Platform:
    """A platform that has an app with a server, and a static one, and was stopped."""
    assert not _stopped.processes()
    return _stopped


def test_damaged_files_and_a_taken_port_are_survived(stopped: Platform) -> None:
    home = stopped.home
    (home / "caddy/caddy.json").write_text("{")
    (home / "up.json").write_text('{"pid": 1, "start_ticks": null, "api_url": "", "proxy_port": 1}')
    (home / "postgres/autodeploy-schema").write_text("of another version")
    journal = next((home / "valkey/appendonlydir").glob("*.incr.aof"))
    journal.write_bytes(b"no journal\r\n" + journal.read_bytes())
    (home / "routes/apps.json").write_text(json.dumps([app_table(home)[0]])[:-1])
    stopped.start()
    eventually("the server is there again", lambda: stopped.page("server") == "served")
    # A static site whose route is lost has it again with its next deployment.
    stopped.deploy(stopped.folder / "static", "static")
    assert "still" in stopped.page("static")
    stopped.stop()

    with socket.create_server(("127.0.0.1", app_table(home)[0]["local_port"])):
        stopped.start()
        eventually("both are there", lambda: stopped.page("server") == "served")
        assert "still" in stopped.page("static")
        deployment = stopped.deploy(stopped.folder / "server", "server")
        assert stopped.local_page(deployment) == "served"
        assert stopped.stop() == 0


def app_table(home: Path) -> list[Json]:
    table: list[Json] = json.loads((home / "routes/apps.json").read_text())
    return sorted(table, key=lambda app: app["number"])


def test_damaged_keys_and_passwords_are_told_and_never_replaced(stopped: Platform) -> None:
    (stopped.home / "apps-postgres").mkdir()
    (stopped.home / "apps-postgres/PG_VERSION").write_text("18")
    for file, command, told in (
        ("secrets/master.key", "serve", "master key"),
        ("secrets/jwt.pem", "serve", "signing key"),
        ("apps-postgres.port", "runtime", "postmaster.opts"),
        ("secrets/postgres.password", "up", "PostgreSQL refuses"),
    ):
        path = stopped.home / file
        before = path.read_bytes() if path.exists() else b""
        path.write_bytes(b"")
        assert told in refusal(stopped, command)
        assert path.read_bytes() == b""
        path.write_bytes(before)
        if not before:
            path.unlink()
        assert not stopped.processes()
    shutil.rmtree(stopped.home / "apps-postgres")


def test_api_out_of_descriptors_answers_again_when_clients_have_gone(platform: Platform) -> None:
    api = platform.role("serve")
    limits = api.rlimit(psutil.RLIMIT_NOFILE)
    api.rlimit(psutil.RLIMIT_NOFILE, (api.num_fds() + 8, limits[1]))
    with contextlib.ExitStack() as clients:
        for _ in range(40):
            address = ("127.0.0.1", platform.api_port)
            clients.enter_context(socket.create_connection(address, timeout=5))
    eventually("it answers", lambda: platform.get("/readyz", port=platform.api_port)[0] == 200)
    assert platform.role("serve").pid == api.pid
    api.rlimit(psutil.RLIMIT_NOFILE, limits)


def test_worker_out_of_descriptors_fails_the_build_and_goes_on(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.procfile_app(tmp_path / "descriptors", "one")
    worker = platform.role("worker")
    limits = worker.rlimit(psutil.RLIMIT_NOFILE)
    worker.rlimit(psutil.RLIMIT_NOFILE, (worker.num_fds() + 4, limits[1]))
    client = platform.spawn("deploy", str(folder))
    with contextlib.suppress(subprocess.TimeoutExpired):
        client.wait(6)
    worker.rlimit(psutil.RLIMIT_NOFILE, limits)
    _, said = client.communicate(timeout=90)
    assert client.returncode == 0 or "Next: " in said
    assert platform.deploy(folder, "descriptors")["status"] == "ready"
    assert platform.page("descriptors") == "one"
