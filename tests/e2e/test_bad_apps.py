"""Apps that build and do not run as they should: each is told apart, and the platform goes on."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest
from tests.e2e import apps
from tests.e2e.bad import assert_goes_on, failures
from tests.e2e.platform import Json, Platform, eventually, free_port

pytestmark = pytest.mark.timeout(240)

_HEAD = "import os, socket, sys, time\nprint('the app begins', flush=True)\n"
_LISTEN = "server = socket.create_server({address})\ntime.sleep(7561)\n"


def app(program: str) -> dict[str, str]:
    files = {"Procfile": "web: python app.py\n", "app.py": _HEAD + program}
    return files | apps.NOTHING_TO_INSTALL


OTHER_PORT = free_port()
CASES: dict[str, dict[str, str]] = {
    "never-listens": app("time.sleep(7561)\n"),
    "wrong-port": app(_LISTEN.format(address=f"('127.0.0.1', {OTHER_PORT})")),
    "wrong-address": app(_LISTEN.format(address="('127.0.0.2', int(os.environ['PORT']))")),
    "never-answers": app(_LISTEN.format(address="('127.0.0.1', int(os.environ['PORT']))")),
    "crashes": app("sys.exit('the reason is on this line')\n"),
    "no-variable": app("print(os.environ['PAYMENT_KEY'])\n"),
    "no-command": {"Procfile": "web: no-such-program --serve\n", "app.py": ""}
    | apps.NOTHING_TO_INSTALL,
    "memory": app("held = []\nwhile True: held.append(bytes(os.urandom(1 << 20)) * 64)\n"),
}

# The code of each, and what its message, cause or lines that matter say.
EXPECTED: dict[str, tuple[str, str]] = {
    "never-listens": ("app_not_listening", "within 6 s"),
    "wrong-port": ("app_wrong_port", f"listens on port {OTHER_PORT}"),
    "wrong-address": ("app_wrong_address", "only at 127.0.0.2"),
    "never-answers": ("app_not_listening", "did not answer"),
    "crashes": ("app_crashed", "the reason is on this line"),
    "no-variable": ("variables_missing", "PAYMENT_KEY (read in app.py:"),
    "no-command": ("app_crashed", "no-such-program"),
    "memory": ("app_out_of_memory", "more memory"),
}


@pytest.fixture(scope="module")
def stubborn(limited: Platform, tmp_path_factory: pytest.TempPathFactory) -> list[psutil.Process]:
    """The processes of a release that ignores the stop signal and was replaced."""
    limited.ensure_running()
    base = tmp_path_factory.mktemp("stubborn")
    folder = apps.procfile_app(base / "first", "the first")
    server = (folder / "server.py").read_text()
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    (folder / "stubborn.py").write_text(stubborn + server)
    (folder / "Procfile").write_text("web: python stubborn.py\n")
    limited.deploy(folder, "stubborn")
    old = processes(limited, "stubborn.py")
    assert old
    limited.deploy(apps.procfile_app(base / "next", "the second"), "stubborn")
    return old


@pytest.fixture(scope="module")
def errors(
    limited: Platform,
    tmp_path_factory: pytest.TempPathFactory,
    stubborn: list[psutil.Process],  # which ends meanwhile
) -> "Iterator[dict[str, Future[Json]]]":
    with failures(limited, tmp_path_factory.mktemp("apps"), CASES) as found:
        yield found


@pytest.mark.parametrize("case", CASES)
def test_bad_app_is_told(errors: "dict[str, Future[Json]]", case: str) -> None:
    code, said = EXPECTED[case]
    error = errors[case].result()
    told = "\n".join(filter(None, (error["message"], error["cause"], *error["logTail"])))
    assert (error["code"], said in told) == (code, True), error


def test_app_that_crashes_later_is_started_again(limited: Platform, tmp_path: Path) -> None:
    folder = apps.procfile_app(tmp_path / "later", "still here")
    limited.deploy(folder, "crashes-later")
    first = processes(limited, "server.py")
    for process in first:
        process.kill()
    eventually("it answers again", lambda: limited.page("crashes-later") == "still here")
    assert processes(limited, "server.py") != first


def test_live_app_whose_worker_does_not_stay_up_is_told_so(
    limited: Platform, tmp_path: Path
) -> None:
    folder = apps.procfile_app(tmp_path / "loops", "still here")
    (folder / "Procfile").write_text("web: python server.py\nbeat: python beat.py\n")
    (folder / "beat.py").write_text("raise SystemExit('no heart')\n")
    limited.deploy(folder, "loops")

    def runtime() -> Json:
        found: Json = limited.json("status", "loops")["project"]["environments"][0]["runtime"]
        return found

    crashed = eventually("it is told", lambda: (r := runtime())["state"] == "crashed" and r, 60, 1)
    assert (crashed["process"], crashed["exitCode"]) == ("beat", 1)
    assert "crashed (its beat" in limited.run("status", "loops").stdout
    said = limited.run("logs", "loops", "--level", "error").stdout
    assert "beat: It ended 5 times in a row" in said
    assert limited.page("loops") == "still here"


def test_app_that_ignores_the_stop_signal_is_killed(
    limited: Platform, stubborn: list[psutil.Process]
) -> None:
    assert limited.page("stubborn") == "the second"
    eventually("the old release ends", lambda: not any(map(runs, stubborn)), 40)


def test_platform_goes_on_and_nothing_of_the_failed_apps_is_left(
    limited: Platform, errors: "dict[str, Future[Json]]", tmp_path: Path
) -> None:
    for error in errors.values():
        error.result()
    eventually("no process of a failed app is left", lambda: not processes(limited, "app.py"), 40)
    assert_goes_on(limited, tmp_path, "after-bad-apps")


def runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def processes(platform: Platform, script: str) -> list[psutil.Process]:
    """The processes of this platform's apps that run ``script``."""
    assert platform.process is not None
    found = []
    for process in psutil.Process(platform.process.pid).children(recursive=True):
        try:
            if process.cmdline()[-1:] == [script] and runs(process):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
