"""What the tests of bad input share: a deployment that must fail, and one that then must not."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.e2e import apps
from tests.e2e.platform import Json, Platform

_AT_ONCE = 4


def failure(platform: Platform, source: Path | str, name: str, *arguments: str) -> Json:
    """The error that deploying ends with, as a program is told it."""
    arguments = ("deploy", str(source), "--project", name, *arguments, "--json")
    with platform.spawn(*arguments) as client:
        return outcome(client, platform.command_seconds)


def error_of(code: int, stdout: str, stderr: str) -> Json:
    """The error in the answer of a command that failed."""
    assert code not in (0, None), stdout
    assert "\nTraceback" not in stderr  # an app's own is indented
    error: Json = json.loads(stdout)["error"]
    assert error["message"]
    assert error["remedy"]
    return error


def outcome(client: "subprocess.Popen[str]", seconds: float = 120) -> Json:
    """The error of a deployment that was started with ``Platform.spawn`` and ``--json``."""
    stdout, stderr = client.communicate(timeout=seconds)
    return error_of(client.returncode, stdout, stderr)


@contextmanager
def failures(
    platform: Platform, folder: Path, cases: Mapping[str, dict[str, str]]
) -> Iterator[dict[str, "Future[Json]"]]:
    """Deploy the files of each case, several at a time; the errors that they end with."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {
            name: pool.submit(failure, platform, apps.write(folder / name, files), f"bad-{name}")
            for name, files in cases.items()
        }


def assert_goes_on(platform: Platform, folder: Path, name: str) -> None:
    """The platform still deploys a good app."""
    apps.static_site(folder, f"good after {name}")
    assert platform.deploy(folder, name)["status"] == "ready"
    assert f"good after {name}" in platform.page(name)
