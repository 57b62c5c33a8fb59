"""The table of the names that apps are served at, besides those that providers give."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.services.deployer.domains.schemas import DomainState
from autodeploy.services.deployer.states import sql_values


class Domain(Base):
    """A name of an environment's app. The row is written before a provider is asked for anything.

    ``name`` is in lower case and as the DNS has it, and of one row alone on the platform.
    ``places`` are the providers, with the connections by which they act, that were asked to serve
    the name, the present one last; it is removed from each before the row goes. ``records`` are
    those that its owner is to set. ``checks`` counts the looks at them since somebody asked;
    ``next_check_at`` is when the next is due, null where none is.
    """

    __tablename__ = "domains"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(DomainState)})", name="state"),
        Index("idx_domains_environment_id", "environment_id"),
        Index("idx_domains_org_id", "organization_id"),
        Index("idx_domains_project_id", "project_id"),
        Index(
            "idx_domains_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    environment_id: Mapped[UUID] = mapped_column(ForeignKey("environments.id", ondelete="CASCADE"))
    environment: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(253), unique=True)
    state: Mapped[DomainState] = mapped_column(String(20), server_default="pending")
    places: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    records: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    error_remedy: Mapped[str | None]
    checks: Mapped[int] = mapped_column(server_default="0")
    next_check_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    removal_requested_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
