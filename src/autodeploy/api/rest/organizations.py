"""``/api/v1/organizations``."""

from uuid import UUID

from fastapi import APIRouter, Response

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.etags import tagged
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import service
from autodeploy.services.auth.schemas import OrganizationView

router = APIRouter(prefix="/api/v1/organizations", tags=["organizations"])


@router.get("", operation_id="listOrganizations")
async def list_organizations(
    resources: ResourcesDep, principal: PrincipalDep
) -> Page[OrganizationView]:
    """The caller's organizations, oldest first."""
    return await service.list_organizations(resources, principal)


@router.get("/{organization_id}", operation_id="getOrganization")
async def get_organization(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
) -> OrganizationView:
    """One organization of the caller."""
    return tagged(response, await service.get_organization(resources, principal, organization_id))
