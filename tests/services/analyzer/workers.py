"""A worker of the analysis queue for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from autodeploy.kernel.queue import QueueName, QueueWorker
from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer.jobs import run_analysis


@asynccontextmanager
async def working(resources: Resources, redis_url: str) -> AsyncIterator[None]:
    """A worker of the analysis queue."""
    worker = QueueWorker(
        redis_url, QueueName.ANALYSIS, lambda _, payload: run_analysis(resources, payload)
    )
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        await worker.close(5)
        await running
