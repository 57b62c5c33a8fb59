"""The shapes of how an app fares, as its provider measures it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from autodeploy.kernel.schema import Schema


class CpuView(Schema):
    """Processor cores that all instances use together, and the most that they may."""

    used_cores: float | None
    limit_cores: float | None


class MemoryView(Schema):
    """Memory that all instances use together, and the most that they may."""

    used_bytes: int | None
    limit_bytes: int | None


class RequestsView(Schema):
    """The average of the last five minutes, or of those since the app was first counted."""

    per_minute: float | None
    failures_per_minute: Annotated[
        float | None, Field(description="Those that a server error answered, or nothing.")
    ]


class LatencyView(Schema):
    """Half of the requests, and 95 of 100, were answered within so long."""

    p50_milliseconds: float | None
    p95_milliseconds: float | None


class AppMetricsView(Schema):
    """How the live release of an environment fares at ``measured_at``; what its provider does not
    tell is null. ``instances`` are those that are up."""

    environment: str
    provider: str
    deployment_id: UUID
    measured_at: datetime
    instances: int | None
    cpu: CpuView
    memory: MemoryView
    requests: RequestsView
    latency: LatencyView
