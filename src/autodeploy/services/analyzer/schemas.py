"""The shapes of repositories and analyses, as REST, jobs and events share them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from autodeploy.kernel.schema import Input, Schema
from autodeploy.services.analyzer.models import Repository, RepositoryAnalysis, RepositoryKind
from autodeploy.services.analyzer.plan import (
    AppKind,
    Candidate,
    Dependencies,
    EnvironmentVariable,
    Evidence,
    Member,
    Plan,
    Runtime,
    ServiceNeed,
)

Ref = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
RootDirectory = Annotated[str, StringConstraints(max_length=1024)]


class RepositoryInput(Input):
    """A git repository to add; ``organization_id`` is the caller's own when left out."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    organization_id: UUID | None = None


class RepositoryView(Schema):
    id: UUID
    organization_id: UUID
    kind: RepositoryKind
    full_name: str
    url: str
    default_branch: str
    private: bool
    language: str | None
    created_at: datetime
    updated_at: datetime


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


class RepositoryReference(Schema):
    id: UUID
    full_name: str
    default_branch: str


class FrameworkView(Schema):
    name: str
    version: str | None
    confidence: float


class BuildConfiguration(Schema):
    """How to build and run it; ``node_version`` is set for Node, ``runtime`` for all."""

    build_command: str | None
    start_command: str | None
    install_command: str | None
    node_version: str | None
    release_command: str | None
    output_directory: str | None
    package_manager: str | None
    runtime: Runtime | None
    kind: AppKind
    port: int | None


class EstimatedCost(Schema):
    """``monthly`` in units of the currency; None when the price is not known."""

    monthly: int | float | None
    currency: str
    source: str | None
    as_of: str | None


class Recommendations(Schema):
    provider: str
    database: str | None
    estimated_cost: EstimatedCost
    reasons: list[str]


class AnalysisView(Schema):
    """A finished analysis of one commit."""

    id: UUID
    status: Literal["completed"] = "completed"
    repository: RepositoryReference
    branch: str
    commit: str
    root_directory: str
    framework: FrameworkView | None
    language: str | None
    build_configuration: BuildConfiguration
    environment_variables: list[EnvironmentVariable]
    dependencies: Dependencies
    services: list[ServiceNeed]
    members: list[Member]
    recommendations: Recommendations | None
    confidence: float
    abstained: bool
    evidence: list[Evidence]
    candidates: list[Candidate]
    warnings: list[str]
    analyzer_version: str
    created_at: datetime


class AnalysisPending(Schema):
    """An analysis that goes on in the background; read it at ``/repositories/{id}/analysis``."""

    status: Literal["queued"] = "queued"
    repository: RepositoryReference
    branch: str
    commit: str
    root_directory: str = Field(default="")


def analysis_view(repository: Repository, row: RepositoryAnalysis) -> AnalysisView:
    """What the API answers for a stored analysis."""
    plan = Plan.model_validate(row.plan)
    framework = plan.framework
    return AnalysisView(
        id=row.id,
        repository=RepositoryReference.model_validate(repository),
        branch=row.branch,
        commit=row.commit_sha,
        root_directory=row.root_directory,
        framework=framework
        and FrameworkView(
            name=framework.name, version=framework.version, confidence=framework.confidence
        ),
        language=plan.language_name,
        build_configuration=build_configuration(plan),
        environment_variables=list(plan.environment_variables),
        dependencies=plan.dependencies,
        services=list(plan.services),
        members=list(plan.members),
        recommendations=recommendations(plan),
        confidence=plan.confidence,
        abstained=plan.abstained,
        evidence=list(plan.evidence),
        candidates=list(plan.candidates),
        warnings=list(plan.warnings),
        analyzer_version=row.analyzer_version,
        created_at=row.created_at,
    )


def build_configuration(plan: Plan) -> BuildConfiguration:
    """The commands and the runtime of a plan."""
    runtime = plan.runtime
    return BuildConfiguration(
        build_command=plan.build_command.command if plan.build_command else None,
        start_command=plan.start_command.command if plan.start_command else None,
        install_command=plan.install_command.command if plan.install_command else None,
        release_command=plan.release_command.command if plan.release_command else None,
        node_version=runtime.version_request if runtime and runtime.name == "node" else None,
        output_directory=plan.output_directory,
        package_manager=plan.package_manager,
        runtime=runtime,
        kind=plan.kind,
        port=plan.port,
    )


def recommendations(plan: Plan) -> Recommendations | None:
    """Where the plan would run the app, and for how much."""
    advice = plan.recommendation
    if advice is None:
        return None
    cents = advice.monthly_cost_cents
    whole = cents is not None and cents % 100 == 0
    monthly = None if cents is None else cents // 100 if whole else cents / 100
    return Recommendations(
        provider=advice.provider,
        database=advice.database,
        estimated_cost=EstimatedCost(
            monthly=monthly,
            currency=advice.currency,
            source=advice.price_source,
            as_of=advice.price_date,
        ),
        reasons=list(advice.reasons),
    )
