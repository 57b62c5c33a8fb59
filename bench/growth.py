"""What reads, creations and the choice of what to run next cost when many deployments are stored.

``bench/stage.py`` says what is the platform's own; no worker runs. At each number of ``--stored``,
spread over 50 projects, every action is repeated while 200 deployments wait. Callers act with the
API's role of the database, which sees their own rows alone. The baseline is a SELECT of
nothing in such a transaction.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import func, select, text

from autodeploy.kernel.log import configure_logging
from autodeploy.services.deployer import history
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.holdings import service as holdings
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.schemas import ProjectView
from bench.report import Record, show
from bench.stage import Stage, make_projects, open_stage, percentile

PROJECTS, ENVIRONMENTS = 50, 20
STORED = (10_000, 1_000_000)
WAITING = 200
REPEAT = 200
_PAGE = 50

Action = Callable[[], Awaitable[object]]

_FILL = """
WITH one AS (
  INSERT INTO deployments (organization_id, project_id, environment, branch, commit_sha, provider,
    status, created_at, promoted_at)
  SELECT organization_id, id, 'stage-' || n % :environments, 'main', repeat('0', 40), 'local',
    'ready', now() - n * interval '1 minute', now() - n * interval '1 minute'
  FROM projects, generate_series(1, :each) n
  RETURNING id, organization_id
)
INSERT INTO deployment_steps (organization_id, deployment_id, position, name, status,
  estimated_seconds, estimated_seconds_p90, actual_seconds)
SELECT organization_id, id, 0, 'build_application', 'succeeded', 1, 2, 1 FROM one
"""
# Queued a moment ago, as far as anybody knows: what is due is looked at, and not queued again.
_WAIT = """
UPDATE deployments SET dispatch = 10, dispatched_at = clock_timestamp() WHERE status = 'queued'
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--stored", type=int, nargs="+", default=STORED, help="how many deployments are stored"
    )
    parser.add_argument("--repeat", type=int, default=REPEAT, help="how often each is done")
    options = parser.parse_args()
    configure_logging("error", json=False)
    records = asyncio.run(_measure(options.stored, options.repeat))
    show("With so many deployments stored", "growth", records, as_json=options.json)


async def _measure(stored: Sequence[int], repeat: int) -> list[Record]:
    async with open_stage() as stage:
        made = await make_projects(stage, PROJECTS)
        for index in range(WAITING):
            await stage.platform.deploy(
                made[index % PROJECTS], environment=f"wait-{index // PROJECTS}"
            )
        records: list[Record] = []
        for size in sorted(stored):
            await _fill(stage, size)
            for name, act in _actions(stage, made).items():
                await _repeat(stage, act, repeat // 10)  # until everything is in memory
                taken = await _repeat(stage, act, repeat)
                records.append(
                    {
                        "name": name,
                        "stored": size,
                        "p50_ms": round(percentile(taken, 0.5), 2),
                        "p99_ms": round(percentile(taken, 0.99), 2),
                    }
                )
        return records


async def _fill(stage: Stage, size: int) -> None:
    """Have so many deployments stored, evenly over the projects."""
    async with stage.owner.transaction() as session:
        there = await session.scalar(select(func.count()).select_from(Deployment)) or 0
        each = max(0, size - there) // PROJECTS
        await session.execute(text(_FILL), {"each": each, "environments": ENVIRONMENTS})
        await session.execute(text("ANALYZE"))
    async with stage.owner.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM"))


def _actions(stage: Stage, made: Sequence[ProjectView]) -> dict[str, Action]:
    resources, caller = stage.platform.resources, stage.platform.principal
    choice = random.Random(2)

    async def select_one() -> None:
        async with resources.db.transaction() as session:
            await session.execute(text("SELECT 1"))

    async def create() -> None:
        await stage.platform.deploy(choice.choice(made), environment="wait-0")

    return {
        "SELECT 1, as the caller": select_one,
        "a page of a project's deployments": lambda: history.list_deployments(
            resources, caller, choice.choice(made).id, limit=_PAGE
        ),
        "a page of what is held": lambda: holdings.list_held(
            resources, caller, project_id=choice.choice(made).id, kind=None, state=None,
            limit=_PAGE, cursor=None,
        ),
        f"what to run next, of {WAITING} that wait": lambda: dispatch_due(stage.worker),
        "a deployment made": create,
    }  # fmt: skip


async def _repeat(stage: Stage, act: Action, count: int) -> list[float]:
    async with stage.owner.transaction() as session:
        await session.execute(text(_WAIT))
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        await act()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


if __name__ == "__main__":
    main()
