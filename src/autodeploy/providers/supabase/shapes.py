"""What Supabase's Management API answers, as far as it is used (its description of 2026-05).
Lenient throughout."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from autodeploy.kernel.http.models import Lenient, Moment, known


class Profile(Lenient):
    gotrue_id: str
    username: str


class Organization(Lenient):
    """Calls name it by ``slug``, which stays when it is renamed."""

    slug: str
    name: str


class OrganizationPlan(Lenient):
    """``free``, ``pro``, ``team`` …: what is paid for all projects of the organization."""

    plan: str | None = None


class Place(Lenient):
    """A region, or a group of them; ``status`` is ``capacity`` where there is none left."""

    code: str
    status: str | None = None


class Places(Lenient):
    smart_group: Place = Field(alias="smartGroup")
    specific: list[Place]


class AvailableRegions(Lenient):
    recommendations: Places


class ProjectStatus(StrEnum):
    """``UNKNOWN`` is Supabase's own ``UNKNOWN``, and each that has been added since."""

    COMING_UP = "COMING_UP"
    ACTIVE_HEALTHY = "ACTIVE_HEALTHY"
    ACTIVE_UNHEALTHY = "ACTIVE_UNHEALTHY"
    RESTARTING = "RESTARTING"
    RESIZING = "RESIZING"
    UPGRADING = "UPGRADING"
    RESTORING = "RESTORING"
    PAUSING = "PAUSING"
    INACTIVE = "INACTIVE"
    GOING_DOWN = "GOING_DOWN"
    REMOVED = "REMOVED"
    INIT_FAILED = "INIT_FAILED"
    RESTORE_FAILED = "RESTORE_FAILED"
    PAUSE_FAILED = "PAUSE_FAILED"
    UNKNOWN = "unknown"

    @property
    def is_leaving(self) -> bool:
        """Whether the project is being deleted, or has been."""
        return self in (ProjectStatus.GOING_DOWN, ProjectStatus.REMOVED)


class ProjectDatabase(Lenient):
    """``size`` is that of its server, such as micro."""

    type: str = ""
    size: str | None = Field(default=None, alias="infra_compute_size")


class Project(Lenient):
    """Calls name it by ``ref``, 20 letters. ``databases`` are told by lists alone."""

    ref: str
    name: str
    region: str | None = None
    status: Annotated[ProjectStatus, known(ProjectStatus)]
    is_branch: bool = False
    organization: str | None = Field(default=None, alias="organization_slug")
    databases: tuple[ProjectDatabase, ...] = ()

    @property
    def size(self) -> str | None:
        """That of the primary database, as far as it is told."""
        return next((each.size for each in self.databases if each.type == "PRIMARY"), None)


class ProjectPage(Lenient):
    projects: list[Project]


class ServiceStatus(StrEnum):
    COMING_UP = "COMING_UP"
    ACTIVE_HEALTHY = "ACTIVE_HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    UNKNOWN = "unknown"


class ServiceHealth(Lenient):
    name: str
    status: Annotated[ServiceStatus, known(ServiceStatus)]


class Pooler(Lenient):
    """Where connections to a database are pooled; ``db_port`` is that of ``pool_mode``."""

    database_type: str
    db_user: str
    db_host: str
    db_port: int
    db_name: str
    pool_mode: str


class ApiKey(Lenient):
    """``type`` is publishable, secret or legacy, whose ``name`` is anon or service_role."""

    name: str
    type: str | None = None
    api_key: str | None = Field(default=None, repr=False)


class AddonPrice(Lenient):
    """In US dollars. ``interval`` is hourly or monthly; ``type`` is fixed, or usage for what is
    paid by the hour or by what is used."""

    description: str | None = None
    type: str | None = None
    interval: str | None = None
    amount: float


class AddonVariant(Lenient):
    id: str
    name: str
    price: AddonPrice


class Addon(Lenient):
    """What a project has beside its organization's plan: ``compute_instance``, ``ipv4`` …"""

    type: str
    variant: AddonVariant


class Addons(Lenient):
    selected: tuple[Addon, ...] = Field(default=(), alias="selected_addons")


class RequestCounts(Lenient):
    """The requests to a project's API in a time that begins at ``timestamp``."""

    timestamp: Moment
    auth: float = Field(alias="total_auth_requests")
    realtime: float = Field(alias="total_realtime_requests")
    rest: float = Field(alias="total_rest_requests")
    storage: float = Field(alias="total_storage_requests")


class CountedRequests(Lenient):
    """``error`` is there where they could not be counted, a text or an object."""

    result: tuple[RequestCounts, ...] = ()
    error: object = None
