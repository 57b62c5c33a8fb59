import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.services.auth.accounts import principal
from tests.services.auth.people import entries, invitation_token, mails_to, refreshed, team

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Forbidden, NotFound
from autodeploy.kernel.mail import Mailer, MailNotSent, NoMailServer
from autodeploy.services.auth import invitations, members
from autodeploy.services.auth.errors import (
    AlreadyMember,
    InvitationForAnother,
    InvitationInvalid,
    TooManyInvitations,
)
from autodeploy.services.auth.models import Invitation, Role
from autodeploy.services.auth.organization_schemas import (
    InvitationInput,
    InvitationTokenInput,
    MemberInput,
    MemberUpdate,
)


async def invited(resources, acme, email, role=Role.MEMBER, by=None):
    """Invite the address; the token that it got by mail."""
    await invitations.invite(
        resources, by or acme.owner, acme.id, InvitationInput(email=email, role=role)
    )
    return invitation_token(mails_to(resources, email)[-1])


async def test_the_invited_person_joins_with_the_token_of_the_mail(resources):
    acme, ada = await team(resources), await principal(resources)
    token = await invited(resources, acme, ada.email, Role.ADMIN)
    joined = await invitations.accept_invitation(resources, ada, token)
    assert (joined.id, joined.role) == (acme.id, Role.ADMIN)
    assert (await acme.roles())[ada.user_id] == Role.ADMIN
    (entry,) = await entries(resources, "invitation.accept")
    assert (entry.organization_id, entry.user_id) == (acme.id, ada.user_id)


async def test_the_token_is_in_the_mail_and_nowhere_else(resources):
    acme = await team(resources)
    body = InvitationInput(email="bob@example.com")
    view = await invitations.invite(resources, acme.owner, acme.id, body)
    token = invitation_token(mails_to(resources, "bob@example.com")[0])
    listed = await invitations.list_invitations(
        resources, acme.owner, acme.id, limit=5, cursor=None
    )
    assert listed.items == [view]
    async with resources.db.transaction() as session:
        row = (await session.scalars(select(Invitation))).one()
    log = [str(vars(entry)) for entry in await entries(resources)]
    secret = token.removeprefix("adi_")
    for text in (view.model_dump_json(), str(vars(row)), *log):
        assert secret not in text
        assert row.token_hash.hex() not in view.model_dump_json()


async def test_inviting_again_renews_the_invitation_and_ends_the_first_link(resources):
    acme, ada = await team(resources), await principal(resources)
    first = await invited(resources, acme, ada.email)
    second = await invited(resources, acme, ada.email, Role.VIEWER)
    with pytest.raises(InvitationInvalid):
        await invitations.accept_invitation(resources, ada, first)
    joined = await invitations.accept_invitation(resources, ada, second)
    assert joined.role == Role.VIEWER


async def test_invitations_of_one_address_at_once_leave_one(resources):
    acme = await team(resources)
    body = InvitationInput(email="bob@example.com")
    await asyncio.gather(
        *(invitations.invite(resources, acme.owner, acme.id, body) for _ in range(4))
    )
    listed = await invitations.list_invitations(
        resources, acme.owner, acme.id, limit=5, cursor=None
    )
    assert len(listed.items) == 1
    tokens = [invitation_token(mail) for mail in mails_to(resources, "bob@example.com")]
    working = 0
    for token in tokens:
        try:
            await invitations.read_invitation(resources, InvitationTokenInput(token=token))
            working += 1
        except InvitationInvalid:
            pass
    assert (len(tokens), working) == (4, 1)


async def test_accepting_twice_is_answered_twice_and_joins_once(resources):
    acme, ada = await team(resources), await principal(resources)
    token = await invited(resources, acme, ada.email)
    first, second = await asyncio.gather(
        *(invitations.accept_invitation(resources, ada, token) for _ in range(2))
    )
    assert first == second
    assert len(await entries(resources, "invitation.accept")) == 1


async def test_an_accepted_invitation_brings_nobody_back_who_was_removed(resources):
    acme, ada = await team(resources), await principal(resources)
    token = await invited(resources, acme, ada.email)
    await invitations.accept_invitation(resources, ada, token)
    await members.remove_member(resources, acme.owner, acme.id, ada.user_id)
    with pytest.raises(InvitationInvalid):
        await invitations.accept_invitation(resources, ada, token)


async def test_an_invitation_for_another_address_is_refused(resources):
    acme, eve = await team(resources), await principal(resources)
    token = await invited(resources, acme, "bob@example.com")
    with pytest.raises(InvitationForAnother):
        await invitations.accept_invitation(resources, eve, token)
    assert eve.user_id not in await acme.roles()


async def _expired(resources, acme, view):
    async with resources.db.transaction() as session:
        await session.execute(update(Invitation).values(expires_at=now() - timedelta(seconds=1)))


async def _revoked(resources, acme, view):
    await invitations.revoke_invitation(resources, acme.owner, acme.id, view.id)


async def _sender_left(resources, acme, view):
    heir = await acme.joined(Role.OWNER)
    await members.remove_member(resources, heir, acme.id, acme.owner.user_id)


async def _sender_demoted(resources, acme, view):
    heir = await acme.joined(Role.OWNER)
    body = MemberUpdate(role=Role.MEMBER)
    await members.change_member(resources, heir, acme.id, acme.owner.user_id, body)


