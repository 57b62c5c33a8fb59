import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from limits import WindowStats
from redis.asyncio import Redis

from autodeploy.kernel.cache import Cache
from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.ratelimit import Limit, RateLimiter, network_of
from autodeploy.kernel.telemetry import RATE_LIMIT_FALLBACKS, RATE_LIMITS_SHARED


@pytest.fixture
def limiter(resources) -> RateLimiter:
    return RateLimiter(resources.cache.redis)


def _counted_alone() -> float:
    return RATE_LIMIT_FALLBACKS.collect()[0].samples[0].value


def _shared() -> float:
    return RATE_LIMITS_SHARED.collect()[0].samples[0].value


async def test_calls_over_the_limit_are_refused_and_say_when_to_come_back(limiter):
    answers = [await limiter.hit("k", Limit(3, 60)) for _ in range(4)]
    assert [each.allowed for each in answers] == [True, True, True, False]
    assert [each.remaining for each in answers] == [2, 1, 0, 0]
    assert all(1 <= each.reset_seconds <= 60 for each in answers)


async def test_the_window_slides_and_a_call_after_the_named_time_is_allowed(limiter):
    limit = Limit(4, 2)
    for _ in range(3):  # each round begins with a full window, so the next must wait for its share
        while (decision := await limiter.hit("k", limit)).allowed:
            pass
        assert decision.reset_seconds <= 2
        await asyncio.sleep(decision.reset_seconds)  # the time that is promised is what is tested
        assert (await limiter.hit("k", limit)).allowed


@pytest.mark.parametrize("later", ["here", "in Redis"])
async def test_the_named_time_is_that_of_the_later_of_both_counts(
    limiter, resources, monkeypatch, later
):
    """Windows begin in Redis with the first call, and here with the minute."""
    ahead = (1 if later == "here" else 40) - time.time() % 60
    clock = SimpleNamespace(time=lambda: time.time() + ahead)
    monkeypatch.setattr("limits.aio.storage.memory.time", clock)
    limit = Limit(1, 60)
    assert (await limiter.hit("k", limit)).allowed
    for key in [each async for each in resources.cache.redis.scan_iter("autodeploy:rate*")]:
        if later == "here":
            await resources.cache.redis.expire(key, limit.window_seconds + 20)
        else:
            await resources.cache.redis.delete(key)
    refused = await limiter.hit("k", limit)
    assert not refused.allowed
    assert refused.reset_seconds > 30


async def test_a_window_that_has_just_begun_is_waited_for_to_its_end(limiter, monkeypatch):
    class Begun:
        async def hit(self, *_of: object) -> bool:
            return False

        async def get_window_stats(self, *_of: object) -> WindowStats:
            return WindowStats(time.time(), 0)

    monkeypatch.setattr(limiter, "_shared", Begun())
    assert (await limiter.hit("k", Limit(4, 60))).reset_seconds == 60


async def test_what_is_forgotten_counts_from_nothing(limiter):
    limit = Limit(1, 60)
    assert (await limiter.hit("k", limit)).allowed
    assert not (await limiter.hit("k", limit)).allowed
    await limiter.forget("k", limit)
    assert (await limiter.hit("k", limit)).allowed


async def test_concurrent_calls_of_two_processes_do_not_pass_the_limit_together(
    resources, monkeypatch: pytest.MonkeyPatch
):
    # Each would count by itself where Redis, or this machine, is slow to answer.
    monkeypatch.setattr("autodeploy.kernel.ratelimit._ANSWER_SECONDS", 30)
    limiters = [RateLimiter(resources.cache.redis) for _ in range(2)]
    answers = await asyncio.gather(
        *(limiters[number % 2].hit("k", Limit(10, 3600)) for number in range(40))
    )
    assert sum(answer.allowed for answer in answers) == 10


async def test_while_redis_is_away_this_process_counts_and_says_so_until_redis_is_back(
    home: Path, valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("autodeploy.kernel.ratelimit._PAUSE_SECONDS", 0)
    socket = home / "valkey.sock"
    cache = Cache.connect(f"unix://{socket}?db=63")
    limiter, limit = RateLimiter(cache.redis), Limit(2, 3600)
    before = _counted_alone()
    assert [(await limiter.hit(str(home), limit)).allowed for _ in range(3)] == [True, True, False]
    assert _counted_alone() == before + 3
    assert _shared() == 0
    socket.symlink_to(valkey.socket)
    assert (await limiter.hit(f"another than {home}", limit)).allowed
    assert not (await limiter.hit(str(home), limit)).allowed  # what passed meanwhile counts
    assert _counted_alone() == before + 3
    assert _shared() == 1
    await cache.close()


async def test_a_redis_that_is_slow_for_a_while_gives_no_second_share(limiter, resources):
    limit = Limit(5, 600)
    answers = [await limiter.hit("k", limit) for _ in range(3)]
    await resources.cache.redis.execute_command("CLIENT", "PAUSE", 1500, "ALL")
    answers.append(await limiter.hit("k", limit))
    assert _shared() == 0
    async with asyncio.timeout(30):
        while _shared() == 0:
            answers += [await limiter.hit("k", limit) for _ in range(5)]
            await asyncio.sleep(0.05)
    answers += [await limiter.hit("k", limit) for _ in range(5)]
    assert sum(answer.allowed for answer in answers) == 5


async def test_a_redis_that_hangs_makes_one_call_wait_not_all(home: Path):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    socket = home / "silent.sock"
    async with await asyncio.start_unix_server(silent, socket):
        cache = Cache.connect(f"unix://{socket}")
        limiter, clock = RateLimiter(cache.redis), asyncio.get_running_loop().time
        started = clock()
        answers = [await limiter.hit("k", Limit(3, 60)) for _ in range(5)]
        assert clock() - started < 2
        assert [each.allowed for each in answers] == [True] * 3 + [False] * 2
        await cache.close()


async def test_the_memory_of_counts_in_this_process_is_bounded(home: Path, monkeypatch):
    monkeypatch.setattr("autodeploy.kernel.ratelimit._LOCAL_KEYS", 20)
    redis = Redis.from_url(f"unix://{home}/absent.sock")
    limiter = RateLimiter(redis)
    for number in range(100):
        await limiter.hit(str(number), Limit(1, 60))
    assert len(limiter._local_storage.storage) <= 20
    await redis.aclose()


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
        ("", "unknown"),
        ("203.0.113.7, 10.0.0.1", "unknown"),
    ],
)
def test_an_ipv6_caller_is_limited_with_its_network(address: str, counted: str):
    assert network_of(address) == counted
