"""Tables of log lines: those that PostgreSQL holds, and where the others are archived."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base


class DeploymentLog(Base):
    __tablename__ = "deployment_logs"
    __table_args__ = (CheckConstraint("level IN ('debug', 'info', 'warn', 'error')", name="level"),)

    deployment_id: Mapped[UUID] = mapped_column(
        ForeignKey("deployments.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    timestamp: Mapped[datetime]
    level: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(String(50))
    message: Mapped[str]


class DeploymentLogArchive(Base):
    """The lines ``first`` to ``last`` of a deployment, which the object ``key`` holds.

    They were moved there from ``deployment_logs``, the oldest first: what is archived lies before
    what is not. Times, levels and sources are those that occur in it, so that a reader who wants
    others need not open it.
    """

    __tablename__ = "deployment_log_archives"
    __table_args__ = (
        CheckConstraint("first <= last", name="numbers"),
        Index("idx_deployment_log_archives_org_id", "organization_id"),
        Index("idx_deployment_log_archives_last_timestamp", "last_timestamp"),
    )

    deployment_id: Mapped[UUID] = mapped_column(
        ForeignKey("deployments.id", ondelete="CASCADE"), primary_key=True
    )
    last: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    key: Mapped[str] = mapped_column(unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    first_timestamp: Mapped[datetime]
    last_timestamp: Mapped[datetime]
    levels: Mapped[list[str]]
    sources: Mapped[list[str]]
