"""E-mail addresses: verified by the newest link, once and in time; changed by the new address."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.services.auth.accounts import PASSWORD, principal, signed_up
from tests.services.auth.mails import links_to, mails_to

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, TooManyRequests
from autodeploy.kernel.mail import Mailer, MailNotSent, NoMailServer
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service
from autodeploy.services.auth.errors import EmailTaken, LinkEnded, WrongPassword
from autodeploy.services.auth.models import AccountLink, User
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import EmailInput

ADA = "ada@example.com"
NEW = "lovelace@example.com"


class Down:
    """A mail server that takes nothing."""

    async def deliver(self, message: object) -> None:
        raise MailNotSent("The mail server did not take the mail (Down).")


def without_mail_server(resources: Resources) -> Resources:
    return replace(resources, mail=Mailer(None, sender="a@b.example"))


async def user_of(resources: Resources, caller: Principal) -> User:
    async with resources.db.transaction() as session:
        return await session.get_one(User, caller.user_id)


async def ada(resources: Resources) -> Principal:
    signed_in = await signed_up(resources, ADA)
    return await service.authenticate(resources, signed_in.access_token)


async def test_link_of_the_registration_verifies_the_address_once(resources):
    caller = await ada(resources)
    assert (await user_of(resources, caller)).email_verified_at is None
    (token,) = await links_to(resources, ADA, "verify-email")
    await service.verify_email(resources, token)
    assert (await user_of(resources, caller)).email_verified_at is not None
    with pytest.raises(LinkEnded) as refusal:
        await service.verify_email(resources, token)
    assert refusal.value.field == "token"
    with pytest.raises(Conflict, match="is verified"):
        await service.send_verification(resources, caller)


async def test_tokens_of_links_are_stored_hashed(resources):
    await ada(resources)
    (token,) = await links_to(resources, ADA, "verify-email")
    async with resources.db.transaction() as session:
        link = (await session.scalars(select(AccountLink))).one()
    assert token.encode() not in link.token_hash
    assert token not in f"{vars(link)}"


async def test_only_the_newest_link_works(resources):
    caller = await ada(resources)
    await service.send_verification(resources, caller)
    old, new = await links_to(resources, ADA, "verify-email")
    with pytest.raises(LinkEnded):
        await service.verify_email(resources, old)
    await service.verify_email(resources, new)


async def test_expired_link_is_refused(resources):
    await ada(resources)
    (token,) = await links_to(resources, ADA, "verify-email")
    async with resources.db.transaction() as session:
        await session.execute(update(AccountLink).values(expires_at=now()))
    with pytest.raises(LinkEnded):
        await service.verify_email(resources, token)


async def test_link_for_a_password_does_not_verify_by_itself(resources):
    await ada(resources)
    await service.request_reset(resources, ADA, address=None)
    (token,) = await links_to(resources, ADA, "reset-password")
    with pytest.raises(LinkEnded):
        await service.verify_email(resources, token)


async def test_of_concurrent_uses_of_a_link_one_succeeds(resources):
    await ada(resources)
    (token,) = await links_to(resources, ADA, "verify-email")
    answers = await asyncio.gather(
        *(service.verify_email(resources, token) for _ in range(8)), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, LinkEnded) for answer in answers) == 7


async def test_registering_succeeds_while_the_mail_server_is_down_and_asking_again_says_so(
    resources,
):
    down = replace(resources, mail=Mailer(Down(), sender="a@b.example", retry_seconds=()))
    caller = await ada(down)
    await down.mail.flush()
    with pytest.raises(MailNotSent):
        await service.send_verification(down, caller)
    await service.send_verification(resources, caller)
    (token,) = await links_to(resources, ADA, "verify-email")
    await service.verify_email(resources, token)


async def test_without_a_mail_server_registering_succeeds_and_the_rest_is_refused(resources):
    silent = without_mail_server(resources)
    caller = await ada(silent)
    await silent.mail.flush()
    with pytest.raises(NoMailServer):
        await service.send_verification(silent, caller)
    with pytest.raises(NoMailServer):
        await service.change_email(silent, caller, EmailInput(email=NEW, password=PASSWORD))
    for email in (ADA, "nobody@example.com"):
        with pytest.raises(NoMailServer):
            await service.request_reset(silent, email, address=None)


async def test_links_can_be_asked_for_again_but_not_without_end(resources):
    caller = await ada(resources)
    for _ in range(5):
        await service.send_verification(resources, caller)
    with pytest.raises(TooManyRequests):
        await service.send_verification(resources, caller)
    tokens = await links_to(resources, ADA, "verify-email")
    await service.verify_email(resources, tokens[-1])


async def test_the_new_address_confirms_a_change_and_the_old_one_is_told(resources):
    caller = await ada(resources)
    (of_old,) = await links_to(resources, ADA, "verify-email")
    await service.change_email(resources, caller, EmailInput(email=NEW.upper(), password=PASSWORD))
    assert (await user_of(resources, caller)).email == ADA
    (token,) = await links_to(resources, NEW, "verify-email")
    await service.verify_email(resources, token)
    user = await user_of(resources, caller)
    assert (user.email, user.email_verified_at is not None) == (NEW, True)
    assert f"changed to {NEW}" in (await mails_to(resources, ADA))[-1]
    with pytest.raises(LinkEnded):  # it would bring the old address back
        await service.verify_email(resources, of_old)


async def test_a_change_needs_the_password(resources):
    caller = await ada(resources)
    with pytest.raises(WrongPassword) as refusal:
        await service.change_email(resources, caller, EmailInput(email=NEW, password="wrong"))
    assert refusal.value.field == "password"
    assert await mails_to(resources, NEW) == []


async def test_whose_address_is_taken_is_told_to_its_owner_only(resources):
    caller = await ada(resources)
    await signed_up(resources, NEW)
    await service.change_email(resources, caller, EmailInput(email=NEW, password=PASSWORD))
    assert len(await links_to(resources, NEW, "verify-email")) == 1  # of its own registration
    assert "an\naccount with it exists" in (await mails_to(resources, NEW))[-1]


async def test_address_that_was_taken_in_the_meantime_is_refused_and_the_link_kept(resources):
    caller = await ada(resources)
    await service.change_email(resources, caller, EmailInput(email=NEW, password=PASSWORD))
    (token,) = await links_to(resources, NEW, "verify-email")
    other = await signed_up(resources, NEW)
    with pytest.raises(EmailTaken):
        await service.verify_email(resources, token)
    assert (await user_of(resources, caller)).email == ADA
    async with resources.db.transaction() as session:
        await session.execute(
            update(User).where(User.id == other.user.id).values(email="x@example.com")
        )
    await service.verify_email(resources, token)
    assert (await user_of(resources, caller)).email == NEW


async def test_links_go_with_their_user(resources):
    caller = await principal(resources)
    async with resources.db.transaction() as session:
        await session.delete(await session.get_one(User, caller.user_id))
    async with resources.db.transaction() as session:
        assert (await session.scalars(select(AccountLink))).all() == []


async def test_administrators_address_counts_as_verified(resources):
    token = await service.ensure_administrator(resources, "root@example.com")
    me = await service.get_me(resources, await service.authenticate(resources, token))
    assert me.email_verified_at is not None
    assert now() - me.email_verified_at < timedelta(minutes=1)
