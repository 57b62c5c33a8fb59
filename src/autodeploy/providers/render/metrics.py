"""How a database at Render fares, by what Render itself measures.

Render answers series of numbers with a unit in words, which its description does not list
(``/metrics/…``, render-oss/sdk, 2026-08-21): one that is not known here counts as not told. What
PostgreSQL alone counts, such as transactions, Render does not tell.
"""

import asyncio
from datetime import timedelta

from autodeploy.kernel.clock import now
from autodeploy.providers.databases import DatabaseMetrics
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import Series

# The newest value of a minute may take some to come.
_WINDOW = timedelta(minutes=15)
_BYTES = {"b": 1, "byte": 1, "bytes": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9,
          "kib": 2**10, "mib": 2**20, "gib": 2**30}  # fmt: skip
_CORES = {"cpu": 1.0, "cpus": 1.0, "core": 1.0, "cores": 1.0, "mcpu": 0.001, "millicores": 0.001}
_COUNT = {"count": 1, "connection": 1, "connections": 1, "": 1}


async def measure(api: RenderApi, database_id: str) -> DatabaseMetrics:
    """The newest that is known; None for what was not measured yet."""
    since = now() - _WINDOW
    disk, connections, cpu, memory = await asyncio.gather(
        *(
            api.series(kind, database_id, since)
            for kind in ("disk-usage", "active-connections", "cpu", "memory")
        )
    )
    measured = [value.timestamp for each in (*disk, *connections) for value in each.values]
    return DatabaseMetrics(
        measured_at=max(measured, default=now()).timestamp(),
        size_bytes=_whole(_newest(disk, _BYTES)),
        connections=_whole(_newest(connections, _COUNT)),
        cpu_cores=_newest(cpu, _CORES),
        memory_bytes=_whole(_newest(memory, _BYTES)),
    )


def _newest(series: list[Series], units: dict[str, int] | dict[str, float]) -> float | None:
    """Of all instances together."""
    known = [each for each in series if each.values and each.unit.lower() in units]
    if not known:
        return None
    return sum(
        max(each.values, key=lambda value: value.timestamp).value * units[each.unit.lower()]
        for each in known
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
