"""From the request to READY of what builds nothing: an unchanged redeploy, and a rollback.

Each is asked for when the deployment before it has come to rest, and both versions stand by.
A release gets the traffic only once it answers, so no deployment is quicker than its app's start:
beside the figures stands what the same app takes by hand from its start to its first answer, in
the same run. Needs the package registries.
"""

import statistics
from itertools import cycle
from pathlib import Path

from tests.e2e.platform import Json, Platform, eventually

from bench import apps
from bench.apps import App
from bench.by_hand import ByHand
from bench.report import Record, arguments, show

BUDGETS_SECONDS = {"redeploy": 2.0, "rollback": 1.0}
CASES = (apps.STATIC, apps.VITE, apps.EXPRESS, apps.NEXTJS, apps.FASTAPI)


def main() -> None:
    options = arguments(__doc__, repeat=7, cases=[app.name for app in CASES])
    records: list[Record] = []
    with apps.measuring() as (platform, scratch):
        for app in CASES:
            if app.name in options.only:
                records += _measure(app, platform, scratch / app.name, options.repeat)
    show("Request to READY without a build", "redeployments", records, as_json=options.json)


def _measure(app: App, platform: Platform, folder: Path, repeat: int) -> list[Record]:
    """Medians of all three, measured in turn after one of each that warms the caches."""
    first, second = (_deployed(app, platform, folder, number) for number in (1, 2))
    by_hand = ByHand(folder, apps.commands(platform, app.name), app.python)
    by_hand.build()
    again = f"/projects/{apps.get_project(platform, app.name)['id']}/deployments"
    seconds: dict[str, list[float]] = {"redeploy": [], "rollback": [], "start": []}
    for _, other in zip(range(repeat + 1), cycle((first, second)), strict=False):
        _settle(platform)
        seconds["rollback"].append(apps.post(platform, f"/deployments/{other['id']}/rollback", {}))
        _settle(platform)
        seconds["redeploy"].append(apps.post(platform, again, {"commit": other["commit"]}))
        _settle(platform)
        seconds["start"].append(by_hand.start())
    platform.run("destroy", app.name, "--yes")
    start = statistics.median(seconds["start"][1:])
    return [
        _record(app, kind, statistics.median(seconds[kind][1:]), start) for kind in BUDGETS_SECONDS
    ]


def _settle(platform: Platform) -> None:
    """Wait until both versions stand by, as they do soon after a deployment, and nothing of the
    release before is left."""

    def settled() -> bool:
        standby = list(platform.home.glob("standby/*/*"))
        releases = list(platform.home.glob("releases/*"))
        return len(standby) == 2 and len(releases) == 1

    eventually("both versions stand by", settled, apps.PATIENCE_SECONDS)


def _deployed(app: App, platform: Platform, folder: Path, number: int) -> Json:
    """A finished deployment of a version of its own."""
    apps.copy(app, folder)
    apps.change(folder / app.source, number)
    return platform.deploy(folder, app.name)


def _record(app: App, kind: str, seconds: float, start: float) -> Record:
    return {
        "name": app.name,
        "kind": kind,
        "start_by_hand_seconds": round(start, 3),
        "seconds": round(seconds, 3),
        "ratio": round(seconds / start, 3),
        "difference_seconds": round(seconds - start, 3),
        "within_budget": seconds <= BUDGETS_SECONDS[kind],
    }


if __name__ == "__main__":
    main()
