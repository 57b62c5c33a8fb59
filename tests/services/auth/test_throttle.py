"""Passwords cannot be guessed: tries are limited for each account and each address."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.services.auth.accounts import PASSWORD, signed_up

from autodeploy.kernel.cache import Cache
from autodeploy.kernel.errors import TooManyRequests
from autodeploy.kernel.ratelimit import Limit, RateLimiter
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service, throttle
from autodeploy.services.auth.errors import WrongCredentials
from autodeploy.services.auth.schemas import LoginInput

ADA = "ada@example.com"


async def login(
    resources: Resources, email: str = ADA, password: str = "wrong", address: str | None = None
) -> str:
    """How a login ended."""
    body = LoginInput(email=email, password=password)
    try:
        await service.login(resources, body, user_agent=None, address=address)
    except (WrongCredentials, TooManyRequests) as error:
        return error.code
    return "in"


@pytest.mark.parametrize("email", [ADA, "nobody@example.com"])
async def test_account_is_locked_after_wrong_tries_whether_it_exists_or_not(resources, email):
    await signed_up(resources, ADA)
    assert [await login(resources, email) for _ in range(6)] == [
        *["wrong_credentials"] * 5,
        "rate_limited",
    ]
    assert await login(resources, email.upper() + " ") == "rate_limited"


async def test_the_right_password_of_a_locked_account_is_refused_alike(resources):
    await signed_up(resources, ADA)
    for _ in range(5):
        await login(resources)
    refusals = []
    for password in ("wrong", PASSWORD):
        with pytest.raises(TooManyRequests) as refusal:
            body = LoginInput(email=ADA, password=password)
            await service.login(resources, body, user_agent=None, address=None)
        refusals.append((refusal.value.message, refusal.value.remedy))
    assert refusals[0][0] == refusals[1][0]
    assert await login(resources, "other@example.com") == "wrong_credentials"


async def test_guesses_at_the_same_time_do_not_pass_together(resources):
    await signed_up(resources, ADA)
    answers = await asyncio.gather(*(login(resources) for _ in range(40)))
    assert answers.count("wrong_credentials") == 5


async def test_a_success_makes_the_tries_before_it_count_no_more(resources):
    await signed_up(resources, ADA)
    for _ in range(3):
        for _ in range(4):
            await login(resources)
        assert await login(resources, password=PASSWORD) == "in"


async def test_who_goes_on_after_a_lock_is_locked_for_longer(resources, monkeypatch):
    monkeypatch.setattr(throttle, "_TRIES_OF_ACCOUNT", (Limit(2, 1), Limit(3, 3600)))

    async def wait_of_refusal() -> int | None:
        try:
            await throttle.count_try(resources, ADA, None)
        except TooManyRequests as refusal:
            return refusal.retry_after_seconds
        return None

    waits = [await wait_of_refusal() for _ in range(3)]
    assert waits[:2] == [None, None]
    deadline = time.monotonic() + 20
    while (waits[-1] or 0) <= 2:
        assert time.monotonic() < deadline
        waits.append(await wait_of_refusal())
        await asyncio.sleep(0.05)
    assert waits.count(None) == 3
    assert waits[2] is not None


async def test_an_address_that_tries_many_accounts_is_refused_and_others_are_not(
    resources, monkeypatch
):
    monkeypatch.setattr(throttle, "_TRIES_OF_ADDRESS", (Limit(4, 600),))
    await signed_up(resources, ADA)

    async def answers_to(*addresses: str) -> list[str]:
        return [
            await login(resources, f"user{number}@example.com", address=address)
            for number, address in enumerate(addresses)
        ]

    same = await answers_to(*["192.0.2.1"] * 5)
    assert same == ["wrong_credentials"] * 4 + ["rate_limited"]
    assert await login(resources, password=PASSWORD, address="192.0.2.1") == "rate_limited"
    assert await login(resources, password=PASSWORD, address="192.0.2.2") == "in"
    network = await answers_to(*(f"2001:db8:1:2::{number}" for number in range(5)))
    assert network[-1] == "rate_limited"
    assert await answers_to("2001:db8:1:3::1", "not an address") == ["wrong_credentials"] * 2


async def test_tries_are_limited_while_redis_is_away(resources, home):
    await signed_up(resources, ADA)
    away = Cache.connect(f"unix://{home}/nothing.sock")
    alone = replace(resources, limiter=RateLimiter(away.redis))
    answers = [await login(alone) for _ in range(6)]
    assert answers[-1] == "rate_limited"
    await away.close()


async def test_an_operator_can_switch_limits_off(resources):
    await signed_up(resources, ADA)
    off = replace(resources, limiter=None)
    assert {await login(off) for _ in range(8)} == {"wrong_credentials"}


async def test_keys_in_redis_hold_no_address_of_a_person(resources):
    await login(resources, address="192.0.2.1")
    keys = [key.decode() for key in await resources.cache.redis.keys("*")]
    assert keys
    assert not any("ada" in key for key in keys)
