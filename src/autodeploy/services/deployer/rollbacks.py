"""What is done ahead of a rollback, so that it is quick when it is asked for."""

from uuid import UUID

import structlog
from sqlalchemy import select

from autodeploy.services.deployer.context import app_of, spec_of
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Environment

_log = structlog.get_logger(__name__)


async def prepare_rollback(engine: Engine, deployment_id: UUID) -> None:
    """Of a deployment that is live: have at hand what it replaced, should that be wanted back.

    A courtesy after the deployment, which has ended: whatever hinders it is only told.
    """
    try:
        found = await _find_replaced(engine, deployment_id)
        if found is not None:
            replaced, environment = found
            provider = engine.providers.deploys(replaced.provider)
            key = replaced.artifact_key or ""
            await provider.prepare(app_of(environment), key, spec_of(replaced))
    except Exception as error:
        _log.warning(
            "rollback.not_prepared", deployment_id=str(deployment_id), error=type(error).__name__
        )


async def _find_replaced(
    engine: Engine, deployment_id: UUID
) -> tuple[Deployment, Environment] | None:
    """The last that was live with another artifact, and where, if this deployment is live.

    One with the same artifact is not what anybody would want back.
    """
    async with engine.resources.db.transaction() as session:
        environment = await session.scalar(
            select(Environment).where(Environment.live_deployment_id == deployment_id)
        )
        if environment is None:
            return None
        live = await session.get_one(Deployment, deployment_id)
        replaced = await session.scalar(
            select(Deployment)
            .where(
                Deployment.project_id == environment.project_id,
                Deployment.environment == environment.name,
                Deployment.artifact_key != live.artifact_key,
                Deployment.promoted_at.is_not(None),
            )
            .order_by(Deployment.promoted_at.desc())
            .limit(1)
        )
    return (replaced, environment) if replaced is not None else None
