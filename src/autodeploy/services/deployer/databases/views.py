"""Rows of databases, backups and restores as callers see them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.providers.databases import DatabaseMetrics
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.databases.schemas import (
    BackupPolicy,
    BackupView,
    CacheView,
    ConnectionsView,
    DatabaseMetricsView,
    DatabaseView,
    ErrorView,
    RestoreView,
    RotationView,
    ServerView,
    StatementView,
    TransactionsView,
)
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.schemas import ProjectReference


async def views_of(
    session: AsyncSession, databases: Sequence[ProjectDatabase]
) -> list[DatabaseView]:
    """Each with its project and its newest verified backup."""
    projects = {
        project.id: ProjectReference.model_validate(project)
        for project in await session.scalars(
            select(Project).where(Project.id.in_({row.project_id for row in databases}))
        )
    }
    newest = {
        backup.database_id: backup
        for backup in await session.scalars(
            select(DatabaseBackup)
            .ext(distinct_on(DatabaseBackup.database_id))
            .where(
                DatabaseBackup.database_id.in_({row.id for row in databases}),
                DatabaseBackup.status == "verified",
            )
            .order_by(DatabaseBackup.database_id, DatabaseBackup.created_at.desc())
        )
    }
    return [
        DatabaseView(
            id=row.id,
            project=projects[row.project_id],
            environment=row.environment,
            name=row.name,
            engine=DatabaseEngine(row.engine),
            provider=row.provider,
            plan=row.plan,
            region=row.region,
            status=row.status,
            error=_error_of(row),
            notice=row.notice,
            backups=BackupPolicy(
                schedule=row.backup_schedule,
                hour=row.backup_hour,
                keep_daily=row.keep_daily,
                keep_weekly=row.keep_weekly,
            ),
            rotation=_rotation_of(row),
            last_backup=backup_view(newest[row.id]) if row.id in newest else None,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in databases
    ]


def backup_view(row: DatabaseBackup) -> BackupView:
    """A backup; of its tables, how many and how many rows in all."""
    return BackupView(
        id=row.id,
        database_id=row.database_id,
        database_name=row.database_name,
        environment=row.environment,
        kind=row.kind,
        status=row.status,
        size_bytes=row.size_bytes,
        tables=None if row.tables is None else len(row.tables),
        rows=None if row.tables is None else sum(table["rows"] for table in row.tables),
        error=_error_of(row),
        created_at=row.created_at,
        stored_at=row.stored_at,
        verified_at=row.verified_at,
        expires_at=row.expires_at,
    )


def restore_view(row: DatabaseRestore) -> RestoreView:
    """A restore and how it ended."""
    return RestoreView(
        id=row.id,
        database_id=row.database_id,
        backup_id=row.backup_id,
        safety_backup_id=row.safety_backup_id,
        status=row.status,
        error=_error_of(row),
        created_at=row.created_at,
        completed_at=row.completed_at,
    )


def metrics_view(metrics: DatabaseMetrics) -> DatabaseMetricsView:
    """What a provider has measured."""
    return DatabaseMetricsView(
        measured_at=_moment(metrics.measured_at),
        counted_since=_moment(metrics.counted_since) if metrics.counted_since else None,
        size_bytes=metrics.size_bytes,
        connections=ConnectionsView(
            total=metrics.connections,
            active=metrics.connections_active,
            idle_in_transaction=metrics.connections_idle_in_transaction,
            limit=metrics.connection_limit,
        ),
        transactions=TransactionsView(
            committed=metrics.transactions_committed,
            rolled_back=metrics.transactions_rolled_back,
            deadlocks=metrics.deadlocks,
        ),
        cache=CacheView(hit_ratio=metrics.cache_hit_ratio),
        temporary_bytes=metrics.temporary_bytes,
        server=ServerView(cpu_cores=metrics.cpu_cores, memory_bytes=metrics.memory_bytes),
        slowest_statements=[
            StatementView.model_validate(each) for each in metrics.slowest_statements
        ],
    )


def _moment(unix_time: float) -> datetime:
    return datetime.fromtimestamp(unix_time, UTC)


def _error_of(row: ProjectDatabase | DatabaseBackup | DatabaseRestore) -> ErrorView | None:
    if row.error_code is None:
        return None
    return ErrorView(code=row.error_code, message=row.error_message or "")


def _rotation_of(row: ProjectDatabase) -> RotationView | None:
    if row.rotation_requested_at is not None:
        return RotationView(status="pending", since=row.rotation_requested_at)
    if row.retiring_login is not None:
        return RotationView(status="waiting", since=row.rotated_at)
    return None
