"""Queries over organizations, their members and invitations.

Whoever changes who belongs to an organization holds its row (``lock_organization``), so that such
changes come one after the other: of two owners that leave at once, the second is the last one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.pagination import keyset
from autodeploy.kernel.tenancy import join
from autodeploy.services.auth.models import (
    Invitation,
    Organization,
    OrganizationMember,
    Role,
    User,
)
from autodeploy.services.auth.store import present

_JOINED = OrganizationMember.joined_at.is_not(None)


async def lock_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """The organization, held until the transaction ends. Raises ``NotFound``.

    Reads and new rows that refer to it go on (``FOR NO KEY UPDATE``).
    """
    organization = await session.scalar(
        select(Organization)
        .where(Organization.id == organization_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if organization is None:
        raise NotFound("No such organization.")
    return organization


async def close_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """The organization, held so that nothing can be added to it either. Raises ``NotFound``."""
    organization = await session.scalar(
        select(Organization).where(Organization.id == organization_id).with_for_update()
    )
    if organization is None:
        raise NotFound("No such organization.")
    return organization


async def find_member(
    session: AsyncSession, organization_id: UUID, user_id: UUID
) -> OrganizationMember | None:
    return await session.scalar(
        select(OrganizationMember).where(
            OrganizationMember.organization_id == organization_id,
            OrganizationMember.user_id == user_id,
            _JOINED,
        )
    )


async def get_member(
    session: AsyncSession, organization_id: UUID, user_id: UUID, *, lock: bool = True
) -> OrganizationMember:
    """A member, held unless it is only read. Raises ``NotFound``."""
    statement = select(OrganizationMember).where(
        OrganizationMember.organization_id == organization_id,
        OrganizationMember.user_id == user_id,
        _JOINED,
    )
    member = await session.scalar(statement.with_for_update() if lock else statement)
    if member is None:
        raise NotFound("The organization has no such member.")
    return member


async def find_member_by_email(
    session: AsyncSession, organization_id: UUID, email: str
) -> OrganizationMember | None:
    return await session.scalar(
        select(OrganizationMember)
        .join(User, User.id == OrganizationMember.user_id)
        .where(OrganizationMember.organization_id == organization_id, User.email == email, _JOINED)
    )


async def add_member(
    session: AsyncSession, organization_id: UUID, user_id: UUID, role: Role, now: datetime
) -> OrganizationMember | None:
    """The new member, or None when the user is one already."""
    return await session.scalar(
        insert(OrganizationMember)
        .values(organization_id=organization_id, user_id=user_id, role=role, joined_at=now)
        .on_conflict_do_nothing()
        .returning(OrganizationMember)
    )


async def count_other_members(
    session: AsyncSession, organization_id: UUID, user_id: UUID, *, role: Role | None = None
) -> int:
    """How many members there are beside the user, of one role or of any."""
    statement = select(func.count()).where(
        OrganizationMember.organization_id == organization_id,
        OrganizationMember.user_id != user_id,
        _JOINED,
    )
    if role is not None:
        statement = statement.where(OrganizationMember.role == role)
    return await session.scalar(statement) or 0


async def list_members(
    session: AsyncSession, organization_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[OrganizationMember]:
    """The members, newest first, one more than ``limit`` when another page follows."""
    statement = select(OrganizationMember).where(
        OrganizationMember.organization_id == organization_id, _JOINED
    )
    rows = await session.scalars(
        keyset(
            statement,
            OrganizationMember.invited_at,
            OrganizationMember.id,
            limit=limit,
            cursor=cursor,
        )
    )
    return rows.all()


async def list_users(session: AsyncSession, user_ids: set[UUID]) -> dict[UUID, User]:
    rows = await session.scalars(select(User).where(User.id.in_(user_ids)))
    return {user.id: user for user in rows}


async def share_organization(
    session: AsyncSession, user_id: UUID, organization_ids: Collection[UUID]
) -> bool:
    """Whether the user is a member of one of the organizations."""
    found = await session.scalar(
        select(OrganizationMember.id)
        .where(
            OrganizationMember.user_id == user_id,
            OrganizationMember.organization_id.in_(organization_ids),
            _JOINED,
        )
        .limit(1)
    )
    return found is not None


async def renew_invitation(
    session: AsyncSession,
    *,
    organization_id: UUID,
    email: str,
    role: Role,
    token_hash: bytes,
    invited_by: UUID,
    expires_at: datetime,
) -> Invitation:
    """The one pending invitation of the address, new or renewed; an older link ends with it."""
    values = {
        "role": role,
        "token_hash": token_hash,
        "invited_by": invited_by,
        "expires_at": expires_at,
    }
    rows = await session.scalars(
        insert(Invitation)
        .values(organization_id=organization_id, email=email, **values)
        .on_conflict_do_update(
            index_elements=["organization_id", "email"],
            index_where=Invitation.accepted_at.is_(None),
            set_=values,
        )
        .returning(Invitation),
        execution_options={"populate_existing": True},
    )
    return rows.one()


async def find_pending_invitation(
    session: AsyncSession, organization_id: UUID, email: str
) -> Invitation | None:
    return await session.scalar(
        select(Invitation).where(
            Invitation.organization_id == organization_id,
            Invitation.email == email,
            Invitation.accepted_at.is_(None),
        )
    )


async def count_pending_invitations(session: AsyncSession, organization_id: UUID) -> int:
    return (
        await session.scalar(
            select(func.count()).where(
                Invitation.organization_id == organization_id, Invitation.accepted_at.is_(None)
            )
        )
        or 0
    )


async def list_pending_invitations(
    session: AsyncSession, organization_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[Invitation]:
    """Those that wait for an answer, newest first, one more than ``limit`` if more follow."""
    statement = select(Invitation).where(
        Invitation.organization_id == organization_id, Invitation.accepted_at.is_(None)
    )
    rows = await session.scalars(
        keyset(statement, Invitation.created_at, Invitation.id, limit=limit, cursor=cursor)
    )
    return rows.all()


async def get_pending_invitation(
    session: AsyncSession, organization_id: UUID, invitation_id: UUID
) -> Invitation:
    """An invitation that waits for an answer, held. Raises ``NotFound``."""
    invitation = await session.scalar(
        select(Invitation)
        .where(
            Invitation.id == invitation_id,
            Invitation.organization_id == organization_id,
            Invitation.accepted_at.is_(None),
        )
        .with_for_update()
    )
    if invitation is None:
        raise NotFound("No such invitation.")
    return invitation


async def find_invitation_by_token(session: AsyncSession, token_hash: bytes) -> Invitation | None:
    """The invitation of this token, whose organization the transaction sees from here on."""
    await present(session, "token", token_hash.hex())
    invitation = await session.scalar(
        select(Invitation)
        .where(Invitation.token_hash == token_hash)
        .execution_options(populate_existing=True)
    )
    if invitation is not None:
        await join(session, invitation.organization_id)
    return invitation
