"""What Vercel's API answers, as far as it is used (its SDK 1.28.35, 2026). Lenient throughout.

Times are in milliseconds of the unix epoch, as Vercel sends them.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AliasChoices, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from autodeploy.kernel.http.models import Lenient, MaybeMoment, known


class Shape(Lenient):
    """Its fields are sent in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class UserAnswer(Shape):
    class User(Shape):
        id: str
        username: str

    user: User


class Team(Shape):
    """``limited`` when the token or its owner may not act for the team."""

    id: str
    slug: str
    name: str | None = None
    limited: bool = False


class Teams(Shape):
    teams: tuple[Team, ...] = ()


class AliasJob(StrEnum):
    """How a promotion or rollback fares. ``UNKNOWN`` stands for what Vercel has added since."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class AliasRequest(Shape):
    """The last promotion or rollback of a project."""

    type: str
    job_status: Annotated[AliasJob, known(AliasJob)]
    requested_at: float
    to_deployment_id: str

    @property
    def ended(self) -> bool:
        return self.job_status in (AliasJob.SUCCEEDED, AliasJob.FAILED, AliasJob.SKIPPED)


class Target(Shape):
    """The deployment that a project's environment shows, with its addresses."""

    id: str
    alias: tuple[str, ...] = ()
    created_at: float | None = None
    ready_substate: str | None = None


class Targets(Shape):
    """By Vercel's environments, of which only this one has addresses that move."""

    production: Target | None = None


class ProjectAlias(Shape):
    domain: str
    environment: str | None = None


class Functions(Shape):
    """Where the functions of a project run."""

    regions: tuple[str, ...] = Field(default=(), alias="functionDefaultRegions")


class Link(Shape):
    """The repository whose pushes Vercel deploys by itself, as far as its host names it so."""

    type: str = ""
    org: str | None = None
    repo: str | None = None


class Protection(Shape):
    """Which addresses ask visitors to sign in to Vercel, such as ``all_except_custom_domains``."""

    deployment_type: str = "all"


class Project(Shape):
    id: str
    name: str
    auto_assign_custom_domains: bool | None = None
    link: Link | None = None
    paused: bool = False
    protection: Protection | None = Field(default=None, alias="ssoProtection")
    last_alias_request: AliasRequest | None = None
    targets: Targets | None = None
    alias: tuple[ProjectAlias, ...] = ()
    functions: Functions | None = Field(default=None, alias="resourceConfig")

    @property
    def function_regions(self) -> tuple[str, ...]:
        return self.functions.regions if self.functions else ()

    @property
    def production(self) -> Target | None:
        return self.targets.production if self.targets else None


class Variable(Shape):
    """A variable without its value. ``type`` is such as encrypted or sensitive."""

    id: str | None = None
    key: str
    type: str = ""
    target: tuple[str, ...] | str | None = None
    comment: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target or ()


class OpenVariable(Shape):
    """One that was asked for alone; its value is told unless it is a sensitive one."""

    value: str | None = Field(default=None, repr=False)
    decrypted: bool = False


class Variables(Shape):
    envs: tuple[Variable, ...] = ()


class FailedVariable(Shape):
    class Reason(Shape):
        code: str = ""
        key: str | None = None
        env_var_key: str | None = None

    error: Reason


class VariablesMade(Shape):
    failed: tuple[FailedVariable, ...] = ()


class ReadyState(StrEnum):
    QUEUED = "QUEUED"
    INITIALIZING = "INITIALIZING"
    BUILDING = "BUILDING"
    READY = "READY"
    ERROR = "ERROR"
    CANCELED = "CANCELED"
    BLOCKED = "BLOCKED"
    DELETED = "DELETED"
    UNKNOWN = "unknown"


class Reason(Shape):
    code: str = ""


class SeatBlock(Shape):
    block_code: str = ""


class Checks(Shape):
    class Check(Shape):
        state: str | None = None

    aliasing: Check | None = Field(default=None, alias="deployment-alias")


#: Of a production build that has no traffic yet.
STAGED = "STAGED"


class Deployment(Shape):
    """``url`` is a host, of this deployment alone. Lists name the id ``uid``."""

    id: str = Field(validation_alias=AliasChoices("id", "uid"))
    ready_state: Annotated[ReadyState, known(ReadyState)]
    url: str | None = None
    project_id: str | None = None
    target: str | None = None
    created_at: float | None = None
    ready_substate: str | None = None
    auto_assign_custom_domains: bool | None = None
    alias: tuple[str, ...] = ()
    alias_assigned: bool | float | None = None
    alias_error: Reason | None = None
    checks_state: str | None = None
    checks_conclusion: str | None = None
    checks: Checks | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_step: str | None = None
    seat_block: SeatBlock | None = None
    meta: dict[str, Any] = Field(default_factory=dict)


class Deployments(Shape):
    deployments: tuple[Deployment, ...] = ()


class ListedDeployment(Shape):
    meta: dict[str, Any] = Field(default_factory=dict)


class ListedProject(Shape):
    name: str
    created_at: MaybeMoment = None  # pydantic takes so large a number for milliseconds
    latest_deployments: tuple[ListedDeployment, ...] = ()


class ListedProjects(Shape):
    projects: tuple[ListedProject, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        """Vercel may also send a bare list."""
        return {"projects": value} if isinstance(value, list) else value


class Namespace(Shape):
    """An account or organization of GitHub where Vercel's app is installed."""

    id: int | str
    slug: str


class FoundRepository(Shape):
    id: int | str
    slug: str | None = None
    name: str | None = None


class FoundRepositories(Shape):
    repos: tuple[FoundRepository, ...] = ()


class EventBody(Shape):
    id: str | None = None
    serial: str | int | None = None
    date: float | None = None
    text: str | None = None
    level: str | None = None


class Event(EventBody):
    """A line of a build: what it says stands in it, or in its ``payload``."""

    type: str = ""
    created: float | None = None
    payload: EventBody | None = None


class RuntimeLine(Shape):
    row_id: str
    timestamp_in_ms: float
    level: str = "info"
    message: str = ""
    request_method: str | None = None
    request_path: str | None = None
