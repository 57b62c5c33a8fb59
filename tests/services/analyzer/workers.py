"""A worker of the analysis queue for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from autodeploy.kernel.queue import QueueName, QueueWorker
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.jobs import run_analysis


@asynccontextmanager
async def working(
    resources: Resources, redis_url: str, providers: Registry | None = None
) -> AsyncIterator[None]:
    """A worker of the analysis queue; without ``providers`` it knows none."""
    known = providers or Registry([])
    worker = QueueWorker(
        redis_url, QueueName.ANALYSIS, lambda _, payload: run_analysis(resources, known, payload)
    )
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        await worker.close(5)
        await running
