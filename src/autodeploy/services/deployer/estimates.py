"""How long steps take: the median of this project's own, before that the usual."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.services.deployer.models import Deployment, DeploymentStep
from autodeploy.services.deployer.states import StepName, StepStatus

USUAL_SECONDS: dict[StepName, int] = {
    StepName.ANALYZE_REPOSITORY: 30,
    StepName.PROVISION_DATABASE: 90,
    StepName.BUILD_APPLICATION: 120,
    StepName.DEPLOY_TO_PROVIDER: 60,
    StepName.VERIFY_HEALTH: 10,
}
_HISTORY = 20


async def estimate_steps(session: AsyncSession, project_id: UUID) -> dict[StepName, int]:
    """Estimated whole seconds of each step, from the project's latest deployments."""
    latest = (
        select(Deployment.id)
        .where(Deployment.project_id == project_id)
        .order_by(Deployment.created_at.desc())
        .limit(_HISTORY)
    )
    median = func.percentile_cont(0.5).within_group(DeploymentStep.actual_seconds)
    rows = await session.execute(
        select(DeploymentStep.name, func.ceil(median))
        .where(
            DeploymentStep.deployment_id.in_(latest),
            DeploymentStep.status == StepStatus.SUCCEEDED,
            DeploymentStep.actual_seconds.is_not(None),
        )
        .group_by(DeploymentStep.name)
    )
    seen = {name: max(1, int(seconds)) for name, seconds in rows}
    return {name: seen.get(name, usual) for name, usual in USUAL_SECONDS.items()}
