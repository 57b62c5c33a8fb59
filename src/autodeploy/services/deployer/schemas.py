"""The shapes of projects, environments, variables and deployments."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from autodeploy.kernel.app_file import MAXIMUM_REPLICAS
from autodeploy.kernel.schema import DisplayName, Input, Schema, Update
from autodeploy.providers.drift import DriftKind
from autodeploy.services.analyzer.models import RepositoryKind
from autodeploy.services.deployer.live_state import RuntimeState
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.states import DeploymentStatus, StepStatus

MAXIMUM_VALUE_CHARACTERS = 64 * 1024


def _without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a value holds no NUL character")
    return value


EnvironmentName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$", max_length=20)
]
VariableKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=255)]
VariableValue = Annotated[
    str, StringConstraints(max_length=MAXIMUM_VALUE_CHARACTERS), AfterValidator(_without_nul)
]
Description = Annotated[str, Field(max_length=2000), AfterValidator(_without_nul)]
RootDirectory = Annotated[str, StringConstraints(max_length=1024)]
OneWayReason = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(_without_nul)
]
Ref = Annotated[str, StringConstraints(min_length=1, max_length=255)]
PlanName = Annotated[str, StringConstraints(min_length=1, max_length=50)]
RegionId = Annotated[str, StringConstraints(min_length=1, max_length=50)]


class ProjectInput(Input):
    """``organization_id`` is the caller's own organization when left out."""

    name: DisplayName
    repository_id: UUID | None = None
    description: Description | None = None
    organization_id: UUID | None = None
    root_directory: RootDirectory = ""


class ProjectUpdate(Update):
    """What is left out stays as it is; what else a GET answers may come along unchanged."""

    moving: ClassVar[frozenset[str]] = frozenset({"environments"})

    name: DisplayName | None = None
    repository_id: UUID | None = None
    description: Description | None = None
    root_directory: RootDirectory | None = None


class RepositoryReference(Schema):
    id: UUID
    kind: RepositoryKind
    full_name: str
    url: str
    default_branch: str


class CronRunView(Schema):
    """A command that is run at its times: when it last began, how that run ended (null while it
    has not, or could not begin), and when it is next."""

    name: str
    next_at: datetime
    last_at: datetime | None
    last_exit_code: int | None


class ReplicaCountView(Schema):
    """How many processes of an app are up, of how many there are to be."""

    running: int
    wanted: int


class RuntimeView(Schema):
    """How the live release fares: of several processes the one that fares worst. ``process`` is
    the name of a worker, or of a replica such as ``web.2``, null for the app itself; ``reason`` is
    ``out_of_memory``, ``removed_at_provider``, ``stopped_at_provider`` or an error code.
    ``replicas`` is null for what is no server."""

    state: RuntimeState
    restarts: int
    exit_code: int | None
    reason: str | None
    process: str | None
    replicas: ReplicaCountView | None = None
    crons: list[CronRunView] = Field(default_factory=list)
    since: datetime


class EnvironmentView(Schema):
    """``replicas`` is how many processes of its app are to run, null for as many as the live
    release's ``autodeploy.toml`` says. ``plan`` and ``region`` are what was chosen of the app at
    its provider, null where that is the provider's choice."""

    id: UUID
    name: str
    provider: str
    plan: str | None
    region: str | None
    url: str | None
    local_url: str | None
    live_deployment_id: UUID | None
    replicas: int | None
    runtime: RuntimeView | None


class EnvironmentInput(Input):
    """``copy_from`` names the environment whose variables it begins with."""

    name: EnvironmentName
    copy_from: EnvironmentName | None = None


class ScaleInput(Input):
    """Null for as many replicas as ``autodeploy.toml`` says."""

    replicas: Annotated[int, Field(ge=1, le=MAXIMUM_REPLICAS)] | None


class ProjectView(Schema):
    id: UUID
    name: str
    slug: str
    description: str | None
    status: str
    organization_id: UUID
    repository: RepositoryReference | None
    root_directory: str
    environments: list[EnvironmentView]
    created_at: datetime
    updated_at: datetime


class VariableScope(StrEnum):
    """Who gets a variable: the build, the running app with its release command, or both."""

    BUILD = "build"
    RUNTIME = "runtime"
    BOTH = "both"


class VariableInput(Input):
    """``is_secret`` is guessed from the key when left out, and true where the value refers to a
    secret."""

    key: VariableKey
    value: Annotated[VariableValue, Field(repr=False)]
    is_secret: bool | None = None
    scope: VariableScope = VariableScope.BOTH
    environment: EnvironmentName = PRODUCTION


class VariablesInput(Input):
    """Several variables, set as one change. What is left out stays as it is where a variable is
    set, and is as for a new one where it is not."""

    values: dict[VariableKey, VariableValue] = Field(min_length=1, max_length=500, repr=False)
    is_secret: bool | None = None
    scope: VariableScope | None = None
    environment: EnvironmentName = PRODUCTION


class VariablesCopy(Input):
    """From which environment variables are copied and to which; with ``overwrite`` also over those
    that are set there."""

    source: Annotated[EnvironmentName, Field(alias="from")]
    target: Annotated[EnvironmentName, Field(alias="to")]
    overwrite: bool = False


class VariableUpdate(Update):
    """A value that is left out or null stays as it is."""

    value: Annotated[VariableValue | None, Field(repr=False)] = None
    is_secret: bool | None = None
    scope: VariableScope | None = None


