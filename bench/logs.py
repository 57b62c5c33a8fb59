"""From a log line's writing to its receipt, and what a page of a long log costs.

A platform of its own with every part embedded, each in its own process. This program is the worker:
it writes lines through the pipeline of deployments (redaction, PostgreSQL, Valkey), and the API
sends them over its WebSockets to subscribers, which are a process of their own. The baseline is
the same lines at the same rate over Valkey alone, published as they are written.

Then pages of 200 lines are read over HTTP from anywhere in a log of 50,000 lines: alone in its
table, beside millions of other lines, in the log that has these, and once it is archived.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import uvloop
from sqlalchemy import text, update
from tests.e2e.platform import Platform

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database
from autodeploy.kernel.redaction import Redactor
from autodeploy.kernel.redis import open_redis
from autodeploy.kernel.resources import Resources
from autodeploy.roles import close_resources, open_resources
from autodeploy.services.deployer.leases import Lease
from autodeploy.services.deployer.log_archiving import archive_next
from autodeploy.services.deployer.logs import LogPipeline
from autodeploy.services.deployer.models import Deployment
from autodeploy.settings import Settings
from bench.report import Record, show

BUDGET_P99_MS = 150.0
LOADS = ((2000, 5), (20, 500))  # lines a second, subscribers
SECONDS = 10.0
WARM_UP_SECONDS = 2.0
# Lines come in bursts, as from a build: 200 a second at most.
BURSTS_A_SECOND = 200
SHORT_LOG = 50_000
PAGE = 200
PAGES = 200
FENCE = 1
TEXT = "\x1b[32mcompiled\x1b[0m src/components/Checkout/PaymentMethodSelector.tsx in 12 ms"

_FILL = """
INSERT INTO deployment_logs
  (deployment_id, organization_id, sequence, timestamp, level, source, message)
SELECT id, organization_id, n, now() - interval '2 days', 'info', 'app', 'line ' || n || :text
FROM deployments, generate_series(1, :count) n WHERE id = :id
"""

Write = Callable[[str], Awaitable[None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeat", type=int, default=3, help="how often (median is shown)")
    parser.add_argument("--lines", type=int, default=5_000_000, help="stored lines at the end")
    options = parser.parse_args()
    platform = Platform()
    try:
        platform.start()
        records = uvloop.run(_measure(platform, options.repeat, options.lines))
    finally:
        platform.close()
    show("Log lines", "logs", records, as_json=options.json)


async def _measure(platform: Platform, repeat: int, lines: int) -> list[Record]:
    settings = Settings(home=platform.home, api_port=platform.api_port)
    resources = await open_resources(settings, "worker")
    owner = Database(settings.effective_database_url)
    try:
        project = UUID(platform.call("POST", "/projects", {"name": "bench"})["id"])
        made = [await _deployment(owner, project) for _ in range(3)]
        records = []
        for rate, count in LOADS:
            pairs = [
                (
                    await _through_pipeline(resources, platform, made[0], rate, count),
                    await _through_redis(settings, rate, count),
                )
                for _ in range(repeat)
            ]
            records += _delays(rate, count, pairs)
        return records + await _pages(resources, owner, platform, made[1:], lines)
    finally:
        await owner.close()
        await close_resources(resources)


async def _deployment(owner: Database, project: UUID) -> UUID:
    """One that a worker of ours runs, and that the platform's own leaves alone."""
    async with owner.transaction() as session:
        organization = await session.scalar(
            text("SELECT organization_id FROM projects WHERE id = :id"), {"id": project}
        )
        assert organization is not None
        row = Deployment(
            id=uuid4(),
            organization_id=organization,
            project_id=project,
            branch="main",
            commit_sha="0" * 40,
            provider="local",
            environment=f"bench-{uuid4()}",
            status="error",
            completed_at=now() - timedelta(days=1),
        )
        session.add(row)
        return row.id


async def _through_pipeline(
    resources: Resources, platform: Platform, deployment: UUID, rate: int, count: int
) -> list[float]:
    async with resources.db.transaction() as session:
        begun = await session.scalar(
            update(Deployment)
            .where(Deployment.id == deployment)
            .values(status="building", fence=FENCE, lease_expires_at=now() + timedelta(seconds=120))
            .returning(Deployment.log_sequence)
        )
    path = f"/api/v1/deployments/{deployment}/logs/stream?after={begun}"
    greeting = (
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {_token(platform)}\r\n\r\n"
    )
    log = LogPipeline(
        resources, Lease(deployment, FENCE, 0), Redactor(["hunter22", "s3cr3t-value"])
    )

    async def write(line: str) -> None:
        await log.write("info", "build", line)

    address = ["127.0.0.1", platform.api_port]
    async with _subscribers("websocket", count, address, greeting) as delays:
        await _write_lines(write, rate)
        await log.flush()
    await log.close()
    return delays


