"""Prometheus metrics of this process, and OpenTelemetry tracing when an endpoint is set."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

CONTENT_TYPE = CONTENT_TYPE_LATEST

REGISTRY = CollectorRegistry(auto_describe=True)

_STEP_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)

HTTP_REQUESTS = Counter(
    "autodeploy_http_requests_total",
    "HTTP requests answered. The route is its template, so ids do not become labels.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "autodeploy_http_request_seconds",
    "Time to answer an HTTP request.",
    ("method", "route"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
WEBSOCKETS = Gauge("autodeploy_websockets", "WebSocket connections open now.", registry=REGISTRY)
DEPLOYMENTS_FINISHED = Counter(
    "autodeploy_deployments_finished_total",
    "Deployments that came to an end.",
    ("status", "provider"),
    registry=REGISTRY,
)
STEP_SECONDS = Histogram(
    "autodeploy_deployment_step_seconds",
    "Time a deployment step took.",
    ("step", "status"),
    buckets=_STEP_BUCKETS,
    registry=REGISTRY,
)
QUEUE_DISPATCHES = Counter(
    "autodeploy_queue_dispatches_total",
    "Jobs given to the queue; failed when Redis was away and the reconciler will repeat it.",
    ("queue", "outcome"),
    registry=REGISTRY,
)
JOBS_FINISHED = Counter(
    "autodeploy_jobs_finished_total",
    "Job attempts that ended in this process.",
    ("queue", "outcome"),
    registry=REGISTRY,
)
BUS_FAILURES = Counter(
    "autodeploy_bus_failures_total",
    "Event bus trouble: publishes that were lost, subscriptions that had to start again.",
    ("kind",),
    registry=REGISTRY,
)
RATE_LIMIT_FALLBACKS = Counter(
    "autodeploy_rate_limit_fallbacks_total",
    "Calls that were counted in this process alone, because Redis was away.",
    registry=REGISTRY,
)
RATE_LIMITS_SHARED = Gauge(
    "autodeploy_rate_limits_shared",
    "1 while limits are counted in Redis, 0 while this process counts alone.",
    registry=REGISTRY,
)
RATE_LIMITS_SHARED.set(1)
LEASE_LOSSES = Counter(
    "autodeploy_lease_losses_total",
    "Leases on a deployment that a worker lost while it worked on it.",
    registry=REGISTRY,
)
PROVIDER_CALLS = Counter(
    "autodeploy_provider_calls_total",
    "Calls to services of others; the status is none when no whole answer came.",
    ("service", "status"),
    registry=REGISTRY,
)

_tracer: "Tracer | None" = None


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered HTTP request. ``route`` is the template, such as ``/projects/{id}``."""
    HTTP_REQUESTS.labels(method, route, str(status)).inc()
    HTTP_SECONDS.labels(method, route).observe(seconds)


@contextmanager
def observed_call(service: str, method: str, route: str) -> Iterator[Callable[[int], None]]:
    """Count one call to a service of others, and trace it where traces are sent.

    Call what is yielded with the status of the answer, if there is one. ``route`` is the template:
    neither traces nor metrics hold addresses, headers or errors' texts.
    """
    status = 0

    def observe(answered: int) -> None:
        nonlocal status
        status = answered

    span = _client_span(service, method, route)
    try:
        yield observe
    finally:
        PROVIDER_CALLS.labels(service, str(status or "none")).inc()
        if span is not None:
            if status:
                span.set_attribute("http.response.status_code", status)
            span.end()


def _client_span(service: str, method: str, route: str) -> "Span | None":
    """Names are those of OpenTelemetry's semantic conventions for HTTP, 1.27."""
    if _tracer is None:
        return None
    from opentelemetry.trace import SpanKind

    attributes = {"peer.service": service, "http.request.method": method, "url.template": route}
    return _tracer.start_span(f"{method} {route}", kind=SpanKind.CLIENT, attributes=attributes)


def render() -> bytes:
    """All metrics in Prometheus' text format; serve it as ``CONTENT_TYPE``."""
    return generate_latest(REGISTRY)


def configure_tracing(endpoint: str | None, *, service: str = "autodeploy") -> Callable[[], None]:
    """Send traces to an OTLP/HTTP endpoint, or do nothing when it is None.

    OpenTelemetry is imported only when it is used: an idle process without tracing does not pay
    its memory.

    Returns:
        A function that sends what is left and stops; call it when the process ends.
    """
    if endpoint is None:
        return _no_tracing
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    global _tracer
    _tracer = provider.get_tracer("autodeploy")
    return provider.shutdown


def _no_tracing() -> None:
    """Nothing was started, so nothing stops."""
