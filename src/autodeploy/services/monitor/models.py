"""Tables of health checks, metrics and alerts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid


class HealthCheck(Base):
    __tablename__ = "health_checks"
    __table_args__ = (
        CheckConstraint("status IN ('healthy', 'unhealthy')", name="status"),
        Index("idx_health_checks_deployment", "deployment_id", "checked_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    deployment_id: Mapped[UUID] = mapped_column(ForeignKey("deployments.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(20))
    http_status: Mapped[int | None]
    duration_seconds: Mapped[float]
    message: Mapped[str | None]
    checked_at: Mapped[type_created]


class Metric(Base):
    __tablename__ = "metrics"
    __table_args__ = (Index("idx_metrics_subject", "subject_type", "subject_id", "name", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    subject_type: Mapped[str] = mapped_column(String(50))
    subject_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(100))
    value: Mapped[float]
    at: Mapped[type_created]


class Alert(Base):
    __tablename__ = "alerts"
    __table_args__ = (
        CheckConstraint("status IN ('firing', 'resolved')", name="status"),
        Index("idx_alerts_org_id", "organization_id", "created_at"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20))
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[type_created]
    resolved_at: Mapped[datetime | None]
