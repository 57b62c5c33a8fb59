"""What is sent again, when, and what never is."""

import socket
from dataclasses import replace

import pytest
from tests.kernel.http.servers import DROP, START, answer, scripted

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderUnavailable, RateLimited
from autodeploy.kernel.http.limits import GITHUB, RENDER, SUPABASE, VERCEL
from autodeploy.kernel.http.retries import Patience

CUT = b"HTTP/1.1 200 X\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{"
IDEMPOTENT = ["GET", "PUT", "DELETE"]
OTHERS = ["POST", "PATCH"]
LOST = [DROP, CUT, answer(502), answer(503), answer(504)]


@pytest.mark.parametrize("lost", LOST, ids=["drop", "cut", "502", "503", "504"])
@pytest.mark.parametrize("method", IDEMPOTENT)
async def test_an_idempotent_call_whose_answer_is_lost_is_repeated(make_client, lost, method):
    async with scripted(lost, answer(200, b"")) as server:
        assert (await make_client(server.url).send(Call(method, "/"))).status == 200
        assert len(server.seen) == 2


@pytest.mark.parametrize("lost", [*LOST, answer(500)], ids=[*"dc234", "500"])
@pytest.mark.parametrize("method", OTHERS)
async def test_a_call_that_may_have_been_applied_is_never_repeated(make_client, lost, method):
    async with scripted(lost, answer(201)) as server:
        with pytest.raises(OutcomeUnknown):
            await make_client(server.url).send(Call(method, "/", body={}))
        assert len(server.seen) == 1


async def test_a_call_that_is_declared_safe_is_repeated(make_client):
    async with scripted(DROP, answer(502), answer(200)) as server:
        assert (await make_client(server.url).send(Call("PATCH", "/", safe=True))).status == 200


async def test_a_get_that_is_declared_unsafe_is_not_repeated(make_client):
    async with scripted(DROP, answer(200)) as server:
        with pytest.raises(OutcomeUnknown):
            await make_client(server.url).send(Call("GET", "/", safe=False))


@pytest.mark.parametrize("failure", [500, 501, 520])
async def test_a_get_is_repeated_whatever_the_server_failed_by(make_client, failure):
    async with scripted(answer(failure), answer(200)) as server:
        assert (await make_client(server.url).send(Call("GET", "/"))).status == 200
        assert len(server.seen) == 2


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_500_of_what_changes_something_is_told_at_once(make_client, time, method):
    async with scripted(answer(500)) as server:
        with pytest.raises(ProviderUnavailable) as raised:
            await make_client(server.url).send(Call(method, "/"))
        assert len(server.seen) == 1
    assert not isinstance(raised.value, OutcomeUnknown)
    assert time.slept == []


async def test_a_get_that_is_never_served_is_told_after_all_attempts(make_client):
    async with scripted(*[answer(500)] * 4) as server:
        with pytest.raises(ProviderUnavailable) as raised:
            await make_client(server.url).send(Call("GET", "/"))
        assert len(server.seen) == 4
    assert not isinstance(raised.value, OutcomeUnknown)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_fails_is_tried_again_whatever_the_method(
    make_client, time, method
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        client = make_client(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ProviderUnavailable, match="ConnectError") as raised:
            await client.send(Call(method, "/"))
    assert not isinstance(raised.value, OutcomeUnknown)
    assert time.slept == [0.5, 1.0, 2.0]


async def test_waits_double_up_to_a_bound_with_jitter():
    patience = Patience(first_wait_seconds=1, longest_wait_seconds=5)
    assert [patience.backoff_seconds(n, 1.0) for n in (1, 2, 3, 4, 9)] == [1, 2, 4, 5, 5]
    assert patience.backoff_seconds(2, 0.0) == 1.0


async def test_attempts_and_the_whole_time_are_bounded(make_client, time):
    async with scripted(answer(503)) as server:
        with pytest.raises(ProviderUnavailable):
            await make_client(server.url).send(Call("GET", "/"))
        assert len(server.seen) == 4
        server.seen.clear()
        time.slept.clear()
        patience = Patience(attempts=50)
        with pytest.raises(ProviderUnavailable):
            await make_client(server.url, patience=patience).send(
                Call("GET", "/", within_seconds=3)
            )
        assert sum(time.slept) < 3
        assert len(server.seen) == 3


async def test_a_503_that_names_a_time_is_waited_for(make_client, time):
    async with scripted(answer(503, retry_after="7"), answer(200)) as server:
        await make_client(server.url).send(Call("GET", "/"))
    assert 7 <= time.slept[0] <= 8


EPOCH = str(int(START.timestamp()) + 20)
DATE = "Sun, 01 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("rules", "limited", "wait"),
    [
        (GITHUB, answer(403, x_ratelimit_remaining="0", x_ratelimit_reset=EPOCH, date=DATE), 21),
        (GITHUB, answer(429, x_ratelimit_remaining="0", x_ratelimit_reset=EPOCH, date=DATE), 21),
        (GITHUB, answer(403, retry_after="9", x_ratelimit_remaining="4000"), 9),
        (RENDER, answer(429, ratelimit_remaining="0", ratelimit_reset="12"), 12),
        (RENDER, answer(429, ratelimit_remaining="0", ratelimit_reset="nan"), 5),
        (RENDER, answer(429, retry_after="3", ratelimit_reset="12"), 3),
        (SUPABASE, answer(429, x_ratelimit_remaining="0", x_ratelimit_reset="14"), 14),
        (VERCEL, answer(429, x_ratelimit_remaining="0", x_ratelimit_reset=EPOCH, date=DATE), 21),
        (VERCEL, answer(429, retry_after="Sun, 01 Nov 2026 12:00:06 GMT", date=DATE), 6),
        (VERCEL, answer(429), 5),
    ],
)
async def test_a_limit_was_not_applied_so_even_a_post_waits_and_is_sent_again(
    make_client, time, rules, limited, wait
):
    async with scripted(limited, answer(201)) as server:
        client = make_client(server.url, limits=rules)
        assert (await client.send(Call("POST", "/", body={}))).status == 201
        assert len(server.seen) == 2
    assert wait <= time.slept[0] <= wait * 1.1


