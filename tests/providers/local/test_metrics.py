"""How an app on this machine fares: with a real sandbox, Caddy and agent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.kernel.http.servers import MovedTime

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.sandbox import GIB, MIB
from autodeploy.providers.base import App, Release, ReleaseRequest, Traffic
from autodeploy.providers.local.agent.rates import Rate, Rates
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.providers.metrics import AppMetrics

from .conftest import SERVER, Lines, build_request, deploy_static, release_request, spec
from .test_replicas import until, until_up

MakeSource = Callable[[dict[str, str]], Path]
Up = Callable[..., Awaitable[tuple[ReleaseRequest, Release]]]

# It burns what it gets of a core in a process of its own, where it is told to.
BURNING = (
    "import os, subprocess, sys\n"
    "held = b'x' * (64 << 20)\n"
    "if 'BURN' in os.environ: subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
    + SERVER
)


@pytest.fixture
async def up(provider: LocalProvider, app: App, source: MakeSource) -> AsyncIterator[Up]:
    """Deploys an app and waits until its replicas are up. It does not burn on after the test: the
    agent lives as long as all tests do."""

    async def up(replicas: int = 1, **environment: str) -> tuple[ReleaseRequest, Release]:
        built = spec(replicas=replicas)
        asked = build_request(app, source({"server.py": BURNING}), built)
        artifact = await provider.build(asked, Lines())
        request = release_request(app, artifact.key, built, environment, asked.deployment_id)
        release = await provider.deploy(request, Lines())
        await until_up(provider, release, replicas)
        return request, release

    yield up
    await provider.destroy(app)


async def test_what_all_processes_of_an_app_use_is_told_together(
    provider: LocalProvider, app: App, up: Up
) -> None:
    _, release = await up(2, BURN="1")
    metrics = await provider.measure_app(app, release)
    assert metrics.instances == 2
    assert metrics.cpu_cores is not None
    assert metrics.cpu_cores > 0.05
    assert metrics.memory_bytes is not None
    assert 2 * 64 * MIB < metrics.memory_bytes < 2 * 200 * MIB
    assert metrics.memory_limit_bytes == 2 * GIB
    assert (metrics.cpu_limit_cores, metrics.latency_p95_milliseconds) == (None, None)


async def test_an_app_that_waits_uses_no_core(provider: LocalProvider, app: App, up: Up) -> None:
    _, release = await up()
    metrics = await provider.measure_app(app, release)
    assert metrics.cpu_cores is not None
    assert metrics.cpu_cores < 0.05
    assert metrics.requests_per_minute is None


async def test_requests_are_counted_from_when_the_app_was_first_seen(
    provider: LocalProvider, app: App, up: Up
) -> None:
    request, release = await up()
    url = (await provider.promote(request, release)).local_url or ""

    async def is_seen() -> bool:
        return (await provider.measure_app(app, release)).requests_per_minute is not None

    await until(is_seen)
    before = await provider.measure_app(app, release)
    async with httpx.AsyncClient() as client:
        for _ in range(6):
            await client.get(url)
        for _ in range(3):
            assert (await client.post(url)).status_code == 501
    after = await provider.measure_app(app, release)
    assert before.requests_per_minute == 0
    assert after.failures_per_minute is not None
    assert 0 < after.failures_per_minute <= 3
    assert after.requests_per_minute == pytest.approx(3 * after.failures_per_minute)


async def test_what_does_not_run_is_not_measured(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    with pytest.raises(Unavailable):
        await provider.measure_app(app, Release(uuid4(), {"kind": "server"}))
    files = source({"out/index.html": "hello"})
    _, release, _ = await deploy_static(provider, app, files)
    metrics = await provider.measure_app(app, release)
    assert metrics == AppMetrics(metrics.measured_at)


class Counter:
    """Counts as the proxy does: ``counts`` None is one that is away."""

    def __init__(self) -> None:
        self.counts: dict[int, Traffic] | None = {}

    async def traffic(self) -> Mapping[int, Traffic]:
        if self.counts is None:
            raise Unavailable("away")
        return self.counts


async def watch(rates: Rates, time: MovedTime, seconds: float) -> None:
    """Have it look now and then, for so long."""
    looking = asyncio.create_task(rates.keep())
    until = time.seconds + seconds
    while time.seconds < until:
        await asyncio.sleep(0)
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking


async def test_rate_is_the_average_of_the_last_minutes_also_where_counting_begins_anew() -> None:
    counter, time = Counter(), MovedTime()
    rates = Rates(counter, time)
    assert await rates.of(7) is None
    counter.counts = {7: Traffic(100, 50)}
    assert await rates.of(7) is None  # since when those were answered is not known
    counter.counts = {7: Traffic(130, 56)}
    assert await rates.of(7) == Rate(30, 6)
    await watch(rates, time, 120)
    assert await rates.of(7) == Rate(15, 3)
    counter.counts = {7: Traffic(15, 2)}
    assert await rates.of(7) == Rate(22.5, 4)
    assert await rates.of(8) is None


async def test_requests_of_long_ago_count_no_more() -> None:
    counter, time = Counter(), MovedTime()
    rates = Rates(counter, time)
    counter.counts = {7: Traffic(0, 0)}
    await watch(rates, time, 15)
    counter.counts = {7: Traffic(600, 0)}
    await watch(rates, time, 600)
    assert await rates.of(7) == Rate(0, 0)


async def test_a_proxy_that_is_away_tells_no_rate_and_is_looked_at_again() -> None:
    counter, time = Counter(), MovedTime()
    rates = Rates(counter, time)
    counter.counts = {7: Traffic(0, 0)}
    await watch(rates, time, 15)
    counter.counts = None
    await watch(rates, time, 15)
    assert await rates.of(7) is None
    counter.counts = {7: Traffic(4, 0)}
    assert await rates.of(7) == Rate(4, 0)