async def _through_redis(settings: Settings, rate: int, count: int) -> list[float]:
    redis = open_redis(settings.effective_redis_url, retries=1)

    async def write(line: str) -> None:
        await redis.publish("bench", json.dumps({"type": "deployment.log", "message": line}))

    greeting = "SUBSCRIBE bench\r\n"
    async with _subscribers("redis", count, str(settings.valkey_socket), greeting) as delays:
        await _write_lines(write, rate)
    await redis.aclose()
    return delays


async def _write_lines(write: Write, rate: int) -> None:
    """So many lines a second, evenly, whatever the writing takes."""
    bursts = min(rate, BURSTS_A_SECOND)
    begun = time.monotonic()
    for burst in range(int(SECONDS * bursts)):
        await asyncio.sleep(begun + burst / bursts - time.monotonic())
        for number in range(burst * rate // bursts, (burst + 1) * rate // bursts):
            await write(f"{number} {time.monotonic_ns()} {TEXT}")


@asynccontextmanager
async def _subscribers(
    kind: str, count: int, address: list[object] | str, greeting: str
) -> AsyncIterator[list[float]]:
    """The delays of all lines, in milliseconds, filled when the block ends. Each subscriber has to
    have got each line once and in order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.subscribers",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**28,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    wanted = {"count": count, "address": address, "greeting": greeting, "kind": kind}
    process.stdin.write(json.dumps(wanted).encode() + b"\n")
    assert await process.stdout.readline() == b"subscribed\n"
    delays: list[float] = []
    # The API has answered, and subscribes to the bus only then.
    await asyncio.sleep(WARM_UP_SECONDS)
    yield delays
    process.stdin.write(b"\n")
    for received in json.loads(await process.stdout.readline()):
        numbers = [number for number, _ in received]
        assert numbers == list(range(len(numbers))), "a line came twice, late or not at all"
        delays += [delay for _, delay in received]
    await process.wait()


def _delays(rate: int, count: int, pairs: list[tuple[list[float], list[float]]]) -> list[Record]:
    records: list[Record] = []
    for name, sides in (
        ("through the platform", [pair[0] for pair in pairs]),
        ("through Valkey alone", [pair[1] for pair in pairs]),
    ):
        expected = int(SECONDS * rate) * count
        missing = [expected - len(side) for side in sides]
        assert not any(missing), f"{missing} of {expected} lines are missing, {name}"
        record: Record = {
            "what": f"{rate} lines a second to {count} subscribers, {name}",
            "p50_ms": round(statistics.median(statistics.median(side) for side in sides), 2),
            "p99_ms": round(statistics.median(_p99(side) for side in sides), 2),
        }
        if name == "through the platform":
            record["within_budget"] = record["p99_ms"] <= BUDGET_P99_MS  # type: ignore[operator]
        records.append(record)
    return records


async def _pages(
    resources: Resources, owner: Database, platform: Platform, logs: list[UUID], lines: int
) -> list[Record]:
    short, long = logs
    headers = {"Authorization": f"Bearer {_token(platform)}"}
    url = f"http://127.0.0.1:{platform.api_port}/api/v1/deployments"
    records: list[Record] = []
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:

        async def measure(what: str, log: UUID, length: int) -> None:
            seconds = [await _page(client, f"{url}/{log}/logs", length) for _ in range(PAGES)]
            records.append(
                {
                    "what": f"a page of {PAGE} lines, {what}",
                    "p50_ms": round(statistics.median(seconds) * 1000, 2),
                    "p99_ms": round(_p99(seconds) * 1000, 2),
                }
            )

        await _fill(owner, short, SHORT_LOG)
        await measure(f"{SHORT_LOG} lines stored", short, SHORT_LOG)
        await _fill(owner, long, lines - SHORT_LOG)
        await measure(f"{lines} lines stored", short, SHORT_LOG)
        await measure(f"{lines} lines stored, of the longest log", long, lines - SHORT_LOG)
        while await archive_next(resources, short, now()):
            pass
        await measure("archived", short, SHORT_LOG)
    return records


async def _page(client: httpx.AsyncClient, url: str, length: int) -> float:
    after = random.randrange(length - PAGE)
    begun = time.perf_counter()
    answer = await client.get(url, params={"after": after, "limit": PAGE})
    seconds = time.perf_counter() - begun
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert answer.json()["nextCursor"] == str(after + PAGE)
    return seconds


async def _fill(owner: Database, deployment: UUID, count: int) -> None:
    async with owner.transaction() as session:
        await session.execute(text(_FILL), {"id": deployment, "count": count, "text": TEXT})
        await session.execute(
            update(Deployment).where(Deployment.id == deployment).values(log_sequence=count)
        )
    async with owner.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE deployment_logs"))


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def _token(platform: Platform) -> str:
    stored = json.loads((Path(platform.folder) / "config/autodeploy/credentials.json").read_text())
    return str(stored["tokens"][stored["current"]])


if __name__ == "__main__":
    main()
