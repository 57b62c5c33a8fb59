"""What is live in an environment, for a caller who asks its provider about it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import NotFound
from autodeploy.providers.base import Release
from autodeploy.services.deployer import store
from autodeploy.services.deployer.errors import NothingLive
from autodeploy.services.deployer.models import Deployment, DeploymentStep, Environment, Project
from autodeploy.services.deployer.releases import release_of
from autodeploy.services.deployer.states import StepName


@dataclass(frozen=True)
class Live:
    """``release`` is as its deployment journaled it."""

    environment: Environment
    deployment: Deployment
    release: Release


async def get_live(session: AsyncSession, project: Project, name: str) -> Live:
    """What is live in an environment of a project. Raises ``NotFound``, ``NothingLive``."""
    environment = await store.find_environment(session, project.id, name)
    if environment is None or environment.deletion_requested_at is not None:
        raise NotFound(
            f"{project.name} has no environment {name}.",
            remedy="`autodeploy environments list` shows those that it has.",
        )
    deployment_id = environment.live_deployment_id
    if deployment_id is None:
        raise NothingLive(f"Nothing is live in {name}.")
    made = await session.scalar(
        select(DeploymentStep.resources).where(
            DeploymentStep.deployment_id == deployment_id,
            DeploymentStep.name == StepName.DEPLOY_TO_PROVIDER,
        )
    )
    release = release_of(deployment_id, made or {})
    if release is None:
        raise NothingLive(f"Nothing is known of what is live in {name}.")
    return Live(environment, await session.get_one(Deployment, deployment_id), release)
