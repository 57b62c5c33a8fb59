"""``/api/v1/organizations/{id}/members/{userId}/projects``: what a member is limited to."""

from uuid import UUID

from fastapi import APIRouter

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.services.auth import project_limits
from autodeploy.services.auth.schemas import MemberProjects, MemberProjectsInput

router = APIRouter(
    prefix="/api/v1/organizations/{organization_id}/members/{user_id}/projects",
    tags=["organizations"],
)


@router.get("", operation_id="getMemberProjects")
async def get_member_projects(
    resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID, user_id: UUID
) -> MemberProjects:
    """The projects that a member is limited to; null when it may see all."""
    return await project_limits.get_member_projects(resources, principal, organization_id, user_id)


@router.put("", operation_id="setMemberProjects")
async def set_member_projects(
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    user_id: UUID,
    body: MemberProjectsInput,
) -> MemberProjects:
    """Limit a member or viewer to some projects, or with null to none."""
    return await project_limits.set_member_projects(
        resources, principal, organization_id, user_id, body
    )
