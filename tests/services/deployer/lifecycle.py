"""What has to hold of a project's deployments at any moment, whatever was asked for and in which
order."""

from collections import Counter
from uuid import UUID

from sqlalchemy import select
from tests.services.deployer.platform import Platform

from autodeploy.services.deployer.models import Deployment, DeploymentEvent, Environment
from autodeploy.services.deployer.states import TERMINAL, DeploymentStatus

_RUNNING = (DeploymentStatus.BUILDING, DeploymentStatus.DEPLOYING)


async def check(platform: Platform, project_id: UUID) -> dict[UUID, DeploymentStatus]:
    """The status of each deployment, if all that must hold does."""
    async with platform.resources.db.transaction() as session:
        deployments = list(
            await session.scalars(select(Deployment).where(Deployment.project_id == project_id))
        )
        environments = list(
            await session.scalars(select(Environment).where(Environment.project_id == project_id))
        )
        numbers: dict[UUID, list[int]] = {each.id: [] for each in deployments}
        events = await session.execute(
            select(DeploymentEvent.deployment_id, DeploymentEvent.sequence)
            .where(DeploymentEvent.deployment_id.in_(numbers))
            .order_by(DeploymentEvent.sequence)
        )
        for deployment_id, number in events:
            numbers[deployment_id].append(number)
    statuses = {each.id: DeploymentStatus(each.status) for each in deployments}
    running = Counter(each.environment for each in deployments if each.status in _RUNNING)
    waiting = Counter(each.environment for each in deployments if each.status == "queued")
    assert set(running.values()) | set(waiting.values()) <= {1}
    for each in deployments:
        assert numbers[each.id] == list(range(1, each.event_sequence + 1))
        assert (each.completed_at is not None) == (each.status in TERMINAL)
    for environment in environments:
        live = environment.live_deployment_id
        if live is not None:
            assert statuses[live] == DeploymentStatus.READY
            assert platform.provider.traffic(environment.number) == str(live)
            assert str(live) in platform.provider.releases()
    return statuses
