"""What a provider may do besides: tell how a running app fares."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from autodeploy.providers.base import App, Provider, Release


@dataclass(frozen=True)
class AppMetrics:
    """How an app fares at ``measured_at`` (unix time); None for what its provider does not tell.

    CPU and memory are what all its ``instances`` use together, and the most that they may. Requests
    are those of the last minutes, on average; ``failures_per_minute`` of them were answered by a
    server error, or not at all. Half of them, or 95 of 100, took no longer than the latencies say.
    """

    measured_at: float
    instances: int | None = None
    cpu_cores: float | None = None
    cpu_limit_cores: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    requests_per_minute: float | None = None
    failures_per_minute: float | None = None
    latency_p50_milliseconds: float | None = None
    latency_p95_milliseconds: float | None = None


@runtime_checkable
class MeasuredApps(Provider, Protocol):
    """Tells how its apps fare."""

    async def measure_app(self, app: App, release: Release) -> AppMetrics:
        """Of the release that has the traffic. Raises ``NotFound`` or ``Unavailable`` where it does
        not run."""
        ...
