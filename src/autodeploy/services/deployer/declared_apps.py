"""How an app is to be at its provider, by what is live of it and what was built since."""

from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.providers.drift import DeclaredApp, DeclaredBuild
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.app_environment import AppEnvironment
from autodeploy.services.deployer.commit_sources import commit_of
from autodeploy.services.deployer.context import app_of, spec_of
from autodeploy.services.deployer.domains.work import list_served
from autodeploy.services.deployer.live import Live
from autodeploy.services.deployer.models import Deployment, DeploymentStep
from autodeploy.services.deployer.placements import Placement
from autodeploy.services.deployer.states import StepName, StepStatus

# More builds than these have not come to be live one after the other.
_MOST_BUILDS = 20


async def load_declared(
    session: AsyncSession, found: Live, variables: AppEnvironment, *, providers: Registry
) -> DeclaredApp:
    """What the app that is live was declared to be. Raises ``ReferenceUnresolved``."""
    live, environment = found.deployment, found.environment
    build = await _build_of(session, live, providers)
    later = [await _build_of(session, each, providers) for each in await _later(session, live)]
    spec = build.spec
    return DeclaredApp(
        app=app_of(environment),
        release=found.release,
        spec=replace(spec, replicas=environment.replicas or spec.replicas),
        environment=variables.for_build(live),
        run_environment=variables.for_run(live),
        plan=build.plan,
        region=Placement.of(live.configuration).region,
        commit=build.commit,
        later_builds=tuple(later),
        domains=await list_served(session, environment),
    )


async def _build_of(
    session: AsyncSession, deployment: Deployment, providers: Registry
) -> DeclaredBuild:
    repository_id = deployment.repository_id
    repository = await session.get(Repository, repository_id) if repository_id else None
    return DeclaredBuild(
        spec=spec_of(deployment),
        commit=commit_of(providers, repository, deployment) if repository else None,
        plan=Placement.of(deployment.configuration).plan,
    )


async def _later(session: AsyncSession, live: Deployment) -> list[Deployment]:
    """Whose builds began after that of what is live, which an earlier deployment may have made."""
    built_at = (
        select(func.min(Deployment.created_at))
        .where(
            Deployment.project_id == live.project_id,
            Deployment.environment == live.environment,
            Deployment.artifact_key == live.artifact_key,
        )
        .scalar_subquery()
    )
    rows = await session.scalars(
        select(Deployment)
        .join(DeploymentStep, DeploymentStep.deployment_id == Deployment.id)
        .where(
            Deployment.project_id == live.project_id,
            Deployment.environment == live.environment,
            Deployment.provider == live.provider,
            Deployment.id != live.id,
            Deployment.created_at > built_at,
            Deployment.plan.is_not(None),
            DeploymentStep.name == StepName.BUILD_APPLICATION,
            DeploymentStep.status.not_in((StepStatus.PENDING, StepStatus.SKIPPED)),
        )
        .order_by(Deployment.created_at.desc())
        .limit(_MOST_BUILDS)
    )
    return list(rows)
