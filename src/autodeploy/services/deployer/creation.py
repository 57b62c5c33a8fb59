"""New rows of deployments. A row that is written is the intent to run it."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.deployer.announcements import Announcing
from autodeploy.services.deployer.cancellations import end_queued
from autodeploy.services.deployer.estimates import estimate_steps
from autodeploy.services.deployer.models import Deployment, DeploymentStep, Environment, Project
from autodeploy.services.deployer.notable_events import tell_of_deployment
from autodeploy.services.deployer.placements import Placement
from autodeploy.services.deployer.pushes.debts import owe_report
from autodeploy.services.deployer.states import DeploymentStatus, StepName, StepStatus
from autodeploy.services.deployer.transitions import append_event

_ROLLBACK_SKIPS = frozenset(
    {StepName.ANALYZE_REPOSITORY, StepName.PROVISION_DATABASE, StepName.BUILD_APPLICATION}
)


async def is_still_built(resources: Resources, deployment: Deployment) -> bool:
    """Whether what it made can be deployed again, as far as it is known here: of one that was
    built at a provider, the provider knows."""
    key = deployment.artifact_key
    if key is None or deployment.connection_id is not None:
        return key is not None
    return await resources.objects.exists(key)


async def insert_rollback(
    transaction: Announcing,
    project: Project,
    environment: Environment,
    source: Deployment,
    **values: Any,
) -> Deployment:
    """Write a deployment that brings the build of ``source`` back. As ``insert_deployment``.

    At the provider of what is live, the app stays of the plan and in the region that it has.
    """
    placement = Placement.of(source.configuration)
    if environment.provider == source.provider:
        placement = Placement.kept(environment, source.provider)
    return await insert_deployment(
        transaction,
        project,
        environment,
        kind="rollback",
        repository_id=source.repository_id,
        branch=source.branch,
        commit_sha=source.commit_sha,
        provider=source.provider,
        connection_id=source.connection_id,
        configuration=placement.as_configuration(),
        plan=source.plan,
        artifact_key=source.artifact_key,
        build_fingerprint=source.build_fingerprint,
        source_deployment_id=source.id,
        **values,
    )


async def insert_deployment(
    transaction: Announcing, project: Project, environment: Environment, **values: Any
) -> Deployment:
    """Write the deployment, its steps and its first event; supersede what waits before it.

    The caller holds the environment's row, so deployments of one environment come in order.
    """
    session = transaction.session
    deployment = Deployment(
        organization_id=project.organization_id,
        project_id=project.id,
        environment=environment.name,
        status=DeploymentStatus.QUEUED,
        created_at=func.clock_timestamp(),
        **values,
    )
    session.add(deployment)
    await session.flush()
    skipped = _ROLLBACK_SKIPS if deployment.kind == "rollback" else frozenset()
    estimates = await estimate_steps(session, project.id)
    steps = [
        {
            "organization_id": project.organization_id,
            "deployment_id": deployment.id,
            "position": position,
            "name": name,
            "status": StepStatus.SKIPPED if name in skipped else StepStatus.PENDING,
            "estimated_seconds": estimate.p50,
            "estimated_seconds_p90": estimate.p90,
        }
        for position, (name, estimate) in enumerate(estimates.items())
    ]
    await session.execute(insert(DeploymentStep), steps)
    await append_event(
        transaction, deployment.id, "deployment.status", {"status": "queued", "progress": 0.0}
    )
    await tell_of_deployment(session, deployment.id, EventType.DEPLOYMENT_QUEUED)
    await owe_report(session, deployment)
    for older in await _list_queued_before(session, deployment):
        await end_queued(transaction, older, "superseded")
    return deployment


async def _list_queued_before(session: AsyncSession, deployment: Deployment) -> list[UUID]:
    rows = await session.scalars(
        select(Deployment.id).where(
            Deployment.project_id == deployment.project_id,
            Deployment.environment == deployment.environment,
            Deployment.status == DeploymentStatus.QUEUED,
            Deployment.id != deployment.id,
        )
    )
    return list(rows)
