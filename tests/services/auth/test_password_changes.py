"""Passwords: reset by a link, changed by the present one; sessions of others end."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.services.auth.accounts import PASSWORD, signed_up
from tests.services.auth.mails import links_to, mails_to

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, Forbidden, TooManyRequests, Unauthenticated
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service
from autodeploy.services.auth.errors import (
    LinkEnded,
    SessionEnded,
    WrongCredentials,
    WrongPassword,
)
from autodeploy.services.auth.models import AccountLink
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import (
    EmailInput,
    LoginInput,
    PasswordInput,
    ResetInput,
    SignedIn,
    TokenInput,
)

ADA = "ada@example.com"
OTHER = "another horse battery"


async def login(resources: Resources, password: str) -> SignedIn:
    body = LoginInput(email=ADA, password=password)
    signed_in = await service.login(resources, body, user_agent=None, address=None)
    assert isinstance(signed_in, SignedIn)
    return signed_in


async def reset_link(resources: Resources) -> str:
    await service.request_reset(resources, ADA, address="192.0.2.1")
    return (await links_to(resources, ADA, "reset-password"))[-1]


async def test_link_sets_the_password_ends_all_sessions_and_proves_the_address(resources):
    first = await signed_up(resources, ADA)
    second = await login(resources, PASSWORD)
    token = await reset_link(resources)
    await service.reset_password(resources, ResetInput(token=token, password=OTHER))
    for ended in (first, second):
        with pytest.raises(SessionEnded):
            await service.authenticate(resources, ended.access_token)
        with pytest.raises(SessionEnded):
            await service.refresh(resources, ended.refresh_token)
    with pytest.raises(WrongCredentials):
        await login(resources, PASSWORD)
    assert (await login(resources, OTHER)).user.email_verified_at is not None
    assert "password was changed" in (await mails_to(resources, ADA))[-1]


async def test_link_works_once_and_only_in_time(resources):
    await signed_up(resources, ADA)
    token = await reset_link(resources)
    await service.reset_password(resources, ResetInput(token=token, password=OTHER))
    with pytest.raises(LinkEnded):
        await service.reset_password(resources, ResetInput(token=token, password=PASSWORD))
    token = await reset_link(resources)
    async with resources.db.transaction() as session:
        await session.execute(update(AccountLink).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(LinkEnded):
        await service.reset_password(resources, ResetInput(token=token, password=PASSWORD))
    await login(resources, OTHER)


async def test_of_concurrent_uses_of_a_link_one_sets_the_password(resources):
    await signed_up(resources, ADA)
    token = await reset_link(resources)
    answers = await asyncio.gather(
        *(
            service.reset_password(resources, ResetInput(token=token, password=f"{OTHER} {n}"))
            for n in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, LinkEnded) for answer in answers) == 4
    await login(resources, f"{OTHER} {answers.index(None)}")


async def test_a_reset_ends_a_change_of_address_that_somebody_began(resources):
    signed_in = await signed_up(resources, ADA)
    caller = await service.authenticate(resources, signed_in.access_token)
    body = EmailInput(email="intruder@example.com", password=PASSWORD)
    await service.change_email(resources, caller, body)
    (intruders,) = await links_to(resources, "intruder@example.com", "verify-email")
    token = await reset_link(resources)
    await service.reset_password(resources, ResetInput(token=token, password=OTHER))
    with pytest.raises(LinkEnded):
        await service.verify_email(resources, intruders)


async def test_asking_for_an_address_without_an_account_sends_nothing_and_answers_alike(resources):
    await signed_up(resources, ADA)
    assert await service.request_reset(resources, "nobody@example.com", address=None) is None
    assert await mails_to(resources, "nobody@example.com") == []


async def test_mails_are_limited_to_an_account_without_a_word_and_from_an_address_aloud(resources):
    await signed_up(resources, ADA)
    for _ in range(7):
        await service.request_reset(resources, ADA, address="192.0.2.1")
    assert len(await links_to(resources, ADA, "reset-password")) == 5
    for number in range(13):
        email = f"nobody{number}@example.com"
        await service.request_reset(resources, email, address="192.0.2.1")
    with pytest.raises(TooManyRequests):
        await service.request_reset(resources, "nobody@example.com", address="192.0.2.1")
    await service.request_reset(resources, "nobody@example.com", address="192.0.2.2")
    await resources.mail.flush()


async def test_a_reset_opens_an_account_that_was_locked_by_wrong_tries(resources):
    await signed_up(resources, ADA)
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await login(resources, "wrong")
    with pytest.raises(TooManyRequests):
        await login(resources, PASSWORD)
    token = await reset_link(resources)
    await service.reset_password(resources, ResetInput(token=token, password=OTHER))
    await login(resources, OTHER)


async def test_an_account_without_a_password_gets_one_by_a_link(resources):
    await service.ensure_administrator(resources, ADA)
    token = await reset_link(resources)
    await service.reset_password(resources, ResetInput(token=token, password=OTHER))
    assert (await login(resources, OTHER)).user.is_admin


async def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(resources):
    other = await signed_up(resources, ADA)
    mine = await login(resources, PASSWORD)
    caller = await service.authenticate(resources, mine.access_token)
    body = PasswordInput(current_password=PASSWORD, new_password=OTHER)
    await service.change_password(resources, caller, body)
    await service.authenticate(resources, mine.access_token)
    with pytest.raises(SessionEnded):
        await service.authenticate(resources, other.access_token)
    await login(resources, OTHER)
    assert "password was changed" in (await mails_to(resources, ADA))[-1]


async def test_changing_needs_the_present_password_and_tries_are_limited(resources):
    signed_in = await signed_up(resources, ADA)
    caller = await service.authenticate(resources, signed_in.access_token)
    body = PasswordInput(current_password="wrong", new_password=OTHER)
    for _ in range(5):
        with pytest.raises(WrongPassword) as refusal:
            await service.change_password(resources, caller, body)
        assert refusal.value.field == "currentPassword"
    right = PasswordInput(current_password=PASSWORD, new_password=OTHER)
    with pytest.raises(TooManyRequests):
        await service.change_password(resources, caller, right)


async def test_of_two_changes_at_once_one_is_told_of_the_other(resources):
    signed_in = await signed_up(resources, ADA)
    caller = await service.authenticate(resources, signed_in.access_token)
    bodies = [
        PasswordInput(current_password=PASSWORD, new_password=f"{OTHER} {n}") for n in range(2)
    ]
    answers = await asyncio.gather(
        *(service.change_password(resources, caller, body) for body in bodies),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Conflict | WrongPassword) for answer in answers) == 1
    await login(resources, bodies[answers.index(None)].new_password)


async def test_narrow_tokens_and_accounts_without_a_password_cannot_change_it(resources):
    signed_in = await signed_up(resources, ADA)
    caller = await service.authenticate(resources, signed_in.access_token)
    made = await service.create_token(
        resources, caller, TokenInput(name="CI", scopes=[Scope.WRITE])
    )
    body = PasswordInput(current_password=PASSWORD, new_password=OTHER)
    narrow = await service.authenticate(resources, made.token)
    with pytest.raises(Forbidden):
        await service.change_password(resources, narrow, body)
    administrator = await service.ensure_administrator(resources, "root@example.com")
    without = await service.authenticate(resources, administrator)
    with pytest.raises(Conflict, match="no password"):
        await service.change_password(resources, without, body)


async def test_login_that_began_before_a_reset_does_not_outlive_it(resources, monkeypatch):
    """The password is checked, then it is changed, then the session would be opened."""
    from autodeploy.services.auth import login as logins

    await signed_up(resources, ADA)
    token = await reset_link(resources)
    check = logins.check_password

    async def slow_check(password: str, stored: str | None) -> bool:
        right = await check(password, stored)
        await service.reset_password(resources, ResetInput(token=token, password=OTHER))
        return right

    monkeypatch.setattr(logins, "check_password", slow_check)
    with pytest.raises(Unauthenticated):
        await login(resources, PASSWORD)
