"""An account that has reached its limit leaves the service alone until then."""

import pytest
from tests.kernel.http.servers import answer, scripted

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import RateLimited
from autodeploy.kernel.http.limits import GITHUB, RENDER

GET = Call("GET", "/")
LIMITED = answer(403, {"message": "You have exceeded a secondary rate limit"}, retry_after="60")


async def test_a_limit_is_kept_by_all_calls_of_the_account(make_client, time):
    async with scripted(LIMITED, answer(200)) as server:
        client = make_client(server.url, limits=GITHUB)
        for number in range(10):
            with pytest.raises(RateLimited) as raised:
                await client.bound(token="one").send(Call("GET", f"/{number}"))
        assert raised.value.retry_after_seconds == 60
        assert len(server.seen) == 1
        time.seconds += 59.5
        with pytest.raises(RateLimited) as raised:
            await client.bound(token="one").send(Call("POST", "/", within_seconds=0.3))
        assert raised.value.retry_after_seconds == 1
        time.seconds += 0.5
        assert (await client.bound(token="one").send(GET)).status == 200


async def test_a_limit_that_ends_soon_is_waited_for_without_a_call(make_client, time):
    async with scripted(LIMITED, answer(200)) as server:
        client = make_client(server.url, limits=GITHUB)
        with pytest.raises(RateLimited):
            await client.bound(token="one").send(GET)
        time.seconds += 58
        assert (await client.bound(token="one").send(GET)).status == 200
        assert len(server.seen) == 2


async def test_others_are_served_meanwhile(make_client):
    async with scripted(LIMITED, answer(200)) as server:
        client = make_client(server.url, limits=GITHUB)
        with pytest.raises(RateLimited):
            await client.bound(token="one").send(GET)
        assert (await client.bound(token="two").send(GET)).status == 200
        assert (await client.send(GET)).status == 200


async def test_a_limit_of_one_operation_keeps_nobody_from_the_others(make_client):
    limited = answer(429, retry_after="3000")
    async with scripted(limited, answer(200)) as server:
        account = make_client(server.url, limits=RENDER).bound(token="one")
        with pytest.raises(RateLimited):
            await account.send(Call("POST", "/services", body={}))
        assert (await account.send(GET)).status == 200


async def test_a_limit_that_makes_no_sense_ends_after_an_hour(make_client, time):
    async with scripted(answer(429, retry_after="9" * 400), answer(200)) as server:
        account = make_client(server.url, limits=GITHUB).bound(token="one")
        with pytest.raises(RateLimited):
            await account.send(GET)
        time.seconds += 3600
        assert (await account.send(GET)).status == 200
