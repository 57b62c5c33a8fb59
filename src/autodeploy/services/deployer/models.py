"""Tables of projects, environments, variables, deployments, their steps and logs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.kernel.search import index_on
from autodeploy.kernel.vault.columns import sealed
from autodeploy.services.deployer.states import DeploymentStatus, StepStatus, sql_values

#: What is searched of a project. The parts of a name such as ``acme.shop`` count as words too;
#: a word that is not indexed stands before them, so that no phrase reaches over into them.
PROJECT_DOCUMENT = (
    "name || ' ' || coalesce(description, '') || ' the ' || translate(name, '/._-', '    ')"
)

#: The key of a deployment's configuration that says what it changed for good in the database.
ONE_WAY = "one_way_migration"


class Project(Base):
    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("organization_id", "slug"),
        CheckConstraint("status IN ('active', 'paused', 'archived')", name="status"),
        CheckConstraint("monthly_budget_cents >= 0", name="monthly_budget_cents"),
        Index("idx_projects_org_id", "organization_id"),
        Index(
            "idx_projects_search",
            text(index_on(PROJECT_DOCUMENT)),
            postgresql_using="gin",
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None]
    repository_id: Mapped[UUID | None] = mapped_column(ForeignKey("repositories.id"))
    root_directory: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(String(50), server_default="active")
    monthly_budget_cents: Mapped[int | None]
    deletion_requested_at: Mapped[datetime | None]
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Environment(Base):
    """A named target of a project: what is live there, on which provider, at which address.

    ``number`` is unique on the platform; the local provider derives the system user from it.
    ``host`` is the first label of its name in the proxy, unique on the platform too.
    ``connection_id`` is the account that its provider acts for, where it needs one.
    ``replicas`` is how many processes of its app are to run, whatever its releases say; null for
    what they say. ``plan`` and ``region`` are what was chosen of its app at its provider.
    ``private`` is whether other apps alone reach what is live at ``url``.
    ``variables_version`` is the number of the last change of its variables; who changes them
    holds this row.
    """

    __tablename__ = "environments"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint("replicas > 0", name="replicas"),
        Index(
            "idx_environments_connection_id",
            "connection_id",
            postgresql_where=text("connection_id IS NOT NULL"),
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    host: Mapped[str] = mapped_column(String(63), unique=True)
    provider: Mapped[str] = mapped_column(String(100), server_default="local")
    connection_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("provider_integrations.id", ondelete="SET NULL")
    )
    plan: Mapped[str | None] = mapped_column(String(50))
    region: Mapped[str | None] = mapped_column(String(50))
    live_deployment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("deployments.id", ondelete="SET NULL", use_alter=True)
    )
    url: Mapped[str | None]
    private: Mapped[bool] = mapped_column(server_default="false")
    local_url: Mapped[str | None]
    local_port: Mapped[int | None] = mapped_column(Integer, unique=True)
    runtime: Mapped[dict[str, Any] | None]
    replicas: Mapped[int | None]
    variables_version: Mapped[int] = mapped_column(server_default="0")
    deletion_requested_at: Mapped[datetime | None]
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class EnvironmentVariable(Base):
    __tablename__ = "environment_variables"
    __table_args__ = (
        UniqueConstraint("project_id", "environment", "key"),
        CheckConstraint("scope IN ('build', 'runtime', 'both')", name="scope"),
        Index("idx_env_vars_project_env", "project_id", "environment"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    environment: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(255))
    encrypted_value: Mapped[str | None] = sealed(
        "organization:{organization_id}", "environment_variables:{project_id}:{environment}:{key}"
    )
    is_secret: Mapped[bool] = mapped_column(server_default="false")
    scope: Mapped[str] = mapped_column(String(10), server_default="both")
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class VariablesVersion(Base):
    """A change of an environment's variables, by their names. ``number`` counts from 1."""

    __tablename__ = "variables_versions"
    __table_args__ = (UniqueConstraint("environment_id", "number"),)

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    environment_id: Mapped[UUID] = mapped_column(ForeignKey("environments.id", ondelete="CASCADE"))
    number: Mapped[int]
    added: Mapped[list[str]]
    changed: Mapped[list[str]]
    removed: Mapped[list[str]]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    service_token_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("service_tokens.id", ondelete="SET NULL")
    )
    created_at: Mapped[type_created]


