"""``/api/v1/resources``: what the platform holds at providers, and what is nobody's there."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer.holdings import service
from autodeploy.services.deployer.holdings.schemas import (
    HeldKind,
    HeldState,
    HeldView,
    OrphanView,
)

router = APIRouter(prefix="/api/v1/resources", tags=["resources"])


@router.get("", operation_id="listResources")
async def list_resources(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    project: Annotated[UUID | None, Query(description="Those of this project.")] = None,
    kind: Annotated[HeldKind | None, Query(description="Those of this kind.")] = None,
    state: Annotated[HeldState | None, Query(description="Those in this state.")] = None,
) -> Page[HeldView]:
    """Releases, builds, databases and backups of the caller's projects, newest first."""
    answer = await service.list_held(
        resources,
        principal,
        project_id=project,
        kind=kind,
        state=state,
        limit=page.limit,
        cursor=page.cursor,
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.get("/orphans", operation_id="listOrphans")
async def list_orphans(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
) -> Page[OrphanView]:
    """What providers have had for more than an hour and no row accounts for, the latest found
    first; for the platform's operators. It is looked for every ten minutes."""
    answer = await service.list_orphans(resources, principal, limit=page.limit, cursor=page.cursor)
    link_next(request, response, answer.next_cursor)
    return answer


@router.delete(
    "/orphans/{orphan_id}", status_code=status.HTTP_202_ACCEPTED, operation_id="removeOrphan"
)
async def remove_orphan(
    resources: ResourcesDep, principal: PrincipalDep, orphan_id: UUID
) -> OrphanView:
    """Remove one for good. The answer comes at once; it is off the list when it is gone, or when
    something was found to account for it."""
    return await service.remove_orphan(resources, principal, orphan_id)
