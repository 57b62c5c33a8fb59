import asyncio

import pytest
from sqlalchemy import select
from tests.services.auth.accounts import principal
from tests.services.auth.people import entries, personal_organization, team

from autodeploy.kernel.errors import Forbidden, InvalidInput, NotFound, PreconditionFailed
from autodeploy.kernel.versions import IfMatch, etag_of
from autodeploy.services.auth import members, organizations, project_limits
from autodeploy.services.auth.errors import LastOwner, SlugTaken
from autodeploy.services.auth.models import Organization, Role
from autodeploy.services.auth.organization_schemas import (
    MemberUpdate,
    OrganizationInput,
    OrganizationUpdate,
    TransferInput,
)
from autodeploy.services.auth.schemas import MemberProjectsInput


async def test_who_makes_an_organization_owns_it_and_it_is_not_personal(resources):
    acme = await team(resources)
    view = await organizations.get_organization(resources, acme.owner, acme.id)
    assert (view.name, view.slug, view.role, view.plan) == ("Acme", "acme", Role.OWNER, "free")
    assert not view.personal
    assert await acme.roles() == {acme.owner.user_id: Role.OWNER}


async def test_a_slug_that_is_taken_is_refused_by_name(resources):
    acme = await team(resources)
    with pytest.raises(SlugTaken) as refusal:
        await organizations.create_organization(
            resources, acme.owner, OrganizationInput(name="Other", slug="acme")
        )
    assert refusal.value.field == "slug"
    other = await team(resources, "Other")
    with pytest.raises(SlugTaken):
        await organizations.update_organization(
            resources, other.owner, other.id, OrganizationUpdate(slug="acme")
        )


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
async def test_below_admin_nobody_changes_an_organization(resources, role):
    acme = await team(resources)
    person = await acme.joined(role)
    with pytest.raises(Forbidden):
        await organizations.update_organization(
            resources, person, acme.id, OrganizationUpdate(name="Mine")
        )


async def test_what_a_get_answers_can_be_put_back_and_changes_nothing(resources):
    acme = await team(resources)
    view = await organizations.get_organization(resources, acme.owner, acme.id)
    body = OrganizationUpdate.model_validate(view.model_dump(mode="json", by_alias=True))
    again = await organizations.update_organization(resources, acme.owner, acme.id, body)
    assert again == view
    assert await entries(resources, "organization.update") == []


async def test_the_plan_is_not_for_owners_to_change(resources):
    acme = await team(resources)
    with pytest.raises(InvalidInput) as refusal:
        await organizations.update_organization(
            resources, acme.owner, acme.id, OrganizationUpdate.model_validate({"plan": "pro"})
        )
    assert refusal.value.field == "plan"


async def test_of_two_changes_of_one_version_the_second_is_refused(resources):
    acme = await team(resources)
    view = await organizations.get_organization(resources, acme.owner, acme.id)
    seen = IfMatch.parse(etag_of(view))

    async def rename(name: str):
        return await organizations.update_organization(
            resources, acme.owner, acme.id, OrganizationUpdate(name=name), seen
        )

    answers = await asyncio.gather(rename("One"), rename("Two"), return_exceptions=True)
    assert sum(isinstance(answer, PreconditionFailed) for answer in answers) == 1


async def test_a_role_that_was_taken_since_the_call_began_counts_no_more(resources):
    acme = await team(resources)
    admin = await acme.joined(Role.ADMIN)
    await members.change_member(
        resources, acme.owner, acme.id, admin.user_id, MemberUpdate(role=Role.VIEWER)
    )
    with pytest.raises(Forbidden):
        await organizations.update_organization(
            resources, admin, acme.id, OrganizationUpdate(name="Mine")
        )
    await members.remove_member(resources, acme.owner, acme.id, admin.user_id)
    with pytest.raises(NotFound):
        await organizations.update_organization(
            resources, admin, acme.id, OrganizationUpdate(name="Mine")
        )


async def _leave(resources, person, organization_id):
    await members.remove_member(resources, person, organization_id, person.user_id)


async def test_a_role_that_was_taken_since_the_call_began_limits_nobody(resources):
    acme = await team(resources)
    admin, member = await acme.joined(Role.ADMIN), await acme.joined(Role.MEMBER)
    await members.change_member(
        resources, acme.owner, acme.id, admin.user_id, MemberUpdate(role=Role.MEMBER)
    )
    with pytest.raises(Forbidden):
        await project_limits.set_member_projects(
            resources, admin, acme.id, member.user_id, MemberProjectsInput(projects=[])
        )


async def test_the_last_owner_cannot_leave_be_removed_or_be_demoted(resources):
    acme = await team(resources)
    await acme.joined(Role.ADMIN)
    with pytest.raises(LastOwner):
        await _leave(resources, acme.owner, acme.id)
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        with pytest.raises(LastOwner):
            await members.change_member(
                resources, acme.owner, acme.id, acme.owner.user_id, MemberUpdate(role=role)
            )
    assert (await acme.roles())[acme.owner.user_id] == Role.OWNER


@pytest.mark.parametrize("attempt", range(3))
async def test_of_owners_that_leave_at_once_one_stays(resources, attempt):
    acme = await team(resources)
    owners = [acme.owner, *[await acme.joined(Role.OWNER) for _ in range(3)]]
    answers = await asyncio.gather(
        *(_leave(resources, owner, acme.id) for owner in owners), return_exceptions=True
    )
    assert [type(answer) for answer in answers if answer is not None] == [LastOwner]
    assert list((await acme.roles()).values()) == [Role.OWNER]


