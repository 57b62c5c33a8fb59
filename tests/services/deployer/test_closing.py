import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, text, update
from tests.services.auth.accounts import principal, signed_up
from tests.services.auth.people import entries, personal_organization, refreshed, team

from autodeploy.kernel.errors import Forbidden, NotFound, Unauthenticated
from autodeploy.providers.identity import IdentityProviders
from autodeploy.services.auth import members, organizations, service
from autodeploy.services.auth.errors import (
    AccountInUse,
    NotConfirmed,
    OrganizationInUse,
    PersonalOrganization,
)
from autodeploy.services.auth.models import ApiToken, Organization, Role, Session, User
from autodeploy.services.auth.organization_schemas import Fate, TransferInput
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import TokenInput
from autodeploy.services.deployer import closing, projects
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.schemas import ProjectInput

NOBODY = IdentityProviders([], public_url="https://autodeploy.test")


async def delete_team(acme, by=None, confirm="acme"):
    await closing.delete_organization(acme.resources, by or acme.owner, acme.id, confirm=confirm)


async def a_project(resources, owner, organization_id, name="Shop"):
    return await projects.create_project(
        resources, owner, ProjectInput(name=name, organization_id=organization_id)
    )


async def exists(resources, kind, row_id):
    async with resources.db.transaction() as session:
        return await session.get(kind, row_id) is not None


async def test_an_empty_organization_is_deleted_and_its_log_stays(resources):
    acme = await team(resources)
    await acme.joined(Role.MEMBER)
    await delete_team(acme)
    assert not await exists(resources, Organization, acme.id)
    log = [entry for entry in await entries(resources) if entry.organization_id == acme.id]
    made, deleted = log
    assert (made.action, deleted.action) == ("organization.create", "organization.delete")
    assert deleted.changes["slug"] == {"before": "acme", "after": None}
    with pytest.raises(NotFound):
        await delete_team(acme)


async def test_an_organization_that_holds_something_is_refused_with_what_it_holds(resources):
    acme = await team(resources)
    shop = await a_project(resources, acme.owner, acme.id)
    async with resources.db.transaction() as session:
        session.add(
            ProjectDatabase(
                organization_id=acme.id,
                project_id=shop.id,
                environment="production",
                name="main",
                provider="local",
            )
        )
    with pytest.raises(OrganizationInUse) as refusal:
        await delete_team(acme)
    assert refusal.value.message == (
        "The organization still holds 1 project (shop) and 1 database (main of shop)."
    )
    assert await exists(resources, Organization, acme.id)


@pytest.mark.parametrize("confirm", ["", "Acme", "other"])
async def test_an_organization_is_deleted_only_by_its_slug(resources, confirm):
    acme = await team(resources)
    with pytest.raises(NotConfirmed) as refusal:
        await delete_team(acme, confirm=confirm)
    assert refusal.value.field == "confirm"
    assert "?confirm=acme" in refusal.value.remedy


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
async def test_only_owners_delete_an_organization(resources, role):
    acme = await team(resources)
    with pytest.raises(Forbidden):
        await delete_team(acme, by=await acme.joined(role))


async def test_a_personal_organization_goes_with_its_account_only(resources):
    ada = await principal(resources)
    mine = personal_organization(ada)
    with pytest.raises(PersonalOrganization):
        await closing.delete_organization(resources, ada, mine, confirm="ada-lovelace")


async def test_a_project_made_while_its_organization_is_deleted_is_refused_or_stops_it(resources):
    acme = await team(resources)
    deleted, made = await asyncio.gather(
        delete_team(acme), a_project(resources, acme.owner, acme.id), return_exceptions=True
    )
    if deleted is None:
        assert isinstance(made, NotFound)
        assert not await exists(resources, Organization, acme.id)
    else:
        assert isinstance(deleted, OrganizationInUse)
        assert await exists(resources, Project, made.id)


async def delete(resources, person, by=None):
    await closing.delete_user(
        resources, NOBODY, by or person, person.user_id, confirm=person.email.upper()
    )


async def test_an_account_goes_with_its_sessions_tokens_and_own_organization(resources):
    signed_in = await signed_up(resources)
    ada = await service.authenticate(resources, signed_in.access_token)
    token = await service.create_token(resources, ada, TokenInput(name="CI"))
    mine = personal_organization(ada)
    await delete(resources, ada)
    for credential in (signed_in.access_token, token.token):
        with pytest.raises(Unauthenticated):
            await service.authenticate(resources, credential)
    assert not await exists(resources, Organization, mine)
    async with resources.db.transaction() as session:
        for kind in (User, Session, ApiToken):
            assert (await session.scalars(select(kind))).all() == []
    log = await entries(resources, "auth.user_delete")
    assert {entry.object_id for entry in log} == {str(ada.user_id), str(mine)}
    assert {entry.user_id for entry in log} == {ada.user_id}


