"""Releases are switched again and again while requests come without a pause: none of them fails."""

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.e2e import apps
from tests.e2e.load import Load
from tests.e2e.platform import Platform, eventually

pytestmark = pytest.mark.timeout(900)


def redeploy(platform: Platform, folder: Path, load: Load, times: int) -> None:
    """Deploy one version after the other; each is answered with before the next begins."""
    for number in range(times):
        text = f"version {number}"
        platform.deploy(apps.procfile_app(folder, text), folder.name)
        eventually(f"{text} answers", partial(load.saw, text))


def load_on(platform: Platform, name: str) -> Load:
    return Load(platform.proxy_port, f"{name}.localhost:{platform.proxy_port}")


def check_answers(load: Load, expected: set[str]) -> None:
    for answers in (load.kept, load.fresh):
        assert answers.failures == {}
        assert set(answers.texts) == expected
        assert answers.total > 100


def test_no_request_fails_while_releases_are_switched(platform: Platform, tmp_path: Path) -> None:
    folder = apps.procfile_app(tmp_path / "switched", "the first")
    platform.deploy(folder, "switched")
    with load_on(platform, "switched") as load:
        redeploy(platform, folder, load, 3)
        platform.run("rollback", "switched")
    check_answers(load, {"the first", *(f"version {number}" for number in range(3))})


@pytest.mark.e2e
def test_no_request_fails_in_fifty_redeployments_under_wrk(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.procfile_app(tmp_path / "fifty", "the first")
    platform.deploy(folder, "fifty")
    kept, fresh = wrk(platform, "fifty"), wrk(platform, "fifty", "Connection: close")
    with kept, fresh, load_on(platform, "fifty") as load:
        redeploy(platform, folder, load, 50)
    check_answers(load, {"the first", *(f"version {number}" for number in range(50))})


@contextlib.contextmanager
def wrk(platform: Platform, name: str, *headers: str) -> Iterator[None]:
    """Load of wrk, where it is installed; our own load runs in any case."""
    if not shutil.which("wrk"):
        yield
        return
    host = f"Host: {name}.localhost:{platform.proxy_port}"
    with_headers = [f"-H{header}" for header in (host, *headers)]
    url = f"http://127.0.0.1:{platform.proxy_port}/"
    client = subprocess.Popen(
        ["wrk", "-t1", "-c16", "-d900s", "--timeout", "15s", *with_headers, url],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield
    finally:
        client.send_signal(signal.SIGINT)
        report, _ = client.communicate(timeout=60)
    check_wrk(report)


def check_wrk(report: str) -> None:
    """wrk tells of failures only when there are some."""
    answered = re.search(r"(\d+) requests in", report)
    assert answered, report
    assert int(answered[1]) > 1000, report
    assert "Non-2xx" not in report, report
    assert "Socket errors" not in report, report
