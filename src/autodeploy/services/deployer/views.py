"""Deployments as callers see them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.services.auth.models import ServiceToken, User
from autodeploy.services.deployer import store
from autodeploy.services.deployer.deployment_schemas import (
    DeploymentErrorView,
    DeploymentStatusView,
    DeploymentView,
    StepView,
    TriggerView,
)
from autodeploy.services.deployer.journal import progress_of
from autodeploy.services.deployer.models import (
    Deployment,
    DeploymentStep,
    Environment,
    Project,
    VariablesVersion,
)
from autodeploy.services.deployer.pushes.models import PushToDeploy
from autodeploy.services.deployer.runs.models import Run
from autodeploy.services.deployer.schemas import CreatorView, ProjectReference
from autodeploy.services.deployer.states import DeploymentStatus, StepStatus


async def deployment_views(
    session: AsyncSession, deployments: Sequence[Deployment]
) -> list[DeploymentView]:
    """The views of several deployments, with a fixed number of queries."""
    steps = await store.list_steps(session, [deployment.id for deployment in deployments])
    projects = await session.scalars(
        select(Project).where(Project.id.in_({each.project_id for each in deployments}))
    )
    names = {project.id: project.name for project in projects}
    live = await session.execute(
        select(Environment.live_deployment_id, Environment.local_url).where(
            Environment.live_deployment_id.in_([each.id for each in deployments])
        )
    )
    local_urls = {row.live_deployment_id: row.local_url for row in live}
    creators = await load_creators(session, deployments)
    return [
        _view(
            each,
            names[each.project_id],
            steps[each.id],
            local_urls.get(each.id),
            creators.get(each.service_token_id or each.created_by),
        )
        for each in deployments
    ]


async def load_creators(
    session: AsyncSession, rows: Sequence[Deployment | VariablesVersion | Run | PushToDeploy]
) -> dict[UUID | None, CreatorView]:
    """Who made them, by id; an account that is gone, or left the organization, is not said."""
    users = select(literal("user"), User.id, User.name).where(
        User.id.in_({each.created_by for each in rows})
    )
    tokens = select(literal("serviceToken"), ServiceToken.id, ServiceToken.name).where(
        ServiceToken.id.in_({each.service_token_id for each in rows})
    )
    found = await session.execute(union_all(users, tokens))
    return {row[1]: CreatorView(type=row[0], id=row[1], name=row[2]) for row in found}


def status_view(deployment: Deployment, steps: list[DeploymentStep]) -> DeploymentStatusView:
    """How far a deployment is."""
    progress, eta = progress_of(steps)
    if deployment.status == DeploymentStatus.READY:
        progress, eta = 1.0, 0
    running = next((step.name for step in steps if step.status == StepStatus.RUNNING), None)
    return DeploymentStatusView(
        deployment_id=deployment.id,
        status=deployment.status,
        step=running,
        progress=progress,
        eta=eta,
        sequence=deployment.event_sequence,
    )


def _view(
    deployment: Deployment,
    project_name: str,
    steps: list[DeploymentStep],
    local_url: str | None,
    creator: CreatorView | None,
) -> DeploymentView:
    counted = [step for step in steps if step.status != StepStatus.SKIPPED]
    return DeploymentView(
        id=deployment.id,
        status=deployment.status,
        kind=deployment.kind,
        project=ProjectReference(id=deployment.project_id, name=project_name),
        branch=deployment.branch,
        commit=deployment.commit_sha,
        environment=deployment.environment,
        provider=deployment.provider,
        url=deployment.url,
        private=deployment.is_private,
        local_url=local_url,
        estimated_duration=sum(step.estimated_seconds for step in counted),
        estimated_duration_p90=sum(step.estimated_seconds_p90 for step in counted),
        steps=[
            StepView(
                name=step.name,
                status=step.status,
                estimated_duration=step.estimated_seconds,
                estimated_duration_p90=step.estimated_seconds_p90,
                actual_duration=step.actual_seconds,
                error_code=step.error_code,
            )
            for step in steps
        ],
        error=_error(deployment),
        reason=deployment.details.get("reason"),
        source_deployment_id=deployment.source_deployment_id,
        rolled_back_at=deployment.rolled_back_at,
        variables_version=deployment.variables_version,
        trigger=TriggerView.model_validate(deployment.trigger) if deployment.trigger else None,
        created_by=creator,
        created_at=deployment.created_at,
        started_at=deployment.started_at,
        completed_at=deployment.completed_at,
    )


def _error(deployment: Deployment) -> DeploymentErrorView | None:
    if deployment.error_code is None:
        return None
    return DeploymentErrorView(
        code=deployment.error_code,
        message=deployment.error_message or "",
        cause=deployment.error_cause,
        remedy=deployment.error_remedy,
        log_tail=deployment.error_log_tail or [],
    )
