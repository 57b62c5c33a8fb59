"""How long steps take: from this project's own deployments, before that the usual."""

from dataclasses import dataclass
from math import ceil
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.services.deployer.models import Deployment, DeploymentStep
from autodeploy.services.deployer.states import StepName, StepStatus


@dataclass(frozen=True)
class Estimate:
    """Whole seconds: half of the runs take no longer than ``p50``, nine in ten than ``p90``."""

    p50: int
    p90: int


USUAL: dict[StepName, Estimate] = {
    StepName.ANALYZE_REPOSITORY: Estimate(30, 60),
    StepName.PROVISION_DATABASE: Estimate(90, 180),
    StepName.BUILD_APPLICATION: Estimate(120, 360),
    StepName.DEPLOY_TO_PROVIDER: Estimate(60, 180),
    StepName.VERIFY_HEALTH: Estimate(10, 60),
}
_HISTORY = 20
# Of fewer runs the slowest says little of what one in ten takes: then they spread as usual.
_ENOUGH_FOR_P90 = 10


async def estimate_steps(session: AsyncSession, project_id: UUID) -> dict[StepName, Estimate]:
    """The estimate of each step, from the project's latest deployments."""
    latest = (
        select(Deployment.id)
        .where(Deployment.project_id == project_id)
        .order_by(Deployment.created_at.desc())
        .limit(_HISTORY)
    )
    seconds = DeploymentStep.actual_seconds
    rows = await session.execute(
        select(
            DeploymentStep.name,
            func.count(),
            func.percentile_cont(0.5).within_group(seconds),
            func.percentile_cont(0.9).within_group(seconds),
        )
        .where(
            DeploymentStep.deployment_id.in_(latest),
            DeploymentStep.status == StepStatus.SUCCEEDED,
            seconds.is_not(None),
        )
        .group_by(DeploymentStep.name)
    )
    seen = {name: _estimate(USUAL[name], *figures) for name, *figures in rows}
    return {name: seen.get(name, usual) for name, usual in USUAL.items()}


def _estimate(usual: Estimate, runs: int, p50: float, p90: float) -> Estimate:
    if runs < _ENOUGH_FOR_P90:
        p90 = max(p90, p50 * usual.p90 / usual.p50)
    return Estimate(max(1, ceil(p50)), max(1, ceil(p90)))
