"""The first administrator, made with the token that the server printed."""

import asyncio

import pytest
from tests.services.auth.accounts import PASSWORD, signed_up

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service, setup
from autodeploy.services.auth.errors import EmailTaken, SetupRefused
from autodeploy.services.auth.schemas import SetupInput, SignedIn


async def set_up(
    resources: Resources, token: str | None, email: str = "root@example.com"
) -> SignedIn:
    body = SetupInput(token=token or "", email=email, password=PASSWORD, name="Root")
    return await service.set_up(resources, body, user_agent=None, address=None)


async def test_token_makes_one_administrator_with_an_organization_and_is_gone(resources):
    token = await service.issue_setup_token(resources)
    signed_in = await set_up(resources, token)
    caller = await service.authenticate(resources, signed_in.access_token)
    assert caller.is_admin
    assert len(caller.roles) == 1
    assert signed_in.user.email_verified_at is not None
    with pytest.raises(SetupRefused):
        await set_up(resources, token, "second@example.com")
    assert await service.issue_setup_token(resources) is None


async def test_no_token_is_issued_beside_an_administrator_and_an_earlier_one_ends(resources):
    token = await service.issue_setup_token(resources)
    await service.ensure_administrator(resources, "admin@example.com")
    assert await service.issue_setup_token(resources) is None
    with pytest.raises(SetupRefused):
        await set_up(resources, token)


async def test_of_concurrent_uses_one_makes_the_administrator(resources, monkeypatch):
    barrier = asyncio.Barrier(6)

    async def hash_together(password: str) -> str:
        await barrier.wait()
        return password

    monkeypatch.setattr(setup, "hash_password", hash_together)
    tokens = [await service.issue_setup_token(resources) for _ in range(2)]
    answers = await asyncio.gather(
        *(set_up(resources, tokens[n % 2], f"root{n}@example.com") for n in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
    assert sum(isinstance(answer, SetupRefused) for answer in answers) == 5


async def test_an_ordinary_account_does_not_end_the_set_up_nor_become_its_administrator(resources):
    await signed_up(resources, "root@example.com")
    token = await service.issue_setup_token(resources)
    with pytest.raises(EmailTaken):
        await set_up(resources, token)
    assert (await set_up(resources, token, "other@example.com")).user.is_admin


@pytest.mark.parametrize("token", ["", "x", "é"])
async def test_a_token_that_was_not_issued_is_refused(resources, token):
    with pytest.raises(SetupRefused) as refusal:
        await set_up(resources, token)
    assert refusal.value.field == "token"


async def test_a_token_expires(resources):
    token = await service.issue_setup_token(resources)
    (key,) = await resources.cache.redis.keys("*setup*")
    assert 0 < await resources.cache.redis.ttl(key) <= 3600
    assert token.encode() not in key
    await resources.cache.redis.delete(key)
    with pytest.raises(SetupRefused):
        await set_up(resources, token)
