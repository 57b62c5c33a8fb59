"""Builds of earlier deployments: which of them serves another one."""

from sqlalchemy import and_, select, true

from autodeploy.services.deployer.context import StepContext
from autodeploy.services.deployer.deployment_schemas import BuildChoice
from autodeploy.services.deployer.errors import NotBuilt
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.placements import Placement


async def find_artifact(context: StepContext, fingerprint: str, choice: BuildChoice) -> str | None:
    """The newest artifact of this project that serves, if it is still stored.

    A build at a provider elsewhere sets the app of its environment up there: it is none for another
    environment, and where the plan or region is to be another one, there is to be a new one. Raises
    ``NotBuilt`` where that is not wanted.
    """
    if choice is BuildChoice.ALWAYS:
        return None
    is_hosted = context.engine.providers.is_hosted(context.deployment.provider)
    if is_hosted and await _is_placed_anew(context):
        if choice is BuildChoice.NEVER:
            raise NotBuilt(
                "The app is to be of another plan or in another region, which a build sets."
            )
        return None
    wanted = context.deployment
    in_reach = Deployment.environment == wanted.environment if is_hosted else true()
    same_inputs = and_(Deployment.build_fingerprint == fingerprint, in_reach)
    whatever_the_variables = and_(
        Deployment.commit_sha == wanted.commit_sha,
        Deployment.environment == wanted.environment,
        Deployment.provider == wanted.provider,
        Deployment.plan == wanted.plan,
    )
    async with context.engine.resources.db.transaction() as session:
        key = await session.scalar(
            select(Deployment.artifact_key)
            .where(
                Deployment.project_id == context.project.id,
                whatever_the_variables if choice is BuildChoice.NEVER else same_inputs,
                Deployment.artifact_key.is_not(None),
            )
            .order_by(Deployment.created_at.desc())
            .limit(1)
        )
    return key if key is not None and await context.provider.has_build(key) else None


async def _is_placed_anew(context: StepContext) -> bool:
    """Whether the last deployment that ran here was of another plan or in another region."""
    wanted = context.deployment
    async with context.engine.resources.db.transaction() as session:
        before = await session.scalar(
            select(Deployment.configuration)
            .where(
                Deployment.project_id == context.project.id,
                Deployment.environment == wanted.environment,
                Deployment.provider == wanted.provider,
                Deployment.id != wanted.id,
                Deployment.kind == "deploy",
                Deployment.started_at.is_not(None),
            )
            .order_by(Deployment.created_at.desc())
            .limit(1)
        )
    placement = Placement.of(wanted.configuration)
    return before is not None and Placement.of(before) != placement
