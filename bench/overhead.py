"""What AutoDeploy adds to a build and a start: from the request to READY, against the same by hand.

Each case is measured in pairs, in turn, with warm download caches on both sides and dependencies
that must be installed anew. What a framework keeps for its next build (Next.js: ``.next/cache``)
is there on both sides, too. The commands by hand are those that the analysis found; a static
site's files are served by Python's ``http.server``. Needs the package registries.
"""

import statistics
import time
from pathlib import Path

from tests.e2e.platform import Json, Platform

from bench import apps
from bench.apps import App
from bench.by_hand import ByHand
from bench.report import Record, arguments, show

RATIO_BUDGET, SECONDS_BUDGET = 1.10, 1.0
CASES = (apps.STATIC, apps.VITE, apps.EXPRESS, apps.NEXTJS, apps.FASTAPI)


def main() -> None:
    options = arguments(__doc__, repeat=5, cases=[app.name for app in CASES])
    with apps.measuring() as (platform, scratch):
        records = [
            _measure(app, platform, scratch, options.repeat)
            for app in CASES
            if app.name in options.only
        ]
    show("Request to READY against build and start by hand", "cases", records, as_json=options.json)


def _measure(app: App, platform: Platform, scratch: Path, repeat: int) -> Record:
    """Medians of both ways, after one of each that warms the caches."""
    manual, ours = [], []
    for number in range(1, repeat + 2):
        ours.append(_autodeploy(app, _source(app, scratch / "uploaded", number), platform))
        plan = apps.commands(platform, app.name)
        manual.append(_by_hand(app, scratch, number, plan))
    by_hand, by_autodeploy = statistics.median(manual[1:]), statistics.median(ours[1:])
    budget = RATIO_BUDGET * by_hand + SECONDS_BUDGET
    return {
        "name": app.name,
        "manual_seconds": round(by_hand, 3),
        "autodeploy_seconds": round(by_autodeploy, 3),
        "ratio": round(by_autodeploy / by_hand, 3),
        "difference_seconds": round(by_autodeploy - by_hand, 3),
        "within_budget": by_autodeploy <= budget,
    }


def _source(app: App, folder: Path, number: int) -> Path:
    """The app as its owner changed it, with dependencies that are new."""
    apps.copy(app, folder)
    for name in (app.source, app.lock_file):
        if name is not None:
            apps.change(folder / name, number)
    return folder


def _autodeploy(app: App, source: Path, platform: Platform) -> float:
    """Seconds from POST to READY of what the command line has uploaded."""
    if apps.find_project(platform, app.name) is None:
        platform.deploy(source, app.name)
    project = apps.get_project(platform, app.name)
    uploaded = platform.upload(source, project["repository"]["id"])
    body = {"commit": uploaded["commit"]}
    return apps.post(platform, f"/projects/{project['id']}/deployments", body)


def _by_hand(app: App, scratch: Path, number: int, plan: Json) -> float:
    """Seconds from the first command to the first answer."""
    folder, work = scratch / "by-hand", scratch / f"{app.name}-work"
    if app.work and (folder / app.work).exists():
        (folder / app.work).rename(work)
    _source(app, folder, number)
    if app.work and work.exists():
        (folder / app.work).parent.mkdir(parents=True)
        work.rename(folder / app.work)
    by_hand = ByHand(folder, plan, app.python)
    begun = time.monotonic()
    by_hand.build()
    by_hand.start()
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
