"""Builds of earlier deployments: which of them serves another one."""

from dataclasses import dataclass

from sqlalchemy import and_, select, true

from autodeploy.services.deployer.context import StepContext
from autodeploy.services.deployer.deployment_schemas import BuildChoice
from autodeploy.services.deployer.errors import NotBuilt
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.placements import Placement


@dataclass(frozen=True)
class Build:
    """``key`` is that of the artifact; ``variables_version`` that of the variables that it was
    made with, or of equal ones."""

    key: str
    fingerprint: str | None
    variables_version: int | None


async def find_build(context: StepContext, fingerprint: str, choice: BuildChoice) -> Build | None:
    """The newest build of this project that serves, if it is still stored.

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
        row = (
            await session.execute(
                select(
                    Deployment.artifact_key,
                    Deployment.build_fingerprint,
                    Deployment.variables_version,
                )
                .where(
                    Deployment.project_id == context.project.id,
                    whatever_the_variables if choice is BuildChoice.NEVER else same_inputs,
                    Deployment.artifact_key.is_not(None),
                )
                .order_by(Deployment.created_at.desc())
                .limit(1)
            )
        ).first()
    if row is None or not await context.provider.has_build(row.artifact_key):
        return None
    is_same = row.build_fingerprint == fingerprint
    version = context.variables.version if is_same else row.variables_version
    return Build(row.artifact_key, row.build_fingerprint, version)


async def find_variables_version(context: StepContext) -> int | None:
    """The version of the variables that the deployment runs with. Where a build fixes them it is
    that of the build: None where it is not known."""
    deployment = context.deployment
    if not context.has_fixed_variables:
        return context.variables.version
    if deployment.variables_version is not None or deployment.source_deployment_id is None:
        return deployment.variables_version
    async with context.engine.resources.db.transaction() as session:
        source = await session.get(Deployment, deployment.source_deployment_id)
        return source.variables_version if source is not None else None


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
