"""A thousand deployments at once, on two workers of the platform.

``bench/stage.py`` says what is the platform's own. In turn:

- jobs that do nothing, of the queue's library alone, on two processes: the baseline;
- ``--deployments`` over 50 projects of 20 environments, all queued before a worker runs, project
  after project: whether any is lost or run twice, how many end in a second, and how far each
  project is when half are done (in the order of their creation, half of them would be done);
- rollbacks, one at a time while nothing else is to be done: from the call, and from its row, to a
  worker's lease; before these deployments, with one live app in each project, and after them, with
  as many as there were deployments, each of which a worker looks after all the time.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bullmq import Queue, Worker
from sqlalchemy import select

from autodeploy.kernel.log import configure_logging
from autodeploy.kernel.redis import open_redis
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.settings import Settings
from bench.report import Record, show
from bench.stage import (
    WORKERS,
    CountingProvider,
    Stage,
    machine_of,
    make_projects,
    open_stage,
    percentile,
    processes,
    until_done,
    until_idle,
    working,
)

PROJECTS, ENVIRONMENTS = 50, 20
DEPLOYMENTS = PROJECTS * ENVIRONMENTS
PICKUPS = 200
BUDGET_PICKUP_MS = 100
_BASELINE = "bench"
_CONCURRENCY = 10
_PATIENCE_SECONDS = 900.0


@dataclass(frozen=True)
class Outcome:
    """How a deployment went, by the clock of the database."""

    id: UUID
    project_id: UUID
    status: str
    fence: int
    recoveries: int
    started_at: datetime | None
    completed_at: datetime | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--deployments", type=int, default=DEPLOYMENTS, help="how many at once")
    parser.add_argument("--pickups", type=int, default=PICKUPS, help="how many rollbacks")
    options = parser.parse_args()
    configure_logging("error", json=False)
    records = asyncio.run(_measure(options.deployments, options.pickups))
    show("Deployments at once, and a full table", "load", records, as_json=options.json)


async def _measure(count: int, pickups: int) -> list[Record]:
    async with open_stage() as stage:
        records = [await _baseline(stage.settings, count)]
        baseline = float(records[0]["per_second"])
        projects = await make_projects(stage, PROJECTS)
        made = await _queue(stage, projects, PROJECTS)
        async with working(stage.settings):
            await until_done(stage, made)
            records += await _pick_ups(stage, made, pickups)
        made = await _queue(stage, projects, count)
        async with working(stage.settings):
            await until_done(stage, made)
            records += await _judge(stage, made, baseline)
            records += await _pick_ups(stage, made, pickups)
        return records


async def _baseline(settings: Settings, count: int) -> Record:
    """As many jobs that do nothing, all queued before a worker runs."""
    redis = open_redis(settings.effective_redis_url, retries=3)
    queue = Queue(_BASELINE, {"connection": redis})
    for number in range(count):
        await queue.add("nothing", {"number": number}, {})
    async with processes(_do_nothing, settings):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while await queue.getCompletedCount() < count:
                await asyncio.sleep(0.05)
        jobs = await queue.getJobs(["completed"], 0, count)
    await redis.aclose()
    seconds = (max(job.finishedOn for job in jobs) - min(job.processedOn for job in jobs)) / 1000
    return {
        "name": "jobs that do nothing, of the library alone",
        "count": len(jobs),
        "seconds": round(seconds, 2),
        "per_second": round(count / seconds, 1),
    }


def _do_nothing(settings: Settings) -> None:
    async def nothing(_job: object, _token: str) -> None: ...

    async def work() -> None:
        redis = open_redis(settings.effective_redis_url, retries=3, max_connections=50)
        options = {"connection": redis, "concurrency": _CONCURRENCY // WORKERS, "autorun": False}
        await Worker(_BASELINE, nothing, options).run()

    asyncio.run(work())


async def _queue(stage: Stage, projects: Sequence[ProjectView], count: int) -> list[UUID]:
    """Deployments of one project after the other: a queue without turns would serve them so."""
    per_project = -(-count // len(projects))
    made: list[UUID] = []
    for project in projects:
        for index in range(min(per_project, count - len(made))):
            environment = f"stage-{index % ENVIRONMENTS}"
            deployed = await stage.platform.deploy(project, environment=environment, build="always")
            made.append(deployed.id)
    return made


async def _judge(stage: Stage, made: Sequence[UUID], baseline: float) -> list[Record]:
    outcomes = await _outcomes(stage, made)
    ended = sorted(one.completed_at for one in outcomes if one.completed_at)
    begun = min(one.started_at for one in outcomes if one.started_at)
    seconds = (ended[-1] - begun).total_seconds()
    noted = CountingProvider(machine_of(stage.settings), stage.worker.objects).noted()
    half = Counter(
        one.project_id
        for one in outcomes
        if one.completed_at and one.completed_at <= ended[len(ended) // 2]
    )
    shares = sorted(half[project] for project in {one.project_id for one in outcomes})
    return [
        {
            "name": "deployments at once",
            "count": len(outcomes),
            "ready": sum(one.status == "ready" for one in outcomes),
            "lost": len(made) - len(ended),
            "run_twice": sum(
                max(noted[f"build {each}"], noted[f"deploy {each}"]) > 1 for each in made
            ),
            "resumed": sum(one.fence > 1 or one.recoveries > 0 for one in outcomes),
            "seconds": round(seconds, 2),
            "per_second": round(len(ended) / seconds, 2),
            "of_baseline": round(len(ended) / seconds / baseline, 3),
        },
        {
            "name": "of each project's deployments, done when half of all are",
            "projects": len(shares),
            "fewest": shares[0],
            "median": statistics.median(shares),
            "most": shares[-1],
            "of": round(len(made) / len(shares), 1),
        },
    ]


async def _outcomes(stage: Stage, made: Sequence[UUID]) -> list[Outcome]:
    columns = [getattr(Deployment, name) for name in Outcome.__dataclass_fields__]
    async with stage.owner.transaction() as session:
        rows = await session.execute(select(*columns).where(Deployment.id.in_(made)))
        return [Outcome(*row) for row in rows]


async def _pick_ups(stage: Stage, made: Sequence[UUID], count: int) -> list[Record]:
    """From the call that asks for a rollback, and from the row that it writes, to the lease of the
    worker that has it."""
    platform = stage.platform
    since_call, since_row = [], []
    for source in random.Random(1).choices(made, k=count):
        await until_idle(stage)
        asked = time.time()
        back = await deployments.roll_back(platform.resources, platform.principal, source)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (row := await _row(stage, back.id)).completed_at is None:
                await asyncio.sleep(0.02)
        assert row.started_at is not None
        assert row.status == "ready", row.error_code
        since_call.append((row.started_at.timestamp() - asked) * 1000)
        since_row.append((row.started_at - row.created_at).total_seconds() * 1000)
    return [
        {
            "name": f"rollback on an idle platform, from {beginning} to a worker",
            "live_apps": len(made),
            "count": count,
            "p50_ms": round(percentile(waits, 0.5), 1),
            "p99_ms": round(percentile(waits, 0.99), 1),
            "worst_ms": round(max(waits), 1),
            "within_100_ms": percentile(waits, 0.99) <= BUDGET_PICKUP_MS,
        }
        for beginning, waits in (("the call", since_call), ("the row", since_row))
    ]


async def _row(stage: Stage, deployment_id: UUID) -> Deployment:
    async with stage.owner.transaction() as session:
        return await session.get_one(Deployment, deployment_id)


if __name__ == "__main__":
    main()
