"""What a worker needs to run deployments, beyond what every process has."""

from dataclasses import dataclass

from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer.log_archiving import DEFAULT_LOG_POLICY, LogPolicy

DEFAULT_LEASE_SECONDS = 15.0
DEFAULT_HEALTH_TIMEOUT_SECONDS = 60.0
DEFAULT_WATCH_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The parts of one worker. ``owner`` names it in leases."""

    resources: Resources
    providers: Registry
    owner: str
    lease_seconds: float = DEFAULT_LEASE_SECONDS
    health_timeout_seconds: float = DEFAULT_HEALTH_TIMEOUT_SECONDS
    watch_seconds: float = DEFAULT_WATCH_SECONDS
    log_policy: LogPolicy = DEFAULT_LOG_POLICY
