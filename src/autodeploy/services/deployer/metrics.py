"""How the app of an environment fares, as its provider measures it."""

from datetime import UTC, datetime
from uuid import UUID

from autodeploy.kernel.resources import Resources
from autodeploy.providers.manifests import Capability
from autodeploy.providers.metrics import AppMetrics
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connection_checks import doubting
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer import store
from autodeploy.services.deployer.context import app_of
from autodeploy.services.deployer.live import Live, get_live
from autodeploy.services.deployer.metrics_schemas import (
    AppMetricsView,
    CpuView,
    LatencyView,
    MemoryView,
    RequestsView,
)


async def measure_environment(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    *,
    providers: Registry,
) -> AppMetricsView:
    """How what is live in an environment fares now.

    Raises:
        InvalidInput: its provider does not measure.
        NothingLive, AccountMissing, NotFound, Forbidden, and what the provider raises.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.MONITOR_READ, project.organization_id)
        live = await get_live(session, project, environment)
    deployment = live.deployment
    providers.get(deployment.provider, Capability.METRICS)
    async with doubting(resources, deployment.connection_id):
        account = await open_account(resources, deployment.connection_id, providers=providers)
        provider = providers.app_metrics(deployment.provider, account)
        found = await provider.measure_app(app_of(live.environment), live.release)
    return _view(live, found)


def _view(live: Live, metrics: AppMetrics) -> AppMetricsView:
    return AppMetricsView(
        environment=live.environment.name,
        provider=live.deployment.provider,
        deployment_id=live.deployment.id,
        measured_at=datetime.fromtimestamp(metrics.measured_at, UTC),
        instances=metrics.instances,
        cpu=CpuView(used_cores=metrics.cpu_cores, limit_cores=metrics.cpu_limit_cores),
        memory=MemoryView(used_bytes=metrics.memory_bytes, limit_bytes=metrics.memory_limit_bytes),
        requests=RequestsView(
            per_minute=metrics.requests_per_minute,
            failures_per_minute=metrics.failures_per_minute,
        ),
        latency=LatencyView(
            p50_milliseconds=metrics.latency_p50_milliseconds,
            p95_milliseconds=metrics.latency_p95_milliseconds,
        ),
    )
