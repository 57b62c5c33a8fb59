"""``/api/v1/organizations``: organizations, their members, invitations and audit log."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from autodeploy.api.deps import AuditFilterDep, PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import audit_reading, invitations, members, organizations
from autodeploy.services.auth.audit_reading import AuditEntryView
from autodeploy.services.auth.organization_schemas import (
    InvitationInput,
    InvitationView,
    MemberInput,
    MemberUpdate,
    MemberView,
    OrganizationInput,
    OrganizationUpdate,
    OrganizationView,
    TransferInput,
)
from autodeploy.services.deployer import closing

router = APIRouter(prefix="/api/v1/organizations", tags=["organizations"])


@router.get("", operation_id="listOrganizations")
async def list_organizations(
    resources: ResourcesDep, principal: PrincipalDep
) -> Page[OrganizationView]:
    """The caller's organizations, oldest first."""
    return await organizations.list_organizations(resources, principal)


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createOrganization")
async def create_organization(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, body: OrganizationInput
) -> OrganizationView:
    """A new organization that the caller owns."""
    view = await organizations.create_organization(resources, principal, body)
    response.headers["Location"] = f"/api/v1/organizations/{view.id}"
    return tagged(response, view)


@router.get("/{organization_id}", operation_id="getOrganization")
async def get_organization(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID
) -> OrganizationView:
    """One organization of the caller."""
    return tagged(
        response, await organizations.get_organization(resources, principal, organization_id)
    )


@router.put("/{organization_id}", operation_id="updateOrganization")
async def update_organization(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    body: OrganizationUpdate,
    if_match: IfMatchDep,
) -> OrganizationView:
    """Change an organization; what is left out stays."""
    view = await organizations.update_organization(
        resources, principal, organization_id, body, if_match
    )
    return tagged(response, view)


@router.delete(
    "/{organization_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="deleteOrganization"
)
async def delete_organization(
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    if_match: IfMatchDep,
    confirm: Annotated[
        str, Query(max_length=100, description="The organization's slug, to confirm it.")
    ] = "",
) -> None:
    """Delete an organization that holds no project and no database."""
    await closing.delete_organization(
        resources, principal, organization_id, confirm=confirm, if_match=if_match
    )


@router.post("/{organization_id}/transfer", operation_id="transferOrganization")
async def transfer_organization(
    resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID, body: TransferInput
) -> OrganizationView:
    """Make another member an owner in the caller's place; the caller becomes an admin."""
    return await members.transfer_organization(resources, principal, organization_id, body)


@router.get("/{organization_id}/members", operation_id="listMembers")
async def list_members(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    organization_id: UUID,
) -> Page[MemberView]:
    """The members of an organization, newest first."""
    answer = await members.list_members(
        resources, principal, organization_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.post(
    "/{organization_id}/members", status_code=status.HTTP_201_CREATED, operation_id="addMember"
)
async def add_member(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    body: MemberInput,
) -> MemberView:
    """Add a person of another organization of the caller at once. Others are invited."""
    view = await members.add_member(resources, principal, organization_id, body)
    return tagged(response, view)


@router.get("/{organization_id}/members/{user_id}", operation_id="getMember")
async def get_member(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    user_id: UUID,
) -> MemberView:
    """One member of an organization."""
    return tagged(
        response, await members.get_member(resources, principal, organization_id, user_id)
    )


@router.put("/{organization_id}/members/{user_id}", operation_id="updateMember")
async def update_member(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    user_id: UUID,
    body: MemberUpdate,
    if_match: IfMatchDep,
) -> MemberView:
    """Give a member another role."""
    view = await members.change_member(
        resources, principal, organization_id, user_id, body, if_match
    )
    return tagged(response, view)


@router.delete(
    "/{organization_id}/members/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    operation_id="removeMember",
)
async def remove_member(
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    user_id: UUID,
    if_match: IfMatchDep,
) -> None:
    """Remove a member, or leave the organization oneself."""
    await members.remove_member(resources, principal, organization_id, user_id, if_match)


@router.get("/{organization_id}/invitations", operation_id="listInvitations")
async def list_invitations(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    organization_id: UUID,
) -> Page[InvitationView]:
    """The invitations that wait for an answer, newest first; never their links."""
    answer = await invitations.list_invitations(
        resources, principal, organization_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.post(
    "/{organization_id}/invitations",
    status_code=status.HTTP_201_CREATED,
    operation_id="createInvitation",
)
async def create_invitation(
    resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID, body: InvitationInput
) -> InvitationView:
    """Invite a person by e-mail; inviting again renews the invitation and its link."""
    return await invitations.invite(resources, principal, organization_id, body)


@router.delete(
    "/{organization_id}/invitations/{invitation_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    operation_id="revokeInvitation",
)
async def revoke_invitation(
    resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID, invitation_id: UUID
) -> None:
    """End an invitation and its link."""
    await invitations.revoke_invitation(resources, principal, organization_id, invitation_id)


@router.get("/{organization_id}/audit-log", operation_id="listAuditEntries")
async def list_audit_entries(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    wanted: AuditFilterDep,
    organization_id: UUID,
) -> Page[AuditEntryView]:
    """The changes in an organization, newest first; for its admins and owners."""
    answer = await audit_reading.list_organization_entries(
        resources, principal, organization_id, wanted, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer
