"""How an app at the emulated Render fares, by what Render measures of its service."""

import pytest
from tests.providers.render.conftest import APP, SERVER, build_request, release_request

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import CredentialRefused, ProviderUnavailable
from autodeploy.providers.base import Release
from autodeploy.providers.metrics import AppMetrics

pytestmark = pytest.mark.contract(provider="render")

MB = 1_000_000


@pytest.fixture
async def release(apps, log) -> Release:
    request = build_request(plan="starter")
    key = (await apps.build(request, log)).key
    return await apps.deploy(release_request(key, spec=SERVER), log)


async def test_what_render_measures_of_all_instances_is_told(apps, render, release):
    render.measured.of_instances = {
        "instance-count": [(2.0, "instances")],
        "cpu": [(0.25, "cpu"), (100.0, "mCPU")],
        "cpu-limit": [(0.5, "cpu"), (0.5, "cpu")],
        "memory": [(100.0 * MB, "bytes"), (50.0, "MB")],
        "memory-limit": [(512.0, "MiB"), (512.0, "MiB")],
    }
    render.measured.requests = {"200": [10, 20, 30], "404": [2, 0, 8], "502": [0, 5, 0]}
    render.measured.latencies = {"0.5": 12.5, "0.95": 240.0}
    metrics = await apps.measure_app(APP, release)
    assert metrics == AppMetrics(
        measured_at=render.time.now().timestamp(), instances=2,
        cpu_cores=0.35, cpu_limit_cores=1.0,
        memory_bytes=150 * MB, memory_limit_bytes=1024 * 2**20,
        requests_per_minute=15, failures_per_minute=1,
        latency_p50_milliseconds=12.5, latency_p95_milliseconds=240,
    )  # fmt: skip


async def test_what_was_not_measured_or_is_in_unknown_units_is_not_told(apps, render, release):
    now = render.time.now().timestamp()
    assert await apps.measure_app(APP, release) == AppMetrics(now)
    render.measured.of_instances = {"cpu": [(1.0, "horses")], "memory": [(1.0, "pages")]}
    render.measured.requests, render.measured.unit_of_requests = {"200": [9]}, "requests/second"
    assert await apps.measure_app(APP, release) == AppMetrics(now)


async def test_instances_that_are_gone_are_left_out(apps, render, release):
    render.measured.of_instances = {
        "cpu": [(0.5, "cpu", 1), (0.25, "cpu", 4), (0.125, "cpu", 2)],
        "memory": [(7.0, "MB", 20)],
    }
    metrics = await apps.measure_app(APP, release)
    assert (metrics.cpu_cores, metrics.memory_bytes) == (0.625, None)


async def test_requests_of_earlier_minutes_are_left_out(apps, render, release):
    render.measured.requests = {"200": [5, 5, 5, 5, 5, 0, 600]}
    metrics = await apps.measure_app(APP, release)
    assert metrics.requests_per_minute == pytest.approx(25 / 6)
    assert metrics.failures_per_minute == 0


@pytest.mark.parametrize("refusal", ["400", "402", "403", "404"])
async def test_a_series_that_render_refuses_hides_no_other(apps, render, release, refusal):
    render.measured.of_instances = {"cpu": [(0.5, "cpu")]}
    render.measured.latencies = {"0.5": 12.5, "0.95": 240.0}
    for kind in ("http-latency", "http-latency", "memory-limit"):
        render.faults.fail(f"GET /metrics/{kind}", refusal)
    metrics = await apps.measure_app(APP, release)
    assert metrics == AppMetrics(metrics.measured_at, cpu_cores=0.5)


async def test_a_service_that_is_gone_is_not_found(apps, render, release):
    await apps.destroy(APP)
    with pytest.raises(NotFound):
        await apps.measure_app(APP, release)


async def test_render_that_is_away_or_refuses_the_account_is_told(
    apps, hasty_apps, render, release
):
    render.faults.fail("GET /metrics/cpu", "503", "503", "503")
    with pytest.raises(ProviderUnavailable):
        await hasty_apps.measure_app(APP, release)
    render.tokens.clear()
    with pytest.raises(CredentialRefused):
        await apps.measure_app(APP, release)
