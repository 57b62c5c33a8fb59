import pytest
from tests.services.auth.accounts import PASSWORD, principal
from tests.services.auth.people import entries, invitation_token, mails_to, team

from autodeploy.kernel.errors import Unauthenticated
from autodeploy.services.auth import invitations, newcomers, service, store
from autodeploy.services.auth.errors import EmailTaken, InvitationForAnother, InvitationInvalid
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.organization_schemas import InvitationAcceptance, InvitationInput

BOB = "bob@example.com"


async def invited(resources, acme, email=BOB):
    body = InvitationInput(email=email, role=Role.ADMIN)
    await invitations.invite(resources, acme.owner, acme.id, body)
    return invitation_token(mails_to(resources, email)[-1])


async def accept(resources, token, caller=None, **newcomer):
    body = InvitationAcceptance(token=token, **newcomer)
    return await newcomers.accept(resources, caller, body, user_agent="tests", address="192.0.2.1")


async def test_a_newcomer_gets_an_account_joins_and_is_signed_in(resources):
    acme = await team(resources)
    accepted = await accept(
        resources, await invited(resources, acme), name="Bob", password=PASSWORD
    )
    assert (accepted.organization.id, accepted.organization.role) == (acme.id, Role.ADMIN)
    bob = await service.authenticate(resources, accepted.session.access_token)
    assert bob.email == BOB
    assert bob.roles[acme.id] == Role.ADMIN
    assert len(bob.roles) == 2
    async with resources.db.transaction() as session:
        assert (await store.get_user(session, bob.user_id)).email_verified_at is not None
    written = [entry.action for entry in (await entries(resources))[-3:]]
    assert sorted(written) == ["auth.login", "auth.register", "invitation.accept"]


async def test_a_newcomer_s_token_works_once(resources):
    token = await invited(resources, await team(resources))
    await accept(resources, token, name="Bob", password=PASSWORD)
    with pytest.raises(InvitationInvalid):
        await accept(resources, token, name="Eve", password=PASSWORD)


async def test_an_address_that_has_an_account_signs_in_instead(resources):
    acme, ada = await team(resources), await principal(resources)
    token = await invited(resources, acme, ada.email)
    with pytest.raises(EmailTaken):
        await accept(resources, token, name="Ada", password=PASSWORD)
    accepted = await accept(resources, token, ada)
    assert accepted.session is None
    assert (await acme.roles())[ada.user_id] == Role.ADMIN


async def test_somebody_accepts_or_nobody_joins(resources):
    acme = await team(resources)
    token = await invited(resources, acme)
    for newcomer in ({}, {"name": "Bob"}, {"password": PASSWORD}):
        with pytest.raises(Unauthenticated):
            await accept(resources, token, **newcomer)
    assert list(await acme.roles()) == [acme.owner.user_id]


async def test_who_is_signed_in_as_another_makes_no_account_by_the_way(resources):
    acme, eve = await team(resources), await principal(resources)
    with pytest.raises(InvitationForAnother):
        await accept(resources, await invited(resources, acme), eve, name="Eve", password=PASSWORD)
    async with resources.db.transaction() as session:
        assert await store.find_user_by_email(session, BOB) is None


async def test_an_account_is_made_with_its_membership_or_not_at_all(resources, monkeypatch):
    async def fail(*_):
        raise RuntimeError("the process dies here")

    acme = await team(resources)
    token = await invited(resources, acme)
    monkeypatch.setattr(newcomers, "join", fail)
    with pytest.raises(RuntimeError):
        await accept(resources, token, name="Bob", password=PASSWORD)
    monkeypatch.undo()
    await accept(resources, token, name="Bob", password=PASSWORD)
