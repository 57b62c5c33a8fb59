"""Deployments as their callers read them: one, a list, how far, what was logged."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import log_reader, store
from autodeploy.services.deployer.deployment_schemas import (
    DeploymentStatusView,
    DeploymentView,
    LogLineView,
)
from autodeploy.services.deployer.log_filter import EVERY_LINE, LogFilter
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.views import deployment_views, status_view


async def get_deployment(
    resources: Resources, principal: Principal, deployment_id: UUID
) -> DeploymentView:
    """One deployment. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        deployment = await _readable(session, principal, deployment_id)
        return (await deployment_views(session, [deployment]))[0]


async def list_deployments(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[DeploymentView]:
    """The deployments of a project, newest first."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.DEPLOYMENT_READ, project.organization_id)
        rows = await store.list_deployments(session, project_id, limit=limit, cursor=cursor)
        page, following = split_page(rows, limit)
        return Page(items=await deployment_views(session, page), next_cursor=following)


async def get_status(
    resources: Resources, principal: Principal, deployment_id: UUID
) -> DeploymentStatusView:
    """How far a deployment is. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        deployment = await _readable(session, principal, deployment_id)
        steps = await store.list_steps(session, [deployment_id])
        return status_view(deployment, steps[deployment_id])


async def list_logs(
    resources: Resources,
    principal: Principal,
    deployment_id: UUID,
    *,
    after: int,
    limit: int,
    wanted: LogFilter = EVERY_LINE,
    newest: bool = False,
) -> Page[LogLineView]:
    """Log lines in order; ``next_cursor`` is the ``after`` of the next page. With ``newest`` they
    are the last ones, and no page follows."""
    async with resources.db.transaction() as session:
        await _readable(session, principal, deployment_id)
    lines = await log_reader.read_lines(
        resources, deployment_id, after=after, limit=limit, wanted=wanted, newest=newest
    )
    items = [LogLineView.model_validate(line) for line in lines]
    following = str(items[-1].sequence) if len(items) == limit and not newest else None
    return Page(items=items, next_cursor=following)


async def require_readable(resources: Resources, principal: Principal, deployment_id: UUID) -> None:
    """Return when the caller may read the deployment; raises ``NotFound`` otherwise."""
    async with resources.db.transaction() as session:
        await _readable(session, principal, deployment_id)


async def _readable(session: AsyncSession, principal: Principal, deployment_id: UUID) -> Deployment:
    deployment = await store.get_deployment(session, principal.reach, deployment_id)
    require(principal, Action.DEPLOYMENT_READ, deployment.organization_id)
    return deployment
