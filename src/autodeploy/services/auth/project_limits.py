"""Members who are limited to some projects of an organization."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import DateTime, Uuid, column, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth import audit, membership_store
from autodeploy.services.auth.models import OrganizationMember, Role
from autodeploy.services.auth.organizations import begin_change
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import MemberProjects, MemberProjectsInput

#: Who manages an organization sees all of it.
LIMITABLE = frozenset({Role.MEMBER, Role.VIEWER})

# Projects belong to a service above this one; of their table, this is all that limits need.
_projects = table(
    "projects",
    column("id", Uuid),
    column("organization_id", Uuid),
    column("deletion_requested_at", DateTime),
)


async def get_member_projects(
    resources: Resources, principal: Principal, organization_id: UUID, user_id: UUID
) -> MemberProjects:
    """The projects that a member is limited to; None where it is to none. Raises ``NotFound``."""
    require(principal, Action.MEMBER_READ, organization_id)
    async with resources.db.transaction() as session:
        member = await membership_store.get_member(session, organization_id, user_id, lock=False)
        return MemberProjects(projects=await limit_of(session, member))


async def set_member_projects(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    user_id: UUID,
    body: MemberProjectsInput,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> MemberProjects:
    """Limit a member to some projects, or with None lift the limit. Its next call obeys.

    Raises:
        InvalidInput: it is an owner or admin, or a project is not the organization's.
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound, Forbidden.
    """
    async with resources.db.transaction() as session:
        principal, _ = await begin_change(session, principal, organization_id, Action.MEMBER_MANAGE)
        member = await membership_store.get_member(session, organization_id, user_id)
        if_match.require(MemberProjects(projects=await limit_of(session, member)))
        before = audit.snapshot(member)
        member.project_ids = await checked_limit(
            session, organization_id, Role(member.role), body.projects
        )
        await session.flush()
        await audit.record(
            session,
            principal,
            Action.MEMBER_MANAGE,
            member,
            before=before,
            after=audit.snapshot(member),
        )
        return MemberProjects(projects=await limit_of(session, member))


async def limit_of(session: AsyncSession, member: OrganizationMember) -> list[UUID] | None:
    """The limit of a member without the projects that were deleted since."""
    if member.project_ids is None:
        return None
    return await _existing(session, member.organization_id, member.project_ids)


async def checked_limit(
    session: AsyncSession, organization_id: UUID, role: Role, project_ids: list[UUID] | None
) -> list[UUID] | None:
    """What is stored for a limit of a member with this role. Raises ``InvalidInput``."""
    if project_ids is None:
        return None
    if role not in LIMITABLE:
        raise InvalidInput(
            f"An {role} of an organization cannot be limited to some projects.",
            field="projects",
            remedy="Make it a member or viewer first.",
        )
    existing = await _existing(session, organization_id, project_ids)
    if missing := set(project_ids) - set(existing):
        raise InvalidInput(
            f"The organization has no project {min(missing)}.",
            field="projects",
            remedy="Name projects of this organization.",
        )
    return existing


async def _existing(
    session: AsyncSession, organization_id: UUID, project_ids: Collection[UUID]
) -> list[UUID]:
    rows = await session.scalars(
        select(_projects.c.id)
        .where(
            _projects.c.organization_id == organization_id,
            _projects.c.id.in_(project_ids),
            _projects.c.deletion_requested_at.is_(None),
        )
        .order_by(_projects.c.id)
    )
    return list(rows)
