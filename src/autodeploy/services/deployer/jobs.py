"""The handler of the ``deployment`` queue, and the listener that stops running deployments."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.announcements import CANCEL_CHANNEL
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.runner import Runner


async def handle_deployment(runner: Runner, payload: Mapping[str, Any]) -> None:
    """Run the deployment that the job names, if it is due; a repeated job does nothing."""
    await runner.run(UUID(payload["deploymentId"]))


async def listen_for_cancellations(resources: Resources, runner: Runner) -> None:
    """Stop the deployments of this worker whose cancellation is asked for. Runs for ever."""
    async with resources.events.subscribe(CANCEL_CHANNEL) as messages:
        async for message in messages:
            if message["type"] == "deployment.cancel":
                runner.cancel(UUID(message["deploymentId"]))
            else:  # messages were lost
                for deployment_id in await _list_cancelled(resources, runner.running):
                    runner.cancel(deployment_id)


async def _list_cancelled(resources: Resources, running: frozenset[UUID]) -> list[UUID]:
    async with resources.db.transaction() as session:
        rows = await session.scalars(
            select(Deployment.id).where(
                Deployment.id.in_(running), Deployment.cancel_requested_at.is_not(None)
            )
        )
        return list(rows)
