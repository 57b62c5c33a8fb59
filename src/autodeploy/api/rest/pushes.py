"""``/api/v1/projects/{id}/push-to-deploy`` and ``/previews``, and what GitHub calls."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer.pushes import service
from autodeploy.services.deployer.pushes.deliveries import receive_delivery
from autodeploy.services.deployer.pushes.schemas import (
    ApprovalInput,
    PreviewView,
    PushToDeployStatusView,
    PushToDeployUpdate,
    PushToDeployView,
)

router = APIRouter(prefix="/api/v1/projects/{project_id}", tags=["push to deploy"])
webhook_router = APIRouter(prefix="/api/v1/webhooks", tags=["push to deploy"])

PullRequestNumber = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/push-to-deploy", operation_id="getPushToDeploy")
async def get_push_to_deploy(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, project_id: UUID
) -> PushToDeployView:
    """Whether pushes deploy the project, and which."""
    return tagged(response, await service.get_settings(resources, principal, project_id))


@router.put("/push-to-deploy", operation_id="updatePushToDeploy")
async def update_push_to_deploy(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    body: PushToDeployUpdate,
    if_match: IfMatchDep,
) -> PushToDeployView:
    """Switch push to deploy on, or change it; what is left out stays. From then on the heads of its
    branches are what is deployed, in the caller's name."""
    view = await service.update_settings(resources, principal, project_id, body, if_match=if_match)
    return tagged(response, view)


@router.delete(
    "/push-to-deploy", status_code=status.HTTP_204_NO_CONTENT, operation_id="switchOffPushToDeploy"
)
async def switch_off_push_to_deploy(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, if_match: IfMatchDep
) -> None:
    """Deploy nothing by pushes any more, and take previews down."""
    await service.switch_off(resources, principal, project_id, if_match=if_match)


@router.get("/push-to-deploy/status", operation_id="getPushToDeployStatus")
async def get_push_to_deploy_status(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID
) -> PushToDeployStatusView:
    """How far each branch is deployed and why not further, and whether GitHub calls."""
    return await service.get_status(resources, principal, project_id)


@router.get("/previews", operation_id="listPreviews")
async def list_previews(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID
) -> Page[PreviewView]:
    """The open pull requests that have, or may have, an environment."""
    return await service.list_previews(resources, principal, project_id)


@router.post("/previews/{number}/approve", operation_id="approvePreview")
async def approve_preview(
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    number: PullRequestNumber,
    body: ApprovalInput,
) -> PreviewView:
    """Have this commit of a fork built and deployed, without secrets."""
    return await service.approve_preview(resources, principal, project_id, number, body)


@webhook_router.post(
    "/github/{webhook_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    operation_id="receiveFromGitHub",
)
async def receive_from_github(request: Request, resources: ResourcesDep, webhook_id: UUID) -> None:
    """What GitHub calls; ``X-Hub-Signature-256`` proves that it is GitHub."""
    await receive_delivery(resources, webhook_id, request.headers, request.stream())
