"""The apps that are measured: examples, copied, changed, and uploaded to a real platform."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.e2e.platform import Json, Platform, eventually, machine_settings

EXAMPLES = Path(__file__).parents[1] / "examples"
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.02
_ASK_SECONDS = 0.25
_ENDED = ("ready", "error", "cancelled")


@dataclass(frozen=True)
class App:
    """An app of ``examples/``.

    A change of ``source`` has it built anew; a change of ``lock_file``, or of the manifest where
    there is no such file, has its dependencies installed anew.
    """

    name: str
    example: str
    source: str
    lock_file: str | None = None
    python: bool = False
    # Where its framework keeps work for the next build.
    work: str | None = None


STATIC = App("static", "static-html", "index.html")
VITE = App("vite", "vite-react", "index.html", "package.json")
EXPRESS = App("express", "express", "server.js", "package-lock.json")
NEXTJS = App("nextjs", "nextjs", "app/page.js", "package.json", work=".next/cache")
FASTAPI = App("fastapi", "fastapi", "main.py", "requirements.txt", python=True)


@contextlib.contextmanager
def measuring() -> Iterator[tuple[Platform, Path]]:
    """A running platform that installs from the registries, and a folder to work in."""
    platform = Platform(machine_settings())
    scratch = Path(tempfile.mkdtemp(prefix="ad-bench-", dir="/tmp"))
    try:
        platform.command_seconds = PATIENCE_SECONDS
        platform.start()
        yield platform, scratch
    finally:
        platform.close()
        shutil.rmtree(scratch)


def copy(app: App, target: Path) -> Path:
    """A fresh copy of the app at ``target``, in the place of what was there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(EXAMPLES / app.example, target)
    return target


def change(path: Path, number: int) -> None:
    """Make a text file another one each time, and mean the same."""
    with path.open("a") as file:
        file.write("\n" * number)


def find_project(platform: Platform, name: str) -> Json | None:
    """The project of this name, if there is one."""
    items = platform.call("GET", "/projects?limit=100")["items"]
    return next((item for item in items if item["slug"] == name), None)


def get_project(platform: Platform, name: str) -> Json:
    """The project of this name, which is there."""
    project = find_project(platform, name)
    assert project is not None, name
    return project


def commands(platform: Platform, name: str) -> Json:
    """What the analysis found: how the app is installed, built and started."""
    repository = get_project(platform, name)["repository"]
    analysis = platform.call("GET", f"/repositories/{repository['id']}/analysis")
    found: Json = analysis["buildConfiguration"]
    return found


def post(platform: Platform, path: str, body: Json) -> float:
    """Ask for a deployment. Returns the seconds from the request to READY.

    When that was, the platform tells: to ask it so often that the answer is not late would take
    the CPU that the deployment needs.
    """
    begun = time.time()
    asked = platform.call("POST", path, body)

    def ended() -> Json | None:
        found = platform.call("GET", f"/deployments/{asked['id']}")
        return found if found["status"] in _ENDED else None

    result = eventually("it is deployed", ended, PATIENCE_SECONDS, _ASK_SECONDS)
    if result["status"] != "ready":
        sys.exit(f"It did not deploy: {result}")
    return datetime.fromisoformat(result["completedAt"]).timestamp() - begun
