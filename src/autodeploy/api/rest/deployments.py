"""``/api/v1/deployments`` and the deployments of a project."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from autodeploy.api.deps import LogFilterDep, PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.pagination import link_next
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer import deployments, history
from autodeploy.services.deployer.deployment_schemas import (
    DeploymentInput,
    DeploymentStatusView,
    DeploymentView,
    LogLineView,
    RollbackInput,
)

router = APIRouter(prefix="/api/v1", tags=["deployments"])

MAXIMUM_LINES = 1000
MAXIMUM_LAST_LINES = 10_000


@router.post(
    "/projects/{project_id}/deployments",
    status_code=status.HTTP_201_CREATED,
    operation_id="createDeployment",
)
async def create_deployment(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    body: DeploymentInput | None = None,
) -> DeploymentView:
    """Deploy a branch or commit. The answer comes at once; the work goes on in a worker."""
    view = await deployments.create_deployment(
        resources, principal, project_id, body or DeploymentInput(), providers=providers
    )
    response.headers["Location"] = f"/api/v1/deployments/{view.id}"
    return view


@router.get("/projects/{project_id}/deployments", operation_id="listDeployments")
async def list_deployments(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    project_id: UUID,
) -> Page[DeploymentView]:
    """The deployments of a project, newest first."""
    answer = await history.list_deployments(
        resources, principal, project_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.get("/deployments/{deployment_id}", operation_id="getDeployment")
async def get_deployment(
    resources: ResourcesDep, principal: PrincipalDep, deployment_id: UUID
) -> DeploymentView:
    """One deployment with its steps, its address and its error."""
    return await history.get_deployment(resources, principal, deployment_id)


@router.get("/deployments/{deployment_id}/status", operation_id="getDeploymentStatus")
async def get_status(
    resources: ResourcesDep, principal: PrincipalDep, deployment_id: UUID
) -> DeploymentStatusView:
    """How far a deployment is."""
    return await history.get_status(resources, principal, deployment_id)


@router.get("/deployments/{deployment_id}/logs", operation_id="listDeploymentLogs")
async def list_logs(
    resources: ResourcesDep,
    principal: PrincipalDep,
    deployment_id: UUID,
    wanted: LogFilterDep,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_LINES)] = MAXIMUM_LINES,
    last: Annotated[int | None, Query(ge=1, le=MAXIMUM_LAST_LINES)] = None,
) -> Page[LogLineView]:
    """Log lines in order; ``nextCursor`` is the ``after`` of the next page. ``last`` asks for the
    newest ones instead, in the same order and without a next page."""
    return await history.list_logs(
        resources,
        principal,
        deployment_id,
        after=after,
        limit=last or limit,
        wanted=wanted,
        newest=last is not None,
    )


@router.post(
    "/deployments/{deployment_id}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="cancelDeployment",
)
async def cancel_deployment(
    resources: ResourcesDep, principal: PrincipalDep, deployment_id: UUID
) -> DeploymentView:
    """Stop a deployment. Its work stops within seconds; the live release goes on serving."""
    return await deployments.cancel_deployment(resources, principal, deployment_id)


@router.post(
    "/deployments/{deployment_id}/rollback",
    status_code=status.HTTP_201_CREATED,
    operation_id="rollBackDeployment",
)
async def roll_back(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    deployment_id: UUID,
    body: RollbackInput | None = None,
) -> DeploymentView:
    """Bring this deployment back, as a new one that builds nothing."""
    force = body is not None and body.force
    view = await deployments.roll_back(resources, principal, deployment_id, force=force)
    response.headers["Location"] = f"/api/v1/deployments/{view.id}"
    return view
