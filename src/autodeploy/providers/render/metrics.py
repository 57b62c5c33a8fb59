"""How a database or an app at Render fares, by what Render itself measures.

Render answers series of numbers with a unit in words, which its description does not list
(``/metrics/…``, render-oss/sdk, 2026-08-21): one that is not known here counts as not told. Those
of apps are in the answers that Render's own MCP server is tested with
(render-oss/render-mcp-server, ``pkg/metrics/test_helpers.go``, read 2026-11-27). Where nothing else
is asked for, there is a number for each minute. What PostgreSQL alone counts, such as transactions,
Render does not tell.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.providers.databases import DatabaseMetrics
from autodeploy.providers.metrics import AppMetrics
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import Series

# The newest value of a minute may take some to come.
_WINDOW = timedelta(minutes=15)
# An instance of which nothing newer was measured than this before the newest of all is gone.
_GONE = timedelta(minutes=2)
_MINUTES_OF_REQUESTS = 5

BYTES = {"b": 1, "byte": 1, "bytes": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9,
          "kib": 2**10, "mib": 2**20, "gib": 2**30}  # fmt: skip
_CORES = {"cpu": 1.0, "cpus": 1.0, "core": 1.0, "cores": 1.0, "mcpu": 0.001, "millicores": 0.001}
_COUNT = dict.fromkeys(
    ("count", "connection", "connections", "instance", "instances", "request", "requests",
     "unitless", ""), 1,
)  # fmt: skip
_MILLISECONDS = {"ms": 1.0, "millisecond": 1.0, "milliseconds": 1.0,
                 "s": 1000.0, "second": 1000.0, "seconds": 1000.0}  # fmt: skip

Units = Mapping[str, float]


async def measure_database(api: RenderApi, database_id: str, now: datetime) -> DatabaseMetrics:
    """The newest that is known; None for what was not measured yet."""
    since = now - _WINDOW
    disk, connections, cpu, memory = await asyncio.gather(
        *(
            api.series(kind, database_id, since)
            for kind in ("disk-usage", "active-connections", "cpu", "memory")
        )
    )
    return DatabaseMetrics(
        measured_at=(_last_of([*disk, *connections]) or now).timestamp(),
        size_bytes=_whole(_newest(disk, BYTES)),
        connections=_whole(_newest(connections, _COUNT)),
        cpu_cores=_newest(cpu, _CORES),
        memory_bytes=_whole(_newest(memory, BYTES)),
    )


async def measure_app(api: RenderApi, service_id: str, now: datetime) -> AppMetrics:
    """The newest that is known; None for what was not measured yet, or what Render refuses to tell
    of such a service or plan. Raises ``NotFound`` for a service that is gone."""
    since, minutes_ago = now - _WINDOW, now - timedelta(minutes=_MINUTES_OF_REQUESTS)
    kinds = ("instance-count", "cpu", "cpu-limit", "memory", "memory-limit")
    _, requests, median, slow, newest = await asyncio.gather(
        api.service(service_id),
        _told(api.series("http-requests", service_id, minutes_ago, aggregateBy="statusCode")),
        _told(api.series("http-latency", service_id, since, quantile="0.5")),
        _told(api.series("http-latency", service_id, since, quantile="0.95")),
        asyncio.gather(*(_told(api.series(kind, service_id, since)) for kind in kinds)),
    )
    instances, cpu, cpu_limit, memory, memory_limit = newest
    per_minute, failures = _per_minute(requests)
    return AppMetrics(
        measured_at=(_last_of([*cpu, *memory]) or now).timestamp(),
        instances=_whole(_newest(instances, _COUNT)),
        cpu_cores=_newest(cpu, _CORES),
        cpu_limit_cores=_newest(cpu_limit, _CORES),
        memory_bytes=_whole(_newest(memory, BYTES)),
        memory_limit_bytes=_whole(_newest(memory_limit, BYTES)),
        requests_per_minute=per_minute,
        failures_per_minute=failures,
        latency_p50_milliseconds=_newest(median, _MILLISECONDS, of_all=max),
        latency_p95_milliseconds=_newest(slow, _MILLISECONDS, of_all=max),
    )


async def _told(read: Awaitable[list[Series]]) -> list[Series]:
    """Nothing, where Render refuses it: the other series are told all the same."""
    try:
        return await read
    except (NotFound, ProviderRefused):
        return []


def _newest(
    series: list[Series], units: Units, of_all: Callable[[Iterable[float]], float] = sum
) -> float | None:
    """Of all instances that are there still, put together by ``of_all``."""
    last = _last_of(series)
    newest = [
        (each.unit.lower(), max(each.values, key=lambda value: value.timestamp))
        for each in series
        if each.values
    ]
    values = [
        value.value * units[unit]
        for unit, value in newest
        if unit in units and last is not None and value.timestamp >= last - _GONE
    ]
    return of_all(values) if values else None


def _last_of(series: list[Series]) -> datetime | None:
    """When it was measured last."""
    return max((value.timestamp for each in series for value in each.values), default=None)


def _per_minute(series: list[Series]) -> tuple[float | None, float | None]:
    """The average of all requests, and of those that a server error answered. Each series has the
    number of each minute of one status; None where what it is or its status is not told."""
    minutes = {value.timestamp for each in series for value in each.values}
    if not minutes or any(each.unit.lower() not in _COUNT for each in series):
        return None, None
    counts = [
        (each.label("statusCode"), sum(value.value for value in each.values)) for each in series
    ]
    length = max(len(minutes), _MINUTES_OF_REQUESTS)
    failures = sum(count for status, count in counts if status and status.startswith("5"))
    are_told = all(status for status, _ in counts)
    return sum(count for _, count in counts) / length, failures / length if are_told else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
