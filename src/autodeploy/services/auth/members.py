"""Who belongs to an organization, and as what. An organization always has an owner."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth import audit, membership_store
from autodeploy.services.auth.errors import AlreadyMember, LastOwner
from autodeploy.services.auth.models import Organization, OrganizationMember, Role, User
from autodeploy.services.auth.organization_schemas import (
    MemberInput,
    MemberUpdate,
    MemberView,
    OrganizationView,
    TransferInput,
)
from autodeploy.services.auth.organizations import begin_change, organization_view
from autodeploy.services.auth.permissions import Action, require, require_rank
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.project_limits import LIMITABLE


async def list_members(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    *,
    limit: int,
    cursor: str | None,
) -> Page[MemberView]:
    """The members of an organization, newest first."""
    require(principal, Action.MEMBER_READ, organization_id)
    async with resources.db.transaction() as session:
        rows = await membership_store.list_members(
            session, organization_id, limit=limit, cursor=cursor
        )
        page, following = split_page(rows, limit, lambda row: (row.invited_at, row.id))
        users = await membership_store.list_users(session, {row.user_id for row in page})
    return Page(items=[_view(row, users[row.user_id]) for row in page], next_cursor=following)


async def get_member(
    resources: Resources, principal: Principal, organization_id: UUID, user_id: UUID
) -> MemberView:
    """One member of an organization. Raises ``NotFound``."""
    require(principal, Action.MEMBER_READ, organization_id)
    async with resources.db.transaction() as session:
        member = await membership_store.get_member(session, organization_id, user_id, lock=False)
        return _view(member, await session.get_one(User, user_id))


async def add_member(
    resources: Resources, principal: Principal, organization_id: UUID, body: MemberInput
) -> MemberView:
    """Add a person at once: one of another organization of the caller. Others are invited.

    Raises:
        NotFound: no such person in the caller's organizations.
        AlreadyMember, Forbidden.
    """
    async with resources.db.transaction() as session:
        principal, _ = await begin_change(session, principal, organization_id, Action.MEMBER_MANAGE)
        require_rank(principal, body.role, organization_id)
        if not await membership_store.share_organization(
            session, body.user_id, principal.roles.keys()
        ):
            raise NotFound(
                "No such person in your organizations.",
                field="userId",
                remedy="Invite the person by e-mail.",
            )
        member = await membership_store.add_member(
            session, organization_id, body.user_id, body.role, now()
        )
        if member is None:
            raise AlreadyMember(
                "This person is a member already.",
                field="userId",
                remedy=f"To change the role: PUT …/members/{body.user_id}, or "
                "`autodeploy org role`.",
            )
        await audit.record(
            session, principal, Action.MEMBER_MANAGE, member, after=audit.snapshot(member)
        )
        return _view(member, await session.get_one(User, body.user_id))


async def change_member(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    user_id: UUID,
    body: MemberUpdate,
    if_match: IfMatch = ANY_VERSION,
) -> MemberView:
    """Give a member another role.

    Raises:
        LastOwner: it would leave the organization without one.
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound; Forbidden when the old or the new role is above the caller's.
    """
    async with resources.db.transaction() as session:
        principal, organization = await begin_change(
            session, principal, organization_id, Action.MEMBER_MANAGE
        )
        member = await membership_store.get_member(session, organization_id, user_id)
        user = await session.get_one(User, user_id)
        view = _view(member, user)
        if_match.require(view)
        body.require_readonly_same(view)
        require_rank(principal, member.role, organization_id)
        require_rank(principal, body.role, organization_id)
        if body.role != Role.OWNER:
            await _end_ownership(session, organization, member)
        await _set_role(session, principal, Action.MEMBER_MANAGE, member, body.role)
        return _view(member, user)


async def remove_member(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    user_id: UUID,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """Remove a member, or leave: everybody may remove oneself.

    Raises:
        LastOwner: it would leave the organization without one.
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound; Forbidden for a member whose role is above the caller's.
    """
    leaves = user_id == principal.account_id
    action = Action.MEMBER_READ if leaves else Action.MEMBER_MANAGE
    async with resources.db.transaction() as session:
        principal, organization = await begin_change(session, principal, organization_id, action)
        member = await membership_store.get_member(session, organization_id, user_id)
        if_match.require(_view(member, await session.get_one(User, user_id)))
        if not leaves:
            require_rank(principal, member.role, organization_id)
        await _end_ownership(session, organization, member)
        await audit.record(
            session,
            principal,
            audit.OwnAction.MEMBER_LEAVE if leaves else Action.MEMBER_MANAGE,
            member,
            before=audit.snapshot(member),
        )
        await session.delete(member)


async def transfer_organization(
    resources: Resources, principal: Principal, organization_id: UUID, body: TransferInput
) -> OrganizationView:
    """Make another member an owner in the caller's place; the caller becomes an admin.

    Raises ``NotFound``, ``Forbidden`` and ``InvalidInput``.
    """
    async with resources.db.transaction() as session:
        principal, organization = await begin_change(
            session, principal, organization_id, Action.ORGANIZATION_TRANSFER
        )
        if body.user_id == principal.user_id:
            raise InvalidInput("You own this organization already.", field="userId")
        heir = await membership_store.find_member(session, organization_id, body.user_id)
        if heir is None:
            raise InvalidInput(
                "This person is no member of the organization.",
                field="userId",
                remedy="Invite the person, and transfer it when the invitation was accepted.",
            )
        own = await membership_store.get_member(session, organization_id, principal.user_id)
        await _set_role(session, principal, Action.ORGANIZATION_TRANSFER, heir, Role.OWNER)
        await _end_ownership(session, organization, own)
        await _set_role(session, principal, Action.ORGANIZATION_TRANSFER, own, Role.ADMIN)
        return organization_view(principal.user_id, organization, Role.ADMIN)


async def _end_ownership(
    session: AsyncSession, organization: Organization, member: OrganizationMember
) -> None:
    """Return when the member may cease to be an owner, or is none. Raises ``LastOwner``.

    An organization that its own user owns no longer is nobody's personal one.
    """
    if member.role != Role.OWNER:
        return
    owners = await membership_store.count_other_members(
        session, organization.id, member.user_id, role=Role.OWNER
    )
    if not owners:
        raise LastOwner("This is the only owner of the organization.", field="userId")
    if organization.personal_user_id == member.user_id:
        organization.personal_user_id = None
        organization.updated_at = now()


async def _set_role(
    session: AsyncSession,
    principal: Principal,
    action: Action,
    member: OrganizationMember,
    role: Role,
) -> None:
    before = audit.snapshot(member)
    member.role = role
    if role not in LIMITABLE:
        member.project_ids = None
    await session.flush()
    await audit.record(
        session, principal, action, member, before=before, after=audit.snapshot(member)
    )


def _view(member: OrganizationMember, user: User) -> MemberView:
    return MemberView(
        user_id=user.id,
        name=user.name,
        email=user.email,
        avatar=user.avatar_url,
        role=Role(member.role),
        joined_at=member.joined_at,
    )