@pytest.mark.parametrize("ended", [_expired, _revoked, _sender_left, _sender_demoted])
async def test_an_invitation_that_ended_is_told_apart_from_no_other(resources, ended):
    acme, ada = await team(resources), await principal(resources)
    body = InvitationInput(email=ada.email)
    view = await invitations.invite(resources, acme.owner, acme.id, body)
    token = invitation_token(mails_to(resources, ada.email)[-1])
    await ended(resources, acme, view)
    for attempt in (
        invitations.accept_invitation(resources, ada, token),
        invitations.read_invitation(resources, InvitationTokenInput(token=token)),
        invitations.read_invitation(resources, InvitationTokenInput(token="adi_made-up")),
    ):
        with pytest.raises(InvitationInvalid) as refusal:
            await attempt
        assert refusal.value.message == "This invitation is unknown, used, expired or revoked."
    assert ada.user_id not in await acme.roles()


async def test_whoever_holds_the_link_reads_what_it_is(resources):
    acme = await team(resources)
    token = await invited(resources, acme, "bob@example.com", Role.VIEWER)
    offer = await invitations.read_invitation(resources, InvitationTokenInput(token=token))
    assert (offer.organization, offer.role, offer.invited_by) == (
        "Acme", Role.VIEWER, "Ada Lovelace",
    )  # fmt: skip
    assert timedelta(days=6) < offer.expires_at - now() <= timedelta(days=7)


async def test_a_member_is_not_invited_again(resources):
    acme = await team(resources)
    person = await acme.joined(Role.VIEWER)
    with pytest.raises(AlreadyMember) as refusal:
        await invited(resources, acme, person.email)
    assert refusal.value.field == "email"
    assert mails_to(resources, person.email) == []


async def test_an_admin_invites_no_owner_and_touches_no_invitation_of_one(resources):
    acme = await team(resources)
    admin = await acme.joined(Role.ADMIN)
    with pytest.raises(Forbidden):
        await invited(resources, acme, "bob@example.com", Role.OWNER, by=admin)
    await invited(resources, acme, "bob@example.com", Role.OWNER)
    with pytest.raises(Forbidden):
        await invited(resources, acme, "bob@example.com", Role.VIEWER, by=admin)
    (view,) = (
        await invitations.list_invitations(resources, admin, acme.id, limit=5, cursor=None)
    ).items
    with pytest.raises(Forbidden):
        await invitations.revoke_invitation(resources, admin, acme.id, view.id)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
async def test_below_admin_nobody_invites_or_sees_invitations(resources, role):
    acme = await team(resources)
    person = await acme.joined(role)
    with pytest.raises(Forbidden):
        await invited(resources, acme, "bob@example.com", Role.VIEWER, by=person)
    with pytest.raises(Forbidden):
        await invitations.list_invitations(resources, person, acme.id, limit=5, cursor=None)


async def test_a_foreign_invitation_is_not_found(resources):
    acme, other = await team(resources), await team(resources, "Other")
    body = InvitationInput(email="bob@example.com")
    view = await invitations.invite(resources, acme.owner, acme.id, body)
    for organization_id in (acme.id, other.id):
        with pytest.raises(NotFound):
            await invitations.revoke_invitation(resources, other.owner, organization_id, view.id)


async def test_without_a_mail_server_nobody_is_invited(resources):
    from dataclasses import replace

    acme = await team(resources)
    silent = replace(resources, mail=Mailer(None, sender="autodeploy@example.com"))
    with pytest.raises(NoMailServer):
        await invited(silent, acme, "bob@example.com")
    listed = await invitations.list_invitations(
        resources, acme.owner, acme.id, limit=5, cursor=None
    )
    assert listed.items == []


async def test_a_mail_that_fails_is_repeated_by_inviting_again(resources):
    from dataclasses import replace

    class Away:
        async def deliver(self, message):
            raise MailNotSent("The mail server does not answer.")

    acme, ada = await team(resources), await principal(resources)
    away = replace(resources, mail=Mailer(Away(), sender="autodeploy@example.com"))
    with pytest.raises(MailNotSent):
        await invited(away, acme, ada.email)
    token = await invited(resources, acme, ada.email)
    await invitations.accept_invitation(resources, ada, token)


async def test_unanswered_invitations_are_limited(resources, monkeypatch):
    monkeypatch.setattr(invitations, "MOST_PENDING", 1)
    acme = await team(resources)
    await invited(resources, acme, "bob@example.com")
    with pytest.raises(TooManyInvitations):
        await invited(resources, acme, "eve@example.com")
    await invited(resources, acme, "bob@example.com")


async def test_a_colleague_is_added_at_once_and_a_stranger_is_not_found(resources):
    acme, other = await team(resources), await team(resources, "Other")
    colleague = await acme.joined(Role.VIEWER)
    owner = await other.joined_by(acme.owner, Role.OWNER)
    body = MemberInput(user_id=colleague.user_id, role=Role.MEMBER)
    added = await members.add_member(resources, owner, other.id, body)
    assert (added.email, added.role) == (colleague.email, Role.MEMBER)
    assert other.id in (await refreshed(resources, colleague)).roles
    with pytest.raises(AlreadyMember):
        await members.add_member(resources, owner, other.id, body)
    stranger = await principal(resources)
    with pytest.raises(NotFound) as refusal:
        await members.add_member(resources, owner, other.id, MemberInput(user_id=stranger.user_id))
    assert refusal.value.field == "userId"