async def test_an_account_that_was_deleted_is_not_found(resources):
    ada, root = await principal(resources), await administrator(resources)
    await delete(resources, ada, by=root)
    with pytest.raises(NotFound):
        await delete(resources, ada, by=root)


async def test_the_preview_says_what_the_deletion_then_does(resources):
    acme, other = await team(resources), await team(resources, "Other")
    ada = await acme.joined(Role.OWNER)
    await other.joined_by(ada, Role.MEMBER)
    ada = await refreshed(resources, ada)
    preview = await closing.preview_deletion(resources, ada, ada.user_id)
    assert preview.possible
    assert preview.obstacles == []
    fates = {each.id: each.fate for each in preview.organizations}
    assert (fates[acme.id], fates[other.id]) == (Fate.LEFT, Fate.LEFT)
    (own,) = [each for each in preview.organizations if each.fate == Fate.DELETED]
    await delete(resources, ada)
    assert not await exists(resources, Organization, own.id)
    for left in (acme, other):
        assert ada.user_id not in await left.roles()
        assert left.owner.user_id in await left.roles()


async def test_the_only_owner_of_an_organization_with_others_hands_it_over_first(resources):
    acme = await team(resources)
    heir = await acme.joined(Role.MEMBER)
    preview = await closing.preview_deletion(resources, acme.owner, acme.owner.user_id)
    assert not preview.possible
    with pytest.raises(AccountInUse) as refusal:
        await delete(resources, acme.owner)
    assert refusal.value.message == " ".join(preview.obstacles)
    assert "acme" in refusal.value.message
    assert await exists(resources, User, acme.owner.user_id)
    await members.transfer_organization(
        resources, acme.owner, acme.id, TransferInput(user_id=heir.user_id)
    )
    await delete(resources, await refreshed(resources, acme.owner))
    assert await acme.roles() == {heir.user_id: Role.OWNER}


async def test_an_organization_with_projects_stands_in_the_way_of_its_only_member(resources):
    ada = await principal(resources)
    await a_project(resources, ada, personal_organization(ada))
    with pytest.raises(AccountInUse) as refusal:
        await delete(resources, ada)
    assert "projects (1)" in refusal.value.message


async def test_both_owners_that_go_at_once_leave_no_organization_without_one(resources):
    acme = await team(resources)
    other = await acme.joined(Role.OWNER)
    await acme.joined(Role.MEMBER)
    answers = await asyncio.gather(
        delete(resources, acme.owner), delete(resources, other), return_exceptions=True
    )
    assert [type(each) for each in answers if each is not None] == [AccountInUse]
    assert list((await acme.roles()).values()).count(Role.OWNER) == 1


async def administrator(resources):
    person = await principal(resources)
    async with resources.db.transaction() as session:
        await session.execute(update(User).where(User.id == person.user_id).values(is_admin=True))
    return replace(person, is_admin=True)


async def test_of_administrators_that_go_at_once_one_stays(resources):
    people = [await administrator(resources) for _ in range(3)]
    answers = await asyncio.gather(
        *(delete(resources, person) for person in people), return_exceptions=True
    )
    assert [type(each) for each in answers if each is not None] == [AccountInUse]


async def test_only_oneself_and_administrators_delete_an_account(resources):
    ada, eve = await principal(resources), await principal(resources)
    for call in (
        delete(resources, ada, by=eve),
        closing.preview_deletion(resources, eve, ada.user_id),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(Forbidden):
        await delete(resources, ada, by=replace(ada, scopes=frozenset({Scope.WRITE})))
    await delete(resources, ada, by=await administrator(resources))


async def test_an_account_is_deleted_only_by_its_address(resources):
    ada = await principal(resources)
    with pytest.raises(NotConfirmed):
        await closing.delete_user(resources, NOBODY, ada, ada.user_id, confirm="")


async def test_a_deletion_that_breaks_off_changes_nothing(resources, monkeypatch):
    ada = await principal(resources)
    mine = personal_organization(ada)
    written = closing.audit.record

    async def break_off(session, who, action, row, **values):
        await written(session, who, action, row, **values)
        if isinstance(row, User):
            await session.execute(text("SELECT 1/0"))

    monkeypatch.setattr(closing.audit, "record", break_off)
    with pytest.raises(Exception, match="division by zero"):
        await delete(resources, ada)
    monkeypatch.undo()
    assert await exists(resources, User, ada.user_id)
    assert await organizations.get_organization(resources, ada, mine)
    assert await entries(resources, "auth.user_delete") == []


async def test_an_administrator_learns_that_something_stands_in_the_way_and_not_what(resources):
    acme = await team(resources)
    await acme.joined(Role.MEMBER)
    with pytest.raises(AccountInUse) as refusal:
        await delete(resources, acme.owner, by=await administrator(resources))
    assert "acme" not in refusal.value.message
