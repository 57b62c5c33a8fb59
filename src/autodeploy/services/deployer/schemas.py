"""The shapes of projects and their environments, and of what the others name."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from autodeploy.kernel.app_file import MAXIMUM_REPLICAS
from autodeploy.kernel.schema import DisplayName, Input, Schema, Update
from autodeploy.services.analyzer.models import RepositoryKind
from autodeploy.services.deployer.live_state import RuntimeState


def without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a value holds no NUL character")
    return value


EnvironmentName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$", max_length=20)
]
Description = Annotated[str, Field(max_length=2000), AfterValidator(without_nul)]
RootDirectory = Annotated[str, StringConstraints(max_length=1024)]
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
    its provider, null where that is the provider's choice. With ``private``, ``url`` is where other
    apps alone reach it."""

    id: UUID
    name: str
    provider: str
    plan: str | None
    region: str | None
    url: str | None
    private: bool
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


class ProjectReference(Schema):
    id: UUID
    name: str


class CreatorView(Schema):
    """Who started a deployment: a person, or with a service token a program such as CI."""

    type: Literal["user", "serviceToken"]
    id: UUID
    name: str
