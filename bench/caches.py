"""The first build of an app, with nothing kept, beside the ones after it.

The second build is of changed source: its dependencies are those of the first. The third has
another lock file, too: its dependencies are installed anew, from the downloads that are kept. The
seconds are those of the step *build application*. Needs the package registries.
"""

import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.platform import Platform

from bench import apps
from bench.apps import App
from bench.report import Record, arguments, show

BUILDS = ("first", "second", "third")
UV = Path(__file__).parents[1] / ".venv/bin/uv"
_UV_PROJECT = """\
[project]
name = "bench"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["fastapi", "uvicorn"]
"""


@dataclass(frozen=True)
class Case:
    """``lock`` writes the lock file, where the example has none."""

    name: str
    app: App
    lock_file: str
    lock: Callable[[Path], None] | None = None


def _lock_with_npm(folder: Path) -> None:
    _run(["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"], folder)


def _lock_with_uv(folder: Path) -> None:
    (folder / "requirements.txt").unlink()
    (folder / "pyproject.toml").write_text(_UV_PROJECT)
    _run([str(UV), "lock", "--quiet"], folder)


CASES = (
    Case("vite", apps.VITE, "package-lock.json", _lock_with_npm),
    Case("nextjs", apps.NEXTJS, "package-lock.json", _lock_with_npm),
    Case("fastapi-pip", apps.FASTAPI, "requirements.txt"),
    Case("fastapi-uv", apps.FASTAPI, "uv.lock", _lock_with_uv),
)


def main() -> None:
    options = arguments(__doc__, repeat=3, cases=[case.name for case in CASES])
    with apps.measuring() as (platform, scratch):
        records = [
            _measure(case, platform, scratch / "app", options.repeat)
            for case in CASES
            if case.name in options.only
        ]
    show("Builds with cold and with warm caches", "builds", records, as_json=options.json)


def _measure(case: Case, platform: Platform, folder: Path, repeat: int) -> Record:
    """Medians; each time with a new project, since caches are a project's own."""
    apps.copy(case.app, folder)
    if case.lock is not None:
        case.lock(folder)
    runs = [_builds(case, platform, folder, f"{case.app.name}-{n}") for n in range(repeat)]
    seconds = dict(zip(BUILDS, map(statistics.median, zip(*runs, strict=True)), strict=True))
    return {
        "name": case.name,
        **{f"{name}_seconds": round(value, 2) for name, value in seconds.items()},
        "second_ratio": round(seconds["second"] / seconds["first"], 2),
        "third_ratio": round(seconds["third"] / seconds["first"], 2),
    }


def _builds(case: Case, platform: Platform, folder: Path, project: str) -> list[float]:
    """The seconds of the three builds of a project that is made for them."""
    changed: tuple[tuple[str, ...], ...] = (
        (),
        (case.app.source,),
        (case.app.source, case.lock_file),
    )
    found = []
    for names in changed:
        for name in names:
            apps.change(folder / name, 1)
        deployment = platform.deploy(folder, project)
        steps = {step["name"]: step["actualDuration"] for step in deployment["steps"]}
        found.append(steps["build_application"])
    return found


def _run(argv: list[str], folder: Path) -> None:
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)


if __name__ == "__main__":
    main()
