"""Queries of organizations keep to one of them, and who was only entered has not joined it."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database
from autodeploy.kernel.errors import NotFound
from autodeploy.services.auth import membership_store, store
from autodeploy.services.auth.models import (
    Invitation,
    Organization,
    OrganizationMember,
    Role,
    User,
)

GUEST = "guest@example.com"


@dataclass(frozen=True)
class Place:
    """An organization with its owner, an invitation, and a member who has not joined yet."""

    id: UUID
    owner_id: UUID
    entered_id: UUID
    invitation_id: UUID


@pytest.fixture
async def places(database: Database) -> tuple[Place, Place]:
    """Two organizations with the same of everything, each with its own people."""
    async with database.transaction() as session:
        return await _place(session, "theirs"), await _place(session, "ours")


async def _place(session: AsyncSession, name: str) -> Place:
    place = Place(uuid4(), uuid4(), uuid4(), uuid4())
    session.add(Organization(id=place.id, name=name, slug=name))
    for user_id in (place.owner_id, place.entered_id):
        session.add(User(id=user_id, email=_email(user_id), name=name))
    await session.flush()
    for user_id, joined_at in ((place.owner_id, now()), (place.entered_id, None)):
        session.add(
            OrganizationMember(
                organization_id=place.id, user_id=user_id, role=Role.OWNER, joined_at=joined_at
            )
        )
    session.add(
        Invitation(
            id=place.invitation_id, organization_id=place.id, email=GUEST, role=Role.VIEWER,
            token_hash=place.id.bytes, invited_by=place.owner_id,
            expires_at=now() + timedelta(days=1),
        )
    )  # fmt: skip
    await session.flush()
    return place


def _email(user_id: UUID) -> str:
    return f"{user_id}@example.com"


async def test_of_two_organizations_with_the_same_each_has_its_own(
    database: Database, places: tuple[Place, Place]
) -> None:
    theirs, ours = places
    async with database.transaction() as session:
        member = await membership_store.get_member(session, ours.id, ours.owner_id)
        assert member == await membership_store.find_member(session, ours.id, ours.owner_id)
        assert (member.organization_id, member.user_id) == (ours.id, ours.owner_id)
        listed = await membership_store.list_members(session, ours.id, limit=9, cursor=None)
        assert list(listed) == [member]
        found = await membership_store.find_pending_invitation(session, ours.id, GUEST)
        assert found is not None
        assert found.id == ours.invitation_id
        assert await membership_store.count_pending_invitations(session, ours.id) == 1
        pending = await membership_store.list_pending_invitations(
            session, ours.id, limit=9, cursor=None
        )
        assert [each.id for each in pending] == [ours.invitation_id]
        with pytest.raises(NotFound):
            await membership_store.get_pending_invitation(session, ours.id, theirs.invitation_id)


@pytest.mark.parametrize("which", ["another's owner", "entered"])
async def test_who_is_of_another_organization_or_has_not_joined_is_no_member(
    database: Database, places: tuple[Place, Place], which: str
) -> None:
    theirs, ours = places
    user_id = ours.entered_id if which == "entered" else theirs.owner_id
    async with database.transaction() as session:
        assert await membership_store.find_member(session, ours.id, user_id) is None
        with pytest.raises(NotFound):
            await membership_store.get_member(session, ours.id, user_id)
        email = _email(user_id)
        assert await membership_store.find_member_by_email(session, ours.id, email) is None
        assert not await membership_store.share_organization(session, user_id, [ours.id])
        assert await membership_store.count_other_members(session, ours.id, ours.owner_id) == 0
        assert ours.id not in await store.list_places(session, user_id)
        memberships = await store.list_memberships(session, user_id)
        assert ours.id not in {organization.id for organization, _ in memberships}
