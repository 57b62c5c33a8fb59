"""What Render's API answers, as far as it is used. Lenient throughout.

Sources: Render's OpenAPI description (render-oss/sdk, 2026-08-21), and recorded answers in which
``commit``, ``startedAt``, ``finishedAt`` and ``ipAllowList`` are null.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field

from autodeploy.kernel.http.addresses import site
from autodeploy.kernel.http.models import Lenient, MaybeMoment, Moment, known


class User(Lenient):
    email: str
    name: str = ""


class Owner(Lenient):
    id: str
    name: str = ""


class OwnerItem(Lenient):
    owner: Owner


class ServiceType(StrEnum):
    WEB = "web_service"
    PRIVATE = "private_service"
    STATIC = "static_site"
    WORKER = "background_worker"
    CRON = "cron_job"
    UNKNOWN = "unknown"


class Commands(Lenient):
    """Of a service that runs processes: those of a build from source, or of an image."""

    build: str | None = Field(default=None, alias="buildCommand")
    start: str | None = Field(default=None, alias="startCommand")
    pre_deploy: str | None = Field(default=None, alias="preDeployCommand")
    dockerfile: str | None = Field(default=None, alias="dockerfilePath")
    context: str | None = Field(default=None, alias="dockerContext")
    docker: str | None = Field(default=None, alias="dockerCommand")


class Autoscaling(Lenient):
    enabled: bool = False


class Details(Lenient):
    """A union without a tag at Render: which fields are there depends on the service's type."""

    url: str | None = None
    plan: str | None = None
    region: str | None = None
    runtime: str | None = Field(default=None, validation_alias=AliasChoices("runtime", "env"))
    build: str | None = Field(default=None, alias="buildCommand")
    publish: str | None = Field(default=None, alias="publishPath")
    schedule: str | None = None
    health_path: str | None = Field(default=None, alias="healthCheckPath")
    #: ``disabled`` where ``url`` is none that anybody reaches it at.
    subdomain: str | None = Field(default=None, alias="renderSubdomainPolicy")
    instances: int | None = Field(default=None, alias="numInstances")
    autoscaling: Autoscaling | None = None
    commands: Commands | None = Field(default=None, alias="envSpecificDetails")

    @property
    def site(self) -> str | None:
        """Where people find it; None for a private one, whose ``url`` is but a name."""
        return site(self.url)


class Service(Lenient):
    id: str
    name: str
    owner_id: str = Field(alias="ownerId")
    type: Annotated[ServiceType, known(ServiceType)]
    repo: str | None = None
    branch: str | None = None
    root_directory: str | None = Field(default=None, alias="rootDir")
    auto_deploy: str | None = Field(default=None, alias="autoDeploy")
    suspended: str | None = None
    created_at: MaybeMoment = Field(default=None, alias="createdAt")
    details: Details | None = Field(default=None, alias="serviceDetails")

    @property
    def is_suspended(self) -> bool:
        return self.suspended == "suspended"


class ServiceItem(Lenient):
    service: Service


class CreatedService(Lenient):
    service: Service


class Variable(Lenient):
    key: str
    value: str = Field(repr=False)


class VariableItem(Lenient):
    variable: Variable = Field(alias="envVar")


class DeployStatus(StrEnum):
    CREATED = "created"
    QUEUED = "queued"
    BUILDING = "build_in_progress"
    PREPARING = "pre_deploy_in_progress"
    UPDATING = "update_in_progress"
    LIVE = "live"
    DEACTIVATED = "deactivated"
    BUILD_FAILED = "build_failed"
    PREPARATION_FAILED = "pre_deploy_failed"
    UPDATE_FAILED = "update_failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


#: The build is over, and well.
BUILT = frozenset({DeployStatus.PREPARING, DeployStatus.UPDATING, DeployStatus.LIVE,
                   DeployStatus.DEACTIVATED})  # fmt: skip
#: It has had traffic.
REACHED = frozenset({DeployStatus.LIVE, DeployStatus.DEACTIVATED})
FAILED = frozenset({DeployStatus.BUILD_FAILED, DeployStatus.PREPARATION_FAILED,
                    DeployStatus.UPDATE_FAILED, DeployStatus.CANCELED})  # fmt: skip
