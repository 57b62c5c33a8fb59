"""The shapes of repositories and analyses, as REST, jobs and events share them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic.alias_generators import to_camel

from autodeploy.kernel.schema import Input, Schema
from autodeploy.services.analyzer.models import Repository, RepositoryAnalysis, RepositoryKind
from autodeploy.services.analyzer.plan import (
    AppKind,
    Candidate,
    Command,
    CostItem,
    Dependencies,
    EnvironmentVariable,
    Evidence,
    Image,
    Member,
    Placement,
    Plan,
    Runtime,
    ServiceNeed,
)

Ref = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
RootDirectory = Annotated[str, StringConstraints(max_length=1024)]


class RepositoryInput(Input):
    """A git repository to add; ``organization_id`` is the caller's own when left out.

    ``url`` is a git URL, or ``owner/name`` at GitHub. What the caller's account at GitHub sees is
    read by that account from then on.
    """

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    organization_id: UUID | None = None


class RepositoryReader(Schema):
    """By what a repository was read last: the platform's GitHub App by its installation, somebody's
    ``account`` at GitHub, which is named as far as it is known, or git."""

    by: Literal["installation", "account", "git"]
    account: str | None = None


class RepositoryView(Schema):
    """``read_by`` is null where there is nothing to read, as of uploads, and where nobody reads a
    private repository any more."""

    id: UUID
    organization_id: UUID
    kind: RepositoryKind
    full_name: str
    url: str
    default_branch: str
    private: bool
    language: str | None
    read_by: RepositoryReader | None
    created_at: datetime
    updated_at: datetime


class DiscoveredRepository(Schema):
    """A repository that an account at GitHub sees; ``repository_id`` where it was added here."""

    github_id: int
    full_name: str
    url: str
    default_branch: str
    private: bool
    archived: bool
    language: str | None
    pushed_at: datetime | None
    repository_id: UUID | None


class UploadView(Schema):
    """A stored upload; ``commit`` is the git tree id of its files."""

    repository: RepositoryView
    commit: str


class AnalysisInput(Input):
    """What to analyse: a branch, tag or commit, the default branch when left out.

    ``force`` analyses again what was analysed before. ``root_directory`` is the folder of the app
    in a monorepo.
    """

    branch: Ref | None = None
    force: bool = False
    root_directory: RootDirectory = ""


class AnalyzedRepository(Schema):
    id: UUID
    full_name: str
    default_branch: str


class FrameworkView(Schema):
    """``slug`` is stable, ``name`` is for people; ``confidence`` is 0 to 1."""

    slug: str
    name: str
    version: str | None
    confidence: float


class CronView(Schema):
    """A command and when it is run, in UTC: minute, hour, day, month and weekday."""

    schedule: str
    command: str


class BuildConfiguration(Schema):
    """How to build and run it; ``node_version`` is set for Node, ``runtime`` for all.

    ``reasons`` says of each command why it is that one, by the command's name here. ``image`` is
    what a Dockerfile makes of the app. ``private`` is whether other apps alone are to reach it.
    """

    build_command: str | None
    start_command: str | None
    install_command: str | None
    node_version: str | None
    release_command: str | None
    worker_commands: dict[str, str]
    cron_commands: dict[str, CronView]
    output_directory: str | None
    package_manager: str | None
    package_manager_version: str | None
    runtime: Runtime | None
    kind: AppKind
    port: int | None
    image: Image | None
    health_path: str | None
    private: bool
    reasons: dict[str, str]


class EstimatedCost(Schema):
    """``monthly`` in units of the currency; None when the price is not known.

    ``as_of`` is the oldest date of the prices in ``items``, whose amounts are in cents;
    ``not_included`` are services that are needed and not to be had there.
    """

    monthly: int | float | None
    currency: str
    source: str | None
    as_of: str | None
    items: list[CostItem]
    not_included: list[str]


class PlacementView(Schema):
    """A place to run the app; ``connected`` says that a deployment can go there now."""

    provider: str
    database: str | None
    connected: bool
    estimated_cost: EstimatedCost
    reasons: list[str]


class Recommendations(PlacementView):
    """The best of what is connected, and all other places in their order."""

    alternatives: list[PlacementView]


class AnalysisIdentity(Schema):
    """Which commit of which repository was analysed, and where the answer is kept."""

    id: UUID
    status: Literal["completed"] = "completed"
    repository: AnalyzedRepository
    branch: str
    commit: str
    root_directory: str


class AnalysisResult(Schema):
    """What was found out about a source tree, wherever it came from."""

    framework: FrameworkView | None
    language: str | None
    build_configuration: BuildConfiguration
    environment_variables: list[EnvironmentVariable]
    dependencies: Dependencies
    services: list[ServiceNeed]
    members: list[Member]
    apps: list[str]
    recommendations: Recommendations | None
    confidence: float
    abstained: bool
    evidence: list[Evidence]
    candidates: list[Candidate]
    warnings: list[str]
    analyzer_version: str


class AnalysisView(AnalysisResult, AnalysisIdentity):
    """A finished analysis of one commit."""

    created_at: datetime


class AnalysisPending(Schema):
    """An analysis that goes on in the background; read it at ``/repositories/{id}/analysis``."""

    status: Literal["queued"] = "queued"
    repository: AnalyzedRepository
    branch: str
    commit: str
    root_directory: str = Field(default="")


def analysis_view(repository: Repository, row: RepositoryAnalysis) -> AnalysisView:
    """What the API answers for a stored analysis."""
    return AnalysisView(
        id=row.id,
        repository=AnalyzedRepository.model_validate(repository),
        branch=row.branch,
        commit=row.commit_sha,
        root_directory=row.root_directory,
        created_at=row.created_at,
        **dict(analysis_result(Plan.model_validate(row.plan))),
    )


def analysis_result(plan: Plan) -> AnalysisResult:
    """A plan in the shape that callers get."""
    return AnalysisResult(
        framework=FrameworkView.model_validate(plan.framework) if plan.framework else None,
        language=plan.language_name,
        build_configuration=build_configuration(plan),
        environment_variables=list(plan.environment_variables),
        dependencies=plan.dependencies,
        services=list(plan.services),
        members=list(plan.members),
        apps=list(plan.apps),
        recommendations=recommendations(plan),
        confidence=plan.confidence,
        abstained=plan.abstained,
        evidence=list(plan.evidence),
        candidates=list(plan.candidates),
        warnings=list(plan.warnings),
        analyzer_version=plan.analyzer_version,
    )


def build_configuration(plan: Plan) -> BuildConfiguration:
    """The commands and the runtime of a plan."""
    runtime = plan.runtime
    commands = {
        "install_command": plan.install_command,
        "build_command": plan.build_command,
        "start_command": plan.start_command,
        "release_command": plan.release_command,
    }
    return BuildConfiguration(
        **{name: command.command if command else None for name, command in commands.items()},
        node_version=runtime.version_request if runtime and runtime.name == "node" else None,
        worker_commands={name: one.command for name, one in plan.worker_commands.items()},
        cron_commands={
            name: CronView(schedule=one.schedule, command=one.command)
            for name, one in plan.cron_commands.items()
        },
        output_directory=plan.output_directory,
        package_manager=plan.package_manager,
        package_manager_version=plan.package_manager_version,
        runtime=runtime,
        kind=plan.kind,
        port=plan.port,
        image=plan.image,
        health_path=plan.health_path,
        private=plan.private,
        reasons=_reasons(commands),
    )


def recommendations(plan: Plan) -> Recommendations | None:
    """Where the plan would run the app, and for how much."""
    advice = plan.recommendation
    if advice is None:
        return None
    return Recommendations(
        **dict(_placement(advice)), alternatives=[_placement(one) for one in advice.alternatives]
    )


def _reasons(commands: Mapping[str, Command | None]) -> dict[str, str]:
    return {to_camel(name): one.reason for name, one in commands.items() if one}


def _placement(place: Placement) -> PlacementView:
    cents = place.monthly_cost_cents
    whole = cents is not None and cents % 100 == 0
    monthly = None if cents is None else cents // 100 if whole else cents / 100
    return PlacementView(
        provider=place.provider,
        database=place.database,
        connected=place.connected,
        estimated_cost=EstimatedCost(
            monthly=monthly,
            currency=place.currency,
            source=place.price_source,
            as_of=place.price_date,
            items=list(place.cost_items),
            not_included=list(place.not_included),
        ),
        reasons=list(place.reasons),
    )
