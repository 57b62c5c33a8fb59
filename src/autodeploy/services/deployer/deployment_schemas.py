"""The shapes of deployments: what is asked for, and how far it is."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from autodeploy.kernel.schema import Input, Schema
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.schemas import (
    CreatorView,
    EnvironmentName,
    ProjectReference,
    RegionId,
    without_nul,
)
from autodeploy.services.deployer.states import DeploymentStatus, StepStatus
from autodeploy.services.deployer.variable_schemas import VariableKey, VariableValue

OneWayReason = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(without_nul)
]
Ref = Annotated[str, StringConstraints(min_length=1, max_length=255)]
PlanName = Annotated[str, StringConstraints(min_length=1, max_length=50)]


class DatabaseWish(Input):
    """What is left out is as for the database that the environment has, or production; where there
    is none it is on this machine, of the plan free, and ``region`` that of the app or the
    provider's choice."""

    provider: Annotated[str, StringConstraints(max_length=100)] | None = None
    plan: Annotated[str, StringConstraints(max_length=50)] | None = None
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


class TriggerView(Schema):
    """What made a deployment where no person did: a push to a branch, or a pull request. The
    ``message`` and ``author`` are those of the commit."""

    type: Literal["push", "pullRequest"]
    branch: str
    message: str | None = None
    author: str | None = None
    pull_request: int | None = None


class DeploymentView(Schema):
    """``estimated_duration`` is in seconds: half of such deployments take no longer, and nine in
    ten no longer than ``estimated_duration_p90``. ``reason`` says why one was cancelled, or was
    started by the platform.
    ``variables_version`` is that of the environment's variables that it runs with; ``trigger`` is
    null for one that somebody asked for. With ``private``, ``url`` is where other apps alone reach
    it."""

    id: UUID
    status: DeploymentStatus
    kind: str
    project: ProjectReference
    branch: str
    commit: str
    environment: str
    provider: str
    url: str | None
    private: bool
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
