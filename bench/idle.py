"""What a worker takes of a core while nobody asks for anything, without and with live apps.

``bench/stage.py`` says what is the platform's own. A worker looks for something to do over and
over, and after live apps once a second each. Beside it, as the baseline: a process that does
nothing but ask PostgreSQL ``SELECT 1`` as often as a worker asks whether there is anything to do.
"""

import argparse
import asyncio

import asyncpg
import psutil
import uvloop

from autodeploy.kernel.log import configure_logging
from autodeploy.settings import Settings
from bench.report import Record, show
from bench.stage import Stage, make_projects, open_stage, processes, until_done, until_idle, work

APPS = 100
SECONDS = 30.0
BUDGET_PERCENT = 2.0
#: About as often a worker asks whether there is anything to do.
_QUESTIONS_A_SECOND = 13
# From its start, until what it does only once is over.
_WARM_UP_SECONDS = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--apps", type=int, default=APPS, help="how many are live at the end")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each is watched")
    options = parser.parse_args()
    configure_logging("error", json=False)
    records = uvloop.run(_measure(options.apps, options.seconds))
    show("A worker without work", "idle", records, as_json=options.json)


async def _measure(apps: int, seconds: float) -> list[Record]:
    async with open_stage() as stage:
        async with processes(_ask_plainly, stage.settings, count=1) as [process]:
            baseline = await _watch(process.pid, seconds)
        async with processes(work, stage.settings, count=1) as [process]:
            idle = await _watch(process.pid, seconds)
            await _deploy(stage, apps)
            busy = await _watch(process.pid, seconds)
        return [
            {"name": f"{_QUESTIONS_A_SECOND} SELECT 1 a second", "percent": baseline},
            {
                "name": "a worker without live apps",
                "percent": idle,
                "budget": BUDGET_PERCENT,
                "within": idle <= BUDGET_PERCENT,
            },
            {"name": f"a worker with {apps} live apps", "percent": busy},
        ]


def _ask_plainly(settings: Settings) -> None:
    async def ask() -> None:
        connection = await asyncpg.connect(settings.effective_database_url)
        while True:
            await connection.fetchrow("SELECT 1")
            await asyncio.sleep(1 / _QUESTIONS_A_SECOND)

    uvloop.run(ask())


async def _deploy(stage: Stage, apps: int) -> None:
    made = [await stage.platform.deploy(each) for each in await make_projects(stage, apps)]
    await until_done(stage, [each.id for each in made])
    await until_idle(stage)


async def _watch(pid: int | None, seconds: float) -> float:
    """What a process takes, in percent of a core."""
    await asyncio.sleep(_WARM_UP_SECONDS)
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(seconds)
    return round(100 * (sum(process.cpu_times()[:2]) - before) / seconds, 2)


if __name__ == "__main__":
    main()