ENDED = REACHED | FAILED


# Triggers of deploys that people or Render itself have started.
_OF_OTHERS = {"blueprint_sync", "deploy_hook", "deployed_by_render", "manual", "service_resumed"}


class Commit(Lenient):
    id: str | None = None


class Deploy(Lenient):
    id: str
    status: Annotated[DeployStatus, known(DeployStatus)] = DeployStatus.UNKNOWN
    trigger: str | None = None
    commit: Commit | None = None
    created_at: MaybeMoment = Field(default=None, alias="createdAt")

    @property
    def commit_sha(self) -> str | None:
        return self.commit.id if self.commit else None

    @property
    def is_of_others(self) -> bool:
        return self.trigger in _OF_OTHERS


class DeployItem(Lenient):
    deploy: Deploy


class OutOfMemory(Lenient):
    limit: str | None = Field(default=None, alias="memoryLimit")


class Failure(Lenient):
    """Why something ended at Render, each only where it is the reason."""

    evicted: bool = False
    eviction: str | None = Field(default=None, alias="evictionReason")
    exit_code: int | None = Field(default=None, alias="nonZeroExit")
    ended_early: bool | None = Field(default=None, alias="earlyExit")
    out_of_memory: OutOfMemory | None = Field(default=None, alias="oomKilled")
    timed_out_seconds: int | None = Field(default=None, alias="timedOutSeconds")
    unhealthy: str | None = None


class Reason(Failure):
    """Of a build or deploy the failure is one of several reasons, of a server it is the reason."""

    failure: Failure | None = None


class Trigger(Lenient):
    rollback_target: str | None = Field(default=None, alias="rollbackTargetDeployId")


# Of some events a reason or trigger is a word, of which nothing is read here.
_OBJECT = BeforeValidator(lambda value: value if isinstance(value, dict) else None)


class EventDetails(Lenient):
    deploy_id: str | None = Field(default=None, alias="deployId")
    reason: Annotated[Reason | None, _OBJECT] = None
    trigger: Annotated[Trigger | None, _OBJECT] = None


class Event(Lenient):
    type: str
    details: EventDetails | None = None

    @property
    def failure(self) -> Failure | None:
        reason = self.details.reason if self.details else None
        return (reason.failure or reason) if reason else None


class EventItem(Lenient):
    event: Event


class Label(Lenient):
    name: str
    value: str


class LogLine(Lenient):
    id: str
    message: str
    timestamp: Moment
    labels: tuple[Label, ...] = ()

    def label(self, name: str) -> str | None:
        return next((each.value for each in self.labels if each.name == name), None)


class LogPage(Lenient):
    logs: tuple[LogLine, ...] = ()
    has_more: bool = Field(default=False, alias="hasMore")
    next_start: str | None = Field(default=None, alias="nextStartTime")
    next_end: str | None = Field(default=None, alias="nextEndTime")


class DomainVerification(StrEnum):
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    UNKNOWN = "unknown"


class CustomDomain(Lenient):
    """``kind`` is ``apex`` or ``subdomain``; ``redirects_to`` the name of the other of a pair that
    Render made, such as www.example.com for example.com."""

    id: str
    name: str
    kind: str = Field(default="subdomain", alias="domainType")
    redirects_to: str = Field(default="", alias="redirectForName")
    verification: Annotated[DomainVerification, known(DomainVerification)] = Field(
        default=DomainVerification.UNKNOWN, alias="verificationStatus"
    )

    @property
    def verified(self) -> bool:
        return self.verification is DomainVerification.VERIFIED


class CustomDomainItem(Lenient):
    domain: CustomDomain = Field(alias="customDomain")


class SeriesValue(Lenient):
    timestamp: Moment
    value: float


class SeriesLabel(Lenient):
    field: str
    value: str


class Series(Lenient):
    """What was measured of one instance over a time, the unit in Render's words. ``labels`` say of
    what it is."""

    values: list[SeriesValue]
    unit: str
    labels: tuple[SeriesLabel, ...] = ()

    def label(self, field: str) -> str | None:
        return next((each.value for each in self.labels if each.field == field), None)
