"""``/api/v1/organizations/{id}/members/{userId}/projects``: what a member is limited to."""

from uuid import UUID

from fastapi import APIRouter, Response

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.services.auth import project_limits
from autodeploy.services.auth.schemas import MemberProjects, MemberProjectsInput

router = APIRouter(
    prefix="/api/v1/organizations/{organization_id}/members/{user_id}/projects",
    tags=["organizations"],
)


@router.get("", operation_id="getMemberProjects")
async def get_member_projects(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    user_id: UUID,
) -> MemberProjects:
    """The projects that a member is limited to; null when it may see all."""
    view = await project_limits.get_member_projects(resources, principal, organization_id, user_id)
    return tagged(response, view)


@router.put("", operation_id="setMemberProjects")
async def set_member_projects(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    user_id: UUID,
    body: MemberProjectsInput,
    if_match: IfMatchDep,
) -> MemberProjects:
    """Limit a member or viewer to some projects, or with null to none."""
    view = await project_limits.set_member_projects(
        resources, principal, organization_id, user_id, body, if_match=if_match
    )
    return tagged(response, view)