class Deployment(Base):
    """One deployment; while it is not terminal, the row is the intent to run it.

    ``lease_*`` and ``fence`` say which worker runs it: every write of a run names its fence.
    ``dispatch`` counts how often the id was queued. ``log_sequence`` and ``event_sequence`` are
    the last numbers given out. ``configuration`` holds references, never values of secrets.
    ``variables_version`` is that of the variables that it runs with.
    ``trigger`` is what made it where no person did, as ``schemas.TriggerView`` shows it.
    ``has_release`` is set before the provider is asked for a release, one elsewhere for a build
    already, and cleared when it is gone. One that brings an app back has it from when it answers
    for what an earlier one left there.
    ``let_go_at`` is since when its provider is to keep nothing of it for a rollback.
    """

    __tablename__ = "deployments"
    __table_args__ = (
        CheckConstraint(f"status IN ({sql_values(DeploymentStatus)})", name="status"),
        CheckConstraint("kind IN ('deploy', 'rollback')", name="kind"),
        Index("idx_deployments_project_status", "project_id", "status"),
        Index("idx_deployments_created_at", text("created_at DESC")),
        Index("idx_deployments_project_created", "project_id", text("created_at DESC"), "id"),
        Index(
            "uq_deployments_running",
            "project_id",
            "environment",
            unique=True,
            postgresql_where=text("status IN ('building', 'deploying')"),
        ),
        Index(
            "idx_deployments_due",
            "created_at",
            postgresql_where=text("status IN ('queued', 'building', 'deploying')"),
        ),
        Index(
            "idx_deployments_open",
            "project_id",
            "environment",
            "created_at",
            "id",
            postgresql_where=text("status IN ('queued', 'building', 'deploying')"),
        ),
        Index("idx_deployments_project_started", "project_id", "started_at"),
        Index("idx_deployments_released", "id", postgresql_where=text("has_release")),
        Index("idx_deployments_fingerprint", "project_id", "build_fingerprint"),
        Index(
            "idx_deployments_artifact",
            "artifact_key",
            postgresql_where=text("artifact_key IS NOT NULL"),
        ),
        Index(
            "idx_deployments_connection_id",
            "connection_id",
            postgresql_where=text("connection_id IS NOT NULL"),
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    repository_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("repositories.id", ondelete="SET NULL")
    )
    kind: Mapped[str] = mapped_column(String(20), server_default="deploy")
    branch: Mapped[str]
    commit_sha: Mapped[str] = mapped_column(String(40))
    status: Mapped[DeploymentStatus] = mapped_column(String(50), server_default="queued")
    provider: Mapped[str] = mapped_column(String(100))
    connection_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("provider_integrations.id", ondelete="SET NULL")
    )
    environment: Mapped[str] = mapped_column(String(100), server_default="production")
    url: Mapped[str | None]
    preview_url: Mapped[str | None]
    configuration: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    details: Mapped[dict[str, Any]] = mapped_column("metadata", server_default="{}")
    trigger: Mapped[dict[str, Any] | None]
    plan: Mapped[dict[str, Any] | None]
    source_deployment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("deployments.id", ondelete="SET NULL")
    )
    artifact_key: Mapped[str | None]
    build_fingerprint: Mapped[str | None] = mapped_column(String(64))
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    error_cause: Mapped[str | None]
    error_remedy: Mapped[str | None]
    error_log_tail: Mapped[list[str] | None]
    has_release: Mapped[bool] = mapped_column(server_default="false")
    cancel_requested_at: Mapped[datetime | None]
    rolled_back_at: Mapped[datetime | None]
    promoted_at: Mapped[datetime | None]
    let_go_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    recoveries: Mapped[int] = mapped_column(server_default="0")
    dispatch: Mapped[int] = mapped_column(server_default="0")
    dispatched_at: Mapped[datetime | None]
    log_sequence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    event_sequence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    runtime_log_cursor: Mapped[str | None]
    variables_version: Mapped[int | None]
    created_at: Mapped[type_created]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    service_token_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("service_tokens.id", ondelete="SET NULL")
    )

    @property
    def is_private(self) -> bool:
        """Whether other apps alone reach it, at its ``url``."""
        return bool((self.plan or {}).get("private"))

    @property
    def public_url(self) -> str | None:
        """Where everybody reaches it, if they do."""
        return None if self.is_private else self.url


class DeploymentStep(Base):
    __tablename__ = "deployment_steps"
    __table_args__ = (
        CheckConstraint(f"status IN ({sql_values(StepStatus)})", name="status"),
        UniqueConstraint("deployment_id", "name"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    deployment_id: Mapped[UUID] = mapped_column(ForeignKey("deployments.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(50))
    status: Mapped[StepStatus] = mapped_column(String(50), server_default="pending")
    attempt: Mapped[int] = mapped_column(server_default="0")
    estimated_seconds: Mapped[int]
    estimated_seconds_p90: Mapped[int]
    actual_seconds: Mapped[float | None]
    resources: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    error_code: Mapped[str | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class DeploymentEvent(Base):
    """A status or progress message, as the WebSocket sends it, with its number."""

    __tablename__ = "deployment_events"

    deployment_id: Mapped[UUID] = mapped_column(
        ForeignKey("deployments.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    type: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[type_created]
