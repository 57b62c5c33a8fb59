"""Builds that fail or take what is not theirs: each is told apart, and the platform goes on."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from tests.e2e.bad import assert_goes_on, failures
from tests.e2e.platform import Json, Platform, eventually

pytestmark = pytest.mark.timeout(240)

PAGE = "<!doctype html><title>t</title><h1>here</h1>\n"
PACKAGE = '{"name": "a", "version": "1.0.0", "scripts": {"start": "node a.js"}}\n'


def site(build: str) -> dict[str, str]:
    """A static site with a build command of one line of Python."""
    return {
        "index.html": PAGE,
        "autodeploy.toml": "build = \"python3 build.py\"\noutput = '.'\n",
        "build.py": f"import os, sys, time\nprint('the build begins', flush=True)\n{build}\n",
    }


CASES: dict[str, dict[str, str]] = {
    "never-ends": site("time.sleep(7541)"),
    "memory": site("held = []\nwhile True: held.append(bytearray(8 << 20))"),
    "disk": site(
        "for number in range(100000):\n"
        "    open(f'{number}.bin', 'wb').write(os.urandom(1 << 20))\n"
        "    time.sleep(0.01)"
    ),
    "large-file": site("open('large.bin', 'wb').truncate(1 << 30)"),
    "forks": site("while True:\n    if os.fork() == 0: time.sleep(7541)"),
    "fails": site("sys.exit('the reason is on this line')"),
    "killed": site("os.kill(os.getpid(), 9)"),
    "makes-nothing": {
        "index.html": PAGE,
        "autodeploy.toml": "build = 'true'\noutput = 'dist'\n",
    },
    "package-json": {"package.json": '{"name": "a",}\n', "a.js": ""},
    "package-lock": {"package.json": PACKAGE, "package-lock.json": "{nothing\n", "a.js": ""},
    "pyproject": {"pyproject.toml": '[project\nname = "a"\n', "main.py": "print(1)\n"},
    "requirements": {"requirements.txt": "no requirement\n", "Procfile": "web: python a.py\n"},
    "no-such-package": {"requirements.txt": "no-such-thing\n", "Procfile": "web: python a.py\n"},
    "autodeploy-toml": {"index.html": PAGE, "autodeploy.toml": "build = \n"},
}

# The code of each, and what its message, cause or lines that matter say.
EXPECTED: dict[str, tuple[str, str]] = {
    "never-ends": ("build_timeout", "longer than 40 seconds"),
    "memory": ("out_of_memory", "more than 400 MiB of memory"),
    "disk": ("build_too_large", "more than 64 MiB"),
    "large-file": ("build_too_large", "file"),
    "forks": ("process_limit", "64 processes"),
    "fails": ("build_failed", "the reason is on this line"),
    "killed": ("build_failed", "exit code 137"),
    "makes-nothing": ("build_failed", "'dist'"),
    "package-json": ("manifest_unreadable", "package.json cannot be parsed"),
    "package-lock": ("lock_file_broken", "package-lock.json"),
    "pyproject": ("manifest_unreadable", "pyproject.toml cannot be parsed"),
    "requirements": ("manifest_unreadable", "no requirement"),
    "no-such-package": ("package_not_found", "no-such-thing"),
    "autodeploy-toml": ("autodeploy_toml_invalid", "line 1"),
}


@pytest.fixture(scope="module")
def errors(
    limited: Platform, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[dict[str, Future[Json]]]":
    limited.ensure_running()
    with failures(limited, tmp_path_factory.mktemp("builds"), CASES) as found:
        yield found


@pytest.mark.parametrize("case", CASES)
def test_bad_build_is_told(errors: "dict[str, Future[Json]]", case: str) -> None:
    code, said = EXPECTED[case]
    error = errors[case].result()
    assert error["code"] == code, error
    told = "\n".join(filter(None, (error["message"], error["cause"], *error["logTail"])))
    assert said in told


def test_platform_goes_on_and_nothing_of_the_builds_is_left(
    limited: Platform, errors: "dict[str, Future[Json]]", tmp_path: Path
) -> None:
    for error in errors.values():
        error.result()
    eventually("no process of a build is left", lambda: not left(limited))
    assert list((limited.home / "builds").iterdir()) == []
    assert_goes_on(limited, tmp_path, "after-bad-builds")


def left(platform: Platform) -> list[str]:
    return [
        " ".join(process.cmdline())
        for process in platform.processes()
        if "build.py" in " ".join(process.cmdline())
    ]