class VariableView(Schema):
    """``value`` is null for a secret: it can be written, never read. References in it are shown
    as they were written."""

    key: str
    value: Annotated[str | None, Field(repr=False)]
    is_secret: bool
    scope: VariableScope
    environment: str
    created_at: datetime
    updated_at: datetime


class DatabaseWish(Input):
    """``region`` is the provider's choice when left out."""

    provider: Annotated[str, StringConstraints(max_length=100)] = "local"
    plan: Annotated[str, StringConstraints(max_length=50)] = "free"
    region: RegionId | None = None


class DeploymentConfiguration(Input):
    """``environment_variables`` are stored with the project's; ``provision_new`` as the value of
    DATABASE_URL asks for a database instead. With ``ignore_missing_variables`` the deployment goes
    on where its code needs variables that are not set. ``one_way_migration`` says what the release
    command changes so that releases before this one no longer work with the database. ``plan`` and
    ``region`` are the app's at its provider, as for the release that is live when left out."""

    environment_variables: dict[VariableKey, VariableValue] = Field(
        default_factory=dict, max_length=500, repr=False
    )
    database: DatabaseWish | None = None
    ignore_missing_variables: bool = False
    one_way_migration: OneWayReason | None = None
    plan: PlanName | None = None
    region: RegionId | None = None


class BuildChoice(StrEnum):
    """Whether to build: when what the build depends on has changed, in any case, or not at all."""

    WHEN_CHANGED = "when_changed"
    ALWAYS = "always"
    NEVER = "never"


class DeploymentInput(Input):
    """What to deploy: the newest of the default branch when nothing is named."""

    branch: Ref | None = None
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{7,40}$")] | None = None
    environment: EnvironmentName = PRODUCTION
    provider: Annotated[str, StringConstraints(max_length=100)] | None = None
    build: BuildChoice = BuildChoice.WHEN_CHANGED
    ignore_budget: Annotated[
        bool, Field(description="Deploy also what the budget refuses, for who may change it.")
    ] = False
    configuration: DeploymentConfiguration = Field(default_factory=DeploymentConfiguration)


class RollbackInput(Input):
    """With ``force`` also over a one-way migration."""

    force: bool = False


class ProjectReference(Schema):
    id: UUID
    name: str


class StepView(Schema):
    name: str
    status: StepStatus
    estimated_duration: int
    estimated_duration_p90: int
    actual_duration: float | None
    error_code: str | None


class DeploymentErrorView(Schema):
    code: str
    message: str
    cause: str | None
    remedy: str | None
    log_tail: list[str]


class CreatorView(Schema):
    """Who started a deployment: a person, or with a service token a program such as CI."""

    type: Literal["user", "serviceToken"]
    id: UUID
    name: str


class TriggerView(Schema):
    """What made a deployment where no person did: a push to a branch, or a pull request. The
    ``message`` and ``author`` are those of the commit."""

    type: Literal["push", "pullRequest"]
    branch: str
    message: str | None = None
    author: str | None = None
    pull_request: int | None = None


class VariablesVersionView(Schema):
    """A change of an environment's variables, by their names."""

    number: int
    added: list[str]
    changed: list[str]
    removed: list[str]
    created_by: CreatorView | None
    created_at: datetime


class VariablesDifference(Schema):
    """What changed between two versions of an environment's variables, by their names."""

    environment: str
    before: Annotated[int, Field(alias="from")]
    after: Annotated[int, Field(alias="to")]
    added: list[str]
    changed: list[str]
    removed: list[str]


class DeploymentView(Schema):
    """``estimated_duration`` is in seconds: half of such deployments take no longer, and nine in
    ten no longer than ``estimated_duration_p90``. ``reason`` says why one was cancelled, or was
    started by the platform.
    ``variables_version`` is that of the environment's variables that it runs with; ``trigger`` is
    null for one that somebody asked for."""

    id: UUID
    status: DeploymentStatus
    kind: str
    project: ProjectReference
    branch: str
    commit: str
    environment: str
    provider: str
    url: str | None
    local_url: str | None
    estimated_duration: int
    estimated_duration_p90: int
    steps: list[StepView]
    error: DeploymentErrorView | None
    reason: str | None
    source_deployment_id: UUID | None
    rolled_back_at: datetime | None
    variables_version: int | None
    trigger: TriggerView | None
    created_by: CreatorView | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class DriftItemView(Schema):
    """One thing that is otherwise at a provider. ``name`` is that of a variable, whose values are
    not told; ``declared`` and ``found`` are ids, plans or regions. ``reconcilable`` is whether a
    deployment sets it again."""

    kind: DriftKind
    name: str | None
    declared: str | None
    found: str | None
    reconcilable: bool


class DriftView(Schema):
    """What is set at an environment's provider otherwise than it was declared. ``unread`` are the
    variables whose values the provider does not tell; ``pending`` those that were changed here
    since the release was made, which the next deployment sets."""

    environment: str
    provider: str
    deployment_id: UUID
    items: list[DriftItemView]
    unread: list[str]
    pending: list[str]
    checked_at: datetime


class DriftInput(Input):
    """Which environment is set up again."""

    environment: EnvironmentName = PRODUCTION


class DeploymentStatusView(Schema):
    """``progress`` is from 0 to 1, ``eta`` in seconds, ``sequence`` that of the last event."""

    deployment_id: UUID
    status: DeploymentStatus
    step: str | None
    progress: float
    eta: int
    sequence: int


class LogLineView(Schema):
    sequence: int
    type: str
    deployment_id: UUID
    timestamp: datetime
    level: str
    message: str
    source: str