@pytest.mark.parametrize(
    ("rules", "limited", "wait"),
    [
        (GITHUB, answer(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (GITHUB, answer(403, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(EPOCH) + 1000),
                        date=DATE), 1021),
        (RENDER, answer(429, ratelimit_remaining="0", ratelimit_reset="3000"), 3000),
        (SUPABASE, answer(429), 60),
        (VERCEL, answer(429, retry_after="500"), 60),
    ],
)  # fmt: skip
async def test_a_limit_that_is_longer_than_the_call_may_wait_is_told_at_once(
    make_client, time, rules, limited, wait
):
    async with scripted(limited, answer(200)) as server:
        with pytest.raises(RateLimited) as raised:
            await make_client(server.url, limits=rules).send(Call("GET", "/"))
        assert len(server.seen) == 1
    assert raised.value.retry_after_seconds == wait
    assert f"{wait} s" in raised.value.remedy
    assert (raised.value.code, raised.value.retryable) == ("provider_rate_limited", True)
    assert time.slept == []


async def test_a_limit_without_a_time_is_waited_for_longer_each_time(make_client, time):
    limited = answer(403, {"message": "You have exceeded a secondary rate limit."})
    async with scripted(limited, limited, answer(200)) as server:
        client = make_client(server.url, limits=GITHUB)
        await client.send(Call("GET", "/", within_seconds=600))
    first, second = time.slept
    assert 60 <= first <= 66
    assert 120 <= second <= 132


async def test_a_clock_that_differs_changes_no_wait(make_client, time):
    """The provider's clock is an hour ahead: its own date says how long its reset is away."""
    date = "Sun, 01 Nov 2026 13:00:00 GMT"
    reset = str(int(START.timestamp()) + 3600 + 10)
    limited = answer(403, x_ratelimit_remaining="0", x_ratelimit_reset=reset, date=date)
    async with scripted(limited, answer(200)) as server:
        await make_client(server.url, limits=GITHUB).send(Call("GET", "/"))
    assert 10 <= time.slept[0] <= 13


@pytest.mark.parametrize("rules", [GITHUB, RENDER, SUPABASE, VERCEL])
async def test_a_403_without_a_sign_of_a_limit_is_the_callers_to_judge(make_client, rules):
    async with scripted(answer(403, {"message": "Resource not accessible"})) as server:
        client = make_client(server.url, limits=rules)
        assert (await client.send(Call("GET", "/"))).status == 403


@pytest.mark.parametrize("value", ["soon", "-5", "", "9" * 400, "Sun, 99 Nov 2026"])
async def test_times_that_make_no_sense_are_a_short_wait_or_a_bounded_one(make_client, time, value):
    limited = answer(429, retry_after=value, x_ratelimit_reset=value)
    async with scripted(limited, answer(200)) as server:
        try:
            await make_client(server.url, limits=VERCEL).send(Call("GET", "/"))
        except RateLimited as error:
            assert error.retry_after_seconds == 60
        else:
            assert 0.5 <= time.slept[0] <= 6


@pytest.mark.parametrize("safe", [False, True])
async def test_a_call_that_takes_long_is_waited_for_in_silence(make_client, safe):
    patience = Patience(attempts=2, read_seconds=0.2)
    async with scripted(answer(200)) as server:
        server.silent = 1.0
        client = make_client(server.url, patience=patience)
        call = Call("POST", "/", body={}, safe=safe)
        with pytest.raises(ProviderUnavailable):
            await client.send(call)
        server.seen.clear()
        assert (await client.send(replace(call, silent_seconds=20))).status == 200
        assert len(server.seen) == 1