async def test_of_owners_that_demote_each_other_at_once_one_stays(resources):
    acme = await team(resources)
    other = await acme.joined(Role.OWNER)
    body = MemberUpdate(role=Role.VIEWER)
    answers = await asyncio.gather(
        members.change_member(resources, acme.owner, acme.id, other.user_id, body),
        members.change_member(resources, other, acme.id, acme.owner.user_id, body),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Forbidden) for answer in answers) == 1
    assert sorted((await acme.roles()).values()) == [Role.OWNER, Role.VIEWER]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
async def test_everybody_but_the_last_owner_may_leave(resources, role):
    acme = await team(resources)
    person = await acme.joined(role)
    await _leave(resources, person, acme.id)
    assert person.user_id not in await acme.roles()
    (entry,) = await entries(resources, "member.leave")
    assert (entry.user_id, entry.object_id) == (person.user_id, str(person.user_id))
    assert entry.changes == {"role": {"before": role, "after": None}}


async def test_an_admin_decides_about_roles_up_to_admin_only(resources):
    acme = await team(resources)
    admin, other = await acme.joined(Role.ADMIN), await acme.joined(Role.MEMBER)

    async def give(user_id, role):
        await members.change_member(resources, admin, acme.id, user_id, MemberUpdate(role=role))

    await give(other.user_id, Role.ADMIN)
    assert (await acme.roles())[other.user_id] == Role.ADMIN
    with pytest.raises(Forbidden):
        await give(other.user_id, Role.OWNER)
    with pytest.raises(Forbidden):
        await give(admin.user_id, Role.OWNER)
    second = await acme.joined(Role.OWNER)
    with pytest.raises(Forbidden):
        await give(second.user_id, Role.VIEWER)
    with pytest.raises(Forbidden):
        await members.remove_member(resources, admin, acme.id, second.user_id)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
async def test_below_admin_nobody_changes_or_removes_members(resources, role):
    acme = await team(resources)
    person, other = await acme.joined(role), await acme.joined(Role.VIEWER)
    with pytest.raises(Forbidden):
        await members.change_member(
            resources, person, acme.id, other.user_id, MemberUpdate(role=Role.VIEWER)
        )
    with pytest.raises(Forbidden):
        await members.remove_member(resources, person, acme.id, other.user_id)


async def test_a_member_of_another_organization_is_not_found(resources):
    acme, other = await team(resources), await team(resources, "Other")
    stranger = await other.joined(Role.MEMBER)
    for call in (
        members.remove_member(resources, acme.owner, acme.id, stranger.user_id),
        members.remove_member(resources, acme.owner, other.id, stranger.user_id),
        members.list_members(resources, acme.owner, other.id, limit=5, cursor=None),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_transfer_makes_the_other_owner_and_the_caller_admin(resources):
    acme = await team(resources)
    heir = await acme.joined(Role.VIEWER)
    body = TransferInput(user_id=heir.user_id)
    view = await members.transfer_organization(resources, acme.owner, acme.id, body)
    assert view.role == Role.ADMIN
    assert await acme.roles() == {acme.owner.user_id: Role.ADMIN, heir.user_id: Role.OWNER}
    with pytest.raises(Forbidden):
        await members.transfer_organization(resources, acme.owner, acme.id, body)


async def test_an_organization_is_transferred_to_members_only_and_by_owners_only(resources):
    acme = await team(resources)
    admin, stranger = await acme.joined(Role.ADMIN), await principal(resources)
    for user_id in (stranger.user_id, acme.owner.user_id):
        with pytest.raises(InvalidInput):
            await members.transfer_organization(
                resources, acme.owner, acme.id, TransferInput(user_id=user_id)
            )
    with pytest.raises(Forbidden):
        await members.transfer_organization(
            resources, admin, acme.id, TransferInput(user_id=admin.user_id)
        )


async def test_things_go_to_the_personal_organization_whatever_others_do(resources):
    ada, eve = await principal(resources), await team(resources, "Eve")
    mine = personal_organization(ada)
    caught = await eve.joined_by(ada, Role.OWNER)
    async with resources.db.transaction() as session:
        assert await organizations.default_organization(session, caught) == mine


async def test_a_personal_organization_that_was_handed_over_is_nobodys_default(resources):
    ada, bob = await principal(resources), await principal(resources)
    mine = personal_organization(ada)
    async with resources.db.transaction() as session:
        from autodeploy.kernel.clock import now
        from autodeploy.services.auth.membership_store import add_member

        await add_member(session, mine, bob.user_id, Role.MEMBER, now())
    await members.transfer_organization(resources, ada, mine, TransferInput(user_id=bob.user_id))
    async with resources.db.transaction() as session:
        organization = await session.scalar(select(Organization).where(Organization.id == mine))
        assert organization.personal_user_id is None
        with pytest.raises(InvalidInput):
            await organizations.default_organization(session, ada)


async def test_pages_of_members_hold_each_one_once(resources):
    acme = await team(resources)
    for _ in range(4):
        await acme.joined(Role.MEMBER)
    seen, cursor = [], None
    for _ in range(3):
        page = await members.list_members(resources, acme.owner, acme.id, limit=2, cursor=cursor)
        seen += [member.user_id for member in page.items]
        cursor = page.next_cursor
    assert len(seen) == 5
    assert set(seen) == set(await acme.roles())
    assert cursor is None
