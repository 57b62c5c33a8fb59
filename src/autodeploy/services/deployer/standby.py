"""What is done ahead of a rollback or an unchanged redeploy, so that it is quick when asked for."""

from uuid import UUID

import structlog
from sqlalchemy import select

from autodeploy.services.deployer.context import app_of, spec_of
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.hosting import deploys_for
from autodeploy.services.deployer.models import Deployment, Environment, Project

_log = structlog.get_logger(__name__)


async def have_standing_by(engine: Engine, deployment_id: UUID) -> None:
    """Of a deployment that is live: have at hand what it replaced, and itself.

    A courtesy after the deployment, which has ended: whatever hinders it is only told.
    """
    try:
        found = await _find_wanted(engine, deployment_id)
        if found is not None:
            environment, wanted = found
            live = wanted[-1]
            provider = await deploys_for(engine, live.provider, live.connection_id)
            artifacts = {one.artifact_key: spec_of(one) for one in wanted if one.artifact_key}
            try:
                await provider.prepare(app_of(environment), artifacts)
            finally:
                # Deleted meanwhile, it may have been taken down before this was made; deleted
                # from now on, it is taken down with this.
                if await _is_deleted(engine, environment.id):
                    await provider.prepare(app_of(environment), {})
    except Exception as error:
        _log.warning(
            "standby.not_prepared", deployment_id=str(deployment_id), error=type(error).__name__
        )


async def _is_deleted(engine: Engine, environment_id: UUID) -> bool:
    async with engine.resources.db.transaction() as session:
        kept = await session.scalar(
            select(Environment.id)
            .join(Project, Project.id == Environment.project_id)
            .where(
                Environment.id == environment_id,
                Environment.deletion_requested_at.is_(None),
                Project.deletion_requested_at.is_(None),
            )
        )
    return kept is None


async def _find_wanted(
    engine: Engine, deployment_id: UUID
) -> tuple[Environment, list[Deployment]] | None:
    """Where this deployment is live, what was live there before it with another artifact of the
    same provider, and itself; None if it is not live.

    One with the same artifact is not what anybody would want back.
    """
    async with engine.resources.db.transaction() as session:
        environment = await session.scalar(
            select(Environment).where(Environment.live_deployment_id == deployment_id)
        )
        if environment is None:
            return None
        live = await session.get_one(Deployment, deployment_id)
        replaced = await session.scalars(
            select(Deployment)
            .where(
                Deployment.project_id == environment.project_id,
                Deployment.environment == environment.name,
                Deployment.provider == live.provider,
                Deployment.artifact_key != live.artifact_key,
                Deployment.promoted_at.is_not(None),
            )
            .order_by(Deployment.promoted_at.desc())
            .limit(1)
        )
    return environment, [*replaced, live]
