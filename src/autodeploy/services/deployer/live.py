"""What is live in an environment, for a caller who asks its provider about it."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import NotFound
from autodeploy.providers.base import Release
from autodeploy.services.deployer import store
from autodeploy.services.deployer.errors import NothingLive
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.releases import find_release


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
    release = await find_release(session, deployment_id)
    if release is None:
        raise NothingLive(f"Nothing is known of what is live in {name}.")
    return Live(environment, await session.get_one(Deployment, deployment_id), release)
