"""What GitHub is to be told, as it is noted with the change that it is about."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.pushes.models import DeploymentReport, PushToDeploy
from autodeploy.services.deployer.states import DeploymentStatus

#: What is told last of a deployment whose environment was taken down.
RETIRED = "retired"


async def owe_report(session: AsyncSession, deployment: Deployment) -> None:
    """GitHub is told of a deployment to its end, where pushes deploy the project."""
    followed = select(literal(deployment.id), PushToDeploy.organization_id).where(
        PushToDeploy.project_id == deployment.project_id
    )
    await session.execute(
        insert(DeploymentReport).from_select(["deployment_id", "organization_id"], followed)
    )


async def owe_retraction(session: AsyncSession, deployment_id: UUID, moment: datetime) -> None:
    """GitHub is told that a deployment was rolled back, after it was told that it is live."""
    await session.execute(
        update(DeploymentReport)
        .where(DeploymentReport.deployment_id == deployment_id)
        .values(settled=False, due_at=moment)
    )


async def owe_retirement(
    session: AsyncSession, project_id: UUID, environment: str, moment: datetime
) -> None:
    """GitHub is told that what was deployed to an environment is no longer there."""
    deployed = select(Deployment.id).where(
        Deployment.project_id == project_id, Deployment.environment == environment
    )
    await session.execute(
        update(DeploymentReport)
        .where(
            DeploymentReport.deployment_id.in_(deployed),
            ~DeploymentReport.settled | (DeploymentReport.told == DeploymentStatus.READY),
        )
        .values(retired=True, settled=False, due_at=moment)
    )
