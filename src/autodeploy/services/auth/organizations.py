"""Organizations, as their members see them."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import store
from autodeploy.services.auth.models import Organization, Role
from autodeploy.services.auth.permissions import Action, require, require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import OrganizationView


async def list_organizations(resources: Resources, principal: Principal) -> Page[OrganizationView]:
    """The caller's organizations, oldest first: all of them in one page."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        rows = await store.list_memberships(session, principal.user_id)
    return Page(items=[_organization_view(organization, role) for organization, role in rows])


async def get_organization(
    resources: Resources, principal: Principal, organization_id: UUID
) -> OrganizationView:
    """One organization of the caller. Raises ``NotFound`` for any other."""
    require(principal, Action.ORGANIZATION_READ, organization_id)
    async with resources.db.transaction() as session:
        for organization, role in await store.list_memberships(session, principal.user_id):
            if organization.id == organization_id:
                return _organization_view(organization, role)
    raise NotFound("No such organization.")


async def default_organization(session: AsyncSession, principal: Principal) -> UUID:
    """Where the caller's things go when no organization is named: the oldest that it owns.

    Raises ``InvalidInput`` when it owns none.
    """
    for organization, role in await store.list_memberships(session, principal.user_id):
        if role == Role.OWNER:
            return organization.id
    raise InvalidInput(
        "You own no organization.",
        field="organizationId",
        remedy="Name the organization that this is for.",
    )


def _organization_view(organization: Organization, role: Role) -> OrganizationView:
    return OrganizationView(
        id=organization.id,
        name=organization.name,
        slug=organization.slug,
        role=role,
        plan=organization.plan,
        created_at=organization.created_at,
        updated_at=organization.updated_at,
    )
