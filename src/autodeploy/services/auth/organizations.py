"""Organizations, as their members see, make and change them."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth import audit, membership_store, store
from autodeploy.services.auth.errors import SlugTaken
from autodeploy.services.auth.models import Organization, Role
from autodeploy.services.auth.organization_schemas import (
    OrganizationInput,
    OrganizationUpdate,
    OrganizationView,
)
from autodeploy.services.auth.permissions import Action, require, require_scope
from autodeploy.services.auth.principal import Principal, Scope


async def list_organizations(resources: Resources, principal: Principal) -> Page[OrganizationView]:
    """The caller's organizations, oldest first: all of them in one page."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        rows = await store.list_memberships(session, principal.user_id)
    return Page(items=[organization_view(principal.user_id, row, role) for row, role in rows])


async def get_organization(
    resources: Resources, principal: Principal, organization_id: UUID
) -> OrganizationView:
    """One organization of the caller. Raises ``NotFound`` for any other."""
    require(principal, Action.ORGANIZATION_READ, organization_id)
    async with resources.db.transaction() as session:
        for organization, role in await store.list_memberships(session, principal.user_id):
            if organization.id == organization_id:
                return organization_view(principal.user_id, organization, role)
    raise NotFound("No such organization.")


async def create_organization(
    resources: Resources, principal: Principal, body: OrganizationInput
) -> OrganizationView:
    """A new organization that the caller owns. Raises ``SlugTaken`` and ``Forbidden``."""
    require_scope(principal, Scope.ADMIN)
    async with resources.db.transaction() as session:
        organization = await _insert(session, principal, body)
        organization.billing_email = body.billing_email
        await session.flush()
        await audit.record(
            session,
            principal,
            audit.OwnAction.ORGANIZATION_CREATE,
            organization,
            after=audit.snapshot(organization),
        )
        await session.refresh(organization)
    return organization_view(principal.user_id, organization, Role.OWNER)


async def update_organization(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    body: OrganizationUpdate,
    if_match: IfMatch = ANY_VERSION,
) -> OrganizationView:
    """Change what ``body`` names.

    Raises:
        SlugTaken: another organization has the slug.
        PreconditionFailed: it was changed since.
        NotFound, Forbidden, InvalidInput.
    """
    async with resources.db.transaction() as session:
        principal, organization = await begin_change(
            session, principal, organization_id, Action.ORGANIZATION_UPDATE
        )
        role = principal.roles[organization_id]
        view = organization_view(principal.user_id, organization, role)
        if_match.require(view)
        body.require_readonly_same(view)
        changes = body.model_dump(include=body.model_fields_set & type(body).model_fields.keys())
        for field in ("name", "slug"):
            if field in changes and changes[field] is None:
                raise InvalidInput(f"An organization has a {field}.", field=field)
        before = audit.snapshot(organization)
        for field, value in changes.items():
            setattr(organization, field, value)
        after = audit.snapshot(organization)
        if after != before:
            organization.updated_at = now()
            await _store(session, organization)
        await audit.record(
            session,
            principal,
            Action.ORGANIZATION_UPDATE,
            organization,
            before=before,
            after=after,
        )
        return organization_view(principal.user_id, organization, role)


async def default_organization(session: AsyncSession, principal: Principal) -> UUID:
    """Where the caller's things go when no organization is named: its personal one.

    Without a personal one it is the only one that the caller owns. It is never one of several,
    since an organization that others put the caller in would then get what is not meant for it.

    Raises ``InvalidInput`` when the organization has to be named.
    """
    owned: list[UUID] = []
    for organization, role in await store.list_memberships(session, principal.user_id):
        if organization.personal_user_id == principal.user_id:
            return organization.id
        if role == Role.OWNER:
            owned.append(organization.id)
    if len(owned) == 1:
        return owned[0]
    raise InvalidInput(
        "You have no organization of your own that this could be for.",
        field="organizationId",
        remedy="Name the organization that this is for.",
    )


async def begin_change(
    session: AsyncSession, principal: Principal, organization_id: UUID, action: Action
) -> tuple[Principal, Organization]:
    """Hold the organization, and the caller with the roles that it has by now.

    The roles that the caller came with were read before: whoever lost one meanwhile is refused.
    Raises ``NotFound`` and ``Forbidden``.
    """
    require(principal, action, organization_id)
    organization = await membership_store.lock_organization(session, organization_id)
    present = await with_present_roles(session, principal)
    require(present, action, organization_id)
    return present, organization


async def with_present_roles(session: AsyncSession, principal: Principal) -> Principal:
    """The caller with the roles and limits of this moment."""
    places = await store.list_places(session, principal.user_id)
    return replace(
        principal,
        roles={each: place.role for each, place in places.items()},
        limits={
            each: place.projects for each, place in places.items() if place.projects is not None
        },
    )


def organization_view(user_id: UUID, organization: Organization, role: Role) -> OrganizationView:
    return OrganizationView(
        id=organization.id,
        name=organization.name,
        slug=organization.slug,
        role=role,
        plan=organization.plan,
        billing_email=organization.billing_email,
        personal=organization.personal_user_id == user_id,
        created_at=organization.created_at,
        updated_at=organization.updated_at,
    )


async def _insert(
    session: AsyncSession, principal: Principal, body: OrganizationInput
) -> Organization:
    if body.slug is None:
        return await store.create_organization(
            session, name=body.name, owner_id=principal.user_id, now=now(), personal=False
        )
    organization = await store.insert_organization(session, body.name, body.slug)
    if organization is None:
        raise _slug_taken(body.slug)
    await membership_store.add_member(
        session, organization.id, principal.user_id, Role.OWNER, now()
    )
    return organization


async def _store(session: AsyncSession, organization: Organization) -> None:
    slug = organization.slug
    try:
        await session.flush()
    except IntegrityError as error:  # of what can be changed, only the slug is unique
        raise _slug_taken(slug) from error


def _slug_taken(slug: str) -> SlugTaken:
    return SlugTaken(
        f"Another organization has the slug {slug}.",
        field="slug",
        remedy="Choose another, or leave it out for one that is made from the name.",
    )
