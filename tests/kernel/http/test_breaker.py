"""A service that does not answer is left alone, then asked by one call."""

import asyncio

import pytest
from tests.kernel.http.servers import DROP, HANG, answer, scripted

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.retries import ONCE

GET = Call("GET", "/")


async def _fail(client, times: int) -> None:
    """Calls of more than one path."""
    for number in range(times):
        with pytest.raises(ProviderUnavailable):
            await client.send(Call("GET", f"/{number}"))


async def test_after_failures_in_a_row_calls_fail_at_once_and_say_since_when(make_client, time):
    async with scripted(answer(503)) as server:
        client = make_client(server.url, patience=ONCE)
        await _fail(client, 4)
        time.seconds += 60
        await _fail(client, 1)
        with pytest.raises(ProviderUnavailable) as raised:
            await client.bound(token="another").send(GET)
        assert len(server.seen) == 5
    assert "Acme does not answer since 2026-11-01 12:00:00 UTC" in raised.value.message
    assert "30 s" in raised.value.remedy


async def test_one_probe_is_let_through_and_its_answer_closes_the_breaker(make_client, time):
    async with scripted(*[DROP] * 5, HANG, answer(200)) as server:
        client = make_client(server.url, patience=ONCE)
        await _fail(client, 5)
        time.seconds += 30
        probe = asyncio.create_task(client.send(GET))
        while len(server.seen) < 6:
            await asyncio.sleep(0.001)
        await _fail(client, 1)
        assert len(server.seen) == 6, "a second call while the probe is under way"
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert (await client.send(GET)).status == 200, "a probe that was given up lets another go"
        assert (await client.send(GET)).status == 200


async def test_a_probe_that_fails_leaves_it_open_for_as_long_again(make_client, time):
    async with scripted(*[answer(500)] * 6, answer(200)) as server:
        client = make_client(server.url, patience=ONCE)
        await _fail(client, 5)
        time.seconds += 30
        await _fail(client, 1)
        time.seconds += 29
        await _fail(client, 1)
        assert len(server.seen) == 6
        time.seconds += 1
        assert (await client.send(GET)).status == 200


@pytest.mark.parametrize("status", [200, 404, 429])
async def test_an_answer_between_failures_keeps_it_closed(make_client, status):
    served = answer(status, retry_after="900")
    async with scripted(*[answer(500)] * 4, served, *[answer(500)] * 4, answer(200)) as server:
        client = make_client(server.url, patience=ONCE)
        await _fail(client, 4)
        if status == 429:
            await _fail(client, 1)
        else:
            await client.send(GET)
        await _fail(client, 4)
        assert (await client.send(GET)).status == 200


async def test_what_fails_in_one_place_keeps_nobody_from_the_service(make_client):
    failing = Call("GET", "/repos/{repo}/compare", parts={"repo": "huge"})
    async with scripted(answer(502)) as server:
        client = make_client(server.url)
        one, two = client.bound(token="one"), client.bound(token="two")
        for _ in range(8):
            with pytest.raises(ProviderUnavailable, match="502"):
                await one.send(failing)
        server.script = [answer(200)]
        assert (await two.send(failing)).status == 200
        server.script = [answer(502)]
        for _ in range(2):
            for account in (one, two, one):
                with pytest.raises(ProviderUnavailable):
                    await account.send(failing)
        asked = len(server.seen)
        with pytest.raises(ProviderUnavailable, match="does not answer since"):
            await client.bound(token="three").send(failing)
        assert len(server.seen) == asked, "it is of more than one account"


async def test_a_call_counts_once_however_often_it_is_sent(make_client, time):
    async with scripted(answer(503)) as server:
        client = make_client(server.url)
        await _fail(client, 4)
        assert len(server.seen) == 16
        await _fail(client, 1)
        assert len(server.seen) == 17, "then it is left alone"


async def test_a_service_that_cannot_be_reached_is_left_alone_whoever_asked(make_client):
    client = make_client("http://127.0.0.1:1", patience=ONCE)
    for _ in range(5):
        with pytest.raises(ProviderUnavailable, match="ConnectError"):
            await client.bound(token="one").send(GET)
    with pytest.raises(ProviderUnavailable, match="does not answer since"):
        await client.bound(token="two").send(GET)


async def test_services_do_not_share_a_breaker(make_client):
    async with scripted(answer(500)) as bad, scripted(answer(200)) as good:
        await _fail(make_client(bad.url, patience=ONCE), 6)
        assert (await make_client(good.url).send(GET)).status == 200
