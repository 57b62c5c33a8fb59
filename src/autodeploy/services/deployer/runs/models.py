"""Tables of one-off commands and of what they print."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.kernel.vault.columns import sealed


class RunStatus(StrEnum):
    """``failed`` is any end but exit code 0, ``lost`` one that nobody saw."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


class Run(Base):
    """A one-off command. It is begun once at most: what it has done cannot be told, so a lost one
    is not repeated.

    ``command`` is what may be shown, ``encrypted_command`` the arguments as JSON, until they have
    been used. ``stdin`` is whether it reads what its caller sends; that itself is stored nowhere.
    ``terminal`` is the one that it has: its kind and its first size.
    ``deployment_id`` is the release that was live when it began. ``line_sequence`` is the last
    number given out.
    """

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost')",
            name="status",
        ),
        Index("idx_runs_org_id", "organization_id"),
        Index("idx_runs_project", "project_id", text("created_at DESC"), "id"),
        Index(
            "idx_runs_open",
            "environment_id",
            "created_at",
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        Index("idx_runs_completed_at", "completed_at"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    environment_id: Mapped[UUID] = mapped_column(ForeignKey("environments.id", ondelete="CASCADE"))
    environment: Mapped[str] = mapped_column(String(100))
    deployment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("deployments.id", ondelete="SET NULL")
    )
    command: Mapped[list[str]]
    encrypted_command: Mapped[str | None] = sealed("organization:{organization_id}", "runs:{id}")
    timeout_seconds: Mapped[int]
    stdin: Mapped[bool] = mapped_column(server_default="false")
    terminal: Mapped[dict[str, Any] | None]
    status: Mapped[RunStatus] = mapped_column(String(20), server_default="queued")
    exit_code: Mapped[int | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    error_remedy: Mapped[str | None]
    cancel_requested_at: Mapped[datetime | None]
    lease_expires_at: Mapped[datetime | None]
    line_sequence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[type_created]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    service_token_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("service_tokens.id", ondelete="SET NULL")
    )


class RunLine(Base):
    """A line that a command printed, or that we said of it (``stream`` is then ``autodeploy``)."""

    __tablename__ = "run_lines"

    run_id: Mapped[UUID] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    timestamp: Mapped[datetime]
    stream: Mapped[str] = mapped_column(String(20))
    message: Mapped[str]
