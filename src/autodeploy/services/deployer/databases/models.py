"""Tables of the databases of apps, their backups and restores."""

from datetime import datetime
from typing import Any
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


class ProjectDatabase(Base):
    """A database of an app. The row is written before the provider is asked for it, and what is to
    be done with it is told by this row, its backups and its restores.

    ``url_changed_at`` tells builds apart that read the URL. ``retiring_login`` is the user of the
    URL before, which releases that began before ``rotated_at`` still have. ``fence`` names the
    worker that works on it; ``failures`` counts its tries in vain; ``dispatch`` how often the id
    was queued. ``notice`` is what the provider said last while it made the database, ``notes`` are
    its own, of what it has begun; ``encrypted_password`` is one that we chose for it,
    ``encrypted_variables`` a JSON object of what else an app is given.
    """

    __tablename__ = "databases"
    __table_args__ = (
        UniqueConstraint("project_id", "environment", "name"),
        CheckConstraint(
            "status IN ('provisioning', 'available', 'deleting', 'error', 'pausing', 'paused')",
            name="status",
        ),
        CheckConstraint("engine IN ('postgresql', 'redis')", name="engine"),
        CheckConstraint(
            "engine = 'postgresql' OR (name <> 'main' AND backup_schedule = 'off')",
            name="of_postgresql",
        ),
        CheckConstraint("backup_schedule IN ('off', 'daily', 'weekly')", name="backup_schedule"),
        CheckConstraint("backup_hour BETWEEN 0 AND 23", name="backup_hour"),
        CheckConstraint("keep_daily >= 0 AND keep_weekly >= 0", name="keep"),
        Index("idx_databases_org_id", "organization_id"),
        Index("idx_databases_created_at", text("created_at DESC"), "id"),
        Index(
            "idx_databases_due",
            "id",
            postgresql_where=text(
                "status IN ('provisioning', 'deleting', 'pausing') "
                "OR rotation_requested_at IS NOT NULL"
            ),
        ),
        Index(
            "idx_databases_connection_id",
            "connection_id",
            postgresql_where=text("connection_id IS NOT NULL"),
        ),
        Index("idx_databases_retiring", "id", postgresql_where=text("retiring_login IS NOT NULL")),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    environment: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(100), server_default="main")
    engine: Mapped[str] = mapped_column(String(20), server_default="postgresql")
    provider: Mapped[str] = mapped_column(String(100))
    connection_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("provider_integrations.id", ondelete="SET NULL")
    )
    plan: Mapped[str] = mapped_column(String(50), server_default="free")
    region: Mapped[str | None] = mapped_column(String(50))
    status: Mapped[str] = mapped_column(String(50), server_default="provisioning")
    status_before_deletion: Mapped[str | None] = mapped_column(String(20))
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    notice: Mapped[str | None]
    external_id: Mapped[str | None]
    encrypted_url: Mapped[str | None] = sealed("organization:{organization_id}", "databases:{id}")
    encrypted_password: Mapped[str | None] = sealed(
        "organization:{organization_id}", "databases:{id}:password"
    )
    encrypted_variables: Mapped[str | None] = sealed(
        "organization:{organization_id}", "databases:{id}:variables"
    )
    notes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    url_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    backup_schedule: Mapped[str] = mapped_column(String(20), server_default="daily")
    backup_hour: Mapped[int] = mapped_column(server_default="3")
    keep_daily: Mapped[int] = mapped_column(server_default="7")
    keep_weekly: Mapped[int] = mapped_column(server_default="4")
    rotation_requested_at: Mapped[datetime | None]
    revoke_at_once: Mapped[bool] = mapped_column(server_default="false")
    retiring_login: Mapped[str | None]
    rotated_at: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    dispatch: Mapped[int] = mapped_column(server_default="0")
    dispatched_at: Mapped[datetime | None]
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DatabaseBackup(Base):
    """A backup, or the intent to make one: ``pending`` until its file is ``stored``, ``verified``
    when that was restored and held what ``tables`` says, else ``failed``.

    It outlives its database, whose names it keeps. ``object_key`` is written down before the file.
    """

    __tablename__ = "database_backups"
    __table_args__ = (
        UniqueConstraint("database_id", "scheduled_for"),
        CheckConstraint("kind IN ('manual', 'scheduled', 'safety', 'final')", name="kind"),
        CheckConstraint("status IN ('pending', 'stored', 'verified', 'failed')", name="status"),
        Index("idx_database_backups_database", "database_id", text("created_at DESC"), "id"),
        Index("idx_database_backups_project", "project_id", text("created_at DESC"), "id"),
        Index("idx_database_backups_org_id", "organization_id"),
        Index(
            "idx_database_backups_due",
            "database_id",
            postgresql_where=text("status IN ('pending', 'stored')"),
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    database_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("databases.id", ondelete="SET NULL")
    )
    environment: Mapped[str] = mapped_column(String(100))
    database_name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), server_default="pending")
    scheduled_for: Mapped[datetime | None]
    object_key: Mapped[str | None]
    encrypted_key: Mapped[str | None] = sealed(
        "organization:{organization_id}", "database_backups:{id}"
    )
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    tables: Mapped[list[Any] | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[type_created]
    stored_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class DatabaseRestore(Base):
    """A backup that is to become, or has become, the contents of a database.

    ``safety_backup_id`` is the backup of what is there before, which must succeed first.
    """

    __tablename__ = "database_restores"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'succeeded', 'failed')", name="status"),
        Index("idx_database_restores_database", "database_id", text("created_at DESC"), "id"),
        Index("idx_database_restores_org_id", "organization_id"),
        Index(
            "idx_database_restores_due",
            "database_id",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    database_id: Mapped[UUID] = mapped_column(ForeignKey("databases.id", ondelete="CASCADE"))
    backup_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("database_backups.id", ondelete="SET NULL")
    )
    safety_backup_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("database_backups.id", ondelete="SET NULL")
    )
    status: Mapped[str] = mapped_column(String(20), server_default="pending")
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[type_created]
    completed_at: Mapped[datetime | None]
