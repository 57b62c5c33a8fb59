"""``/api/v1/projects/{id}/tokens``: service tokens of a project, for CI."""

from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.auth.schemas import (
    NewServiceToken,
    ServiceTokenInput,
    ServiceTokenView,
)
from autodeploy.services.deployer import service_tokens

router = APIRouter(prefix="/api/v1/projects/{project_id}/tokens", tags=["projects"])


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createServiceToken")
async def create_service_token(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, body: ServiceTokenInput
) -> NewServiceToken:
    """A new token that acts for this project alone; its secret is in this answer only."""
    return await service_tokens.create_token(resources, principal, project_id, body)


@router.get("", operation_id="listServiceTokens")
async def list_service_tokens(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    project_id: UUID,
) -> Page[ServiceTokenView]:
    """The tokens of a project, newest first."""
    answer = await service_tokens.list_tokens(
        resources, principal, project_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.delete(
    "/{token_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="revokeServiceToken"
)
async def revoke_service_token(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, token_id: UUID
) -> None:
    """End a token of the project."""
    await service_tokens.revoke_token(resources, principal, project_id, token_id)
