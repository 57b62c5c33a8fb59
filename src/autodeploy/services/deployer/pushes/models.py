"""Tables of push to deploy: what is followed at GitHub, what came from there, what it is told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.kernel.vault.columns import sealed


class PushToDeploy(Base):
    """That a project is deployed by pushes, and in whose name: that of who switched it on.

    ``paths`` are patterns of the files that count, null for those below the project's root
    directory. ``pulls_due_at`` is when the open pull requests are looked at next, ``pulls_note``
    why that failed.
    """

    __tablename__ = "push_to_deploy"
    __table_args__ = (Index("idx_push_to_deploy_org_id", "organization_id"),)

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(
        ForeignKey("projects.id", ondelete="CASCADE"), unique=True
    )
    paths: Mapped[list[str] | None]
    wait_for_ci: Mapped[bool] = mapped_column(server_default="false")
    previews: Mapped[bool] = mapped_column(server_default="false")
    pulls_due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    pulls_note: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    service_token_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("service_tokens.id", ondelete="SET NULL")
    )
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WatchedBranch(Base):
    """A branch whose head is to be deployed to an environment.

    ``head_sha`` is the head that was decided about last, null before the first; ``seen_sha`` the
    head that was seen last, at ``seen_at`` for the first time: another one than ``head_sha`` while
    something is waited for. ``deployed_sha`` is the last that a deployment was made of, ``note``
    says why none was of a newer one, ``problem`` why the last look failed. ``active_at`` is when
    something was last heard of it, ``due_at`` when it is looked at next.
    """

    __tablename__ = "watched_branches"
    __table_args__ = (
        UniqueConstraint("push_to_deploy_id", "branch"),
        UniqueConstraint("push_to_deploy_id", "environment"),
        Index("idx_watched_branches_due_at", "due_at"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    push_to_deploy_id: Mapped[UUID] = mapped_column(
        ForeignKey("push_to_deploy.id", ondelete="CASCADE")
    )
    branch: Mapped[str]
    environment: Mapped[str] = mapped_column(String(100))
    head_sha: Mapped[str | None] = mapped_column(String(40))
    seen_sha: Mapped[str | None] = mapped_column(String(40))
    seen_at: Mapped[datetime | None]
    deployed_sha: Mapped[str | None] = mapped_column(String(40))
    note: Mapped[str | None]
    problem: Mapped[str | None]
    active_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[type_created]


class Preview(Base):
    """A pull request of a project that deploys them, and the environment that it has.

    ``approved_sha`` is the commit of a fork that a member has let be built. ``told`` is the text
    that its comment has at GitHub. It is closed when ``closed_at`` is set; then its environment is
    taken down.
    """

    __tablename__ = "previews"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        Index("idx_previews_due_at", "due_at"),
        Index("idx_previews_telling_at", "telling_at"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    number: Mapped[int]
    environment: Mapped[str] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(server_default="")
    branch: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str | None]
    head_sha: Mapped[str | None] = mapped_column(String(40))
    is_fork: Mapped[bool] = mapped_column(server_default="false")
    approved_sha: Mapped[str | None] = mapped_column(String(40))
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    deployed_sha: Mapped[str | None] = mapped_column(String(40))
    deployment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("deployments.id", ondelete="SET NULL")
    )
    note: Mapped[str | None]
    told: Mapped[str | None]
    telling_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class GitHubWebhook(Base):
    """The webhook of a repository; its id is part of the address that GitHub calls.

    ``external_id`` and ``url`` are those at GitHub once it is registered there, ``note`` says why
    it is not.
    """

    __tablename__ = "github_webhooks"
    __table_args__ = (Index("idx_github_webhooks_due_at", "due_at"),)

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    repository_id: Mapped[UUID] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), unique=True
    )
    encrypted_secret: Mapped[str] = sealed("organization:{organization_id}", "github_webhooks:{id}")
    external_id: Mapped[int | None] = mapped_column(BigInteger)
    url: Mapped[str | None]
    note: Mapped[str | None]
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[type_created]


class GitHubDelivery(Base):
    """What GitHub has sent: that something is to be looked at. ``guid`` is GitHub's id of it."""

    __tablename__ = "github_deliveries"
    __table_args__ = (
        Index(
            "idx_github_deliveries_new",
            "received_at",
            postgresql_where=text("handled_at IS NULL"),
        ),
        Index("idx_github_deliveries_received_at", "received_at"),
    )

    webhook_id: Mapped[UUID] = mapped_column(
        ForeignKey("github_webhooks.id", ondelete="CASCADE"), primary_key=True
    )
    guid: Mapped[str] = mapped_column(String(64), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    event: Mapped[str] = mapped_column(String(64))
    branch: Mapped[str | None]
    pull_request: Mapped[int | None]
    received_at: Mapped[type_created]
    handled_at: Mapped[datetime | None]


class DeploymentReport(Base):
    """What GitHub is told of a deployment. ``told`` is the last word of the deployment there,
    ``commit_told`` that of the commit's status, either ``refused`` where GitHub takes none; it is
    ``settled`` when no further one will follow. ``retired`` is that its environment was taken
    down."""

    __tablename__ = "deployment_reports"
    __table_args__ = (
        CheckConstraint("failures >= 0", name="failures"),
        Index("idx_deployment_reports_due_at", "due_at", postgresql_where=text("NOT settled")),
    )

    deployment_id: Mapped[UUID] = mapped_column(
        ForeignKey("deployments.id", ondelete="CASCADE"), primary_key=True
    )
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    external_id: Mapped[int | None] = mapped_column(BigInteger)
    told: Mapped[str | None] = mapped_column(String(20))
    commit_told: Mapped[str | None] = mapped_column(String(20))
    settled: Mapped[bool] = mapped_column(server_default="false")
    retired: Mapped[bool] = mapped_column(server_default="false")
    failures: Mapped[int] = mapped_column(server_default="0")
    note: Mapped[str | None]
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[type_created]
