"""What happens to backups by itself: they are made on schedule, and those past their time go."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import DateTime, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.providers.manifests import Capability
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Project

# A backup that failed is of no use; its error may be.
_FAILED_KEPT = timedelta(days=7)
_BATCH = 200

_log = structlog.get_logger(__name__)


async def schedule_backups(engine: Engine) -> None:
    """One pass: write down the backups whose hour has come. Each hour is written down once, by
    whichever worker; those that passed while none ran are not made up for."""
    able = [
        manifest.name
        for manifest in engine.providers.list()
        if Capability.DATABASE_BACKUPS in manifest.capabilities
    ]
    hours = func.make_interval(0, 0, 0, 0, ProjectDatabase.backup_hour)
    present = func.timezone("UTC", literal(now(), DateTime(timezone=True)))
    for schedule, unit in (("daily", "day"), ("weekly", "week")):
        due_at = func.timezone("UTC", func.date_trunc(unit, present - hours) + hours)
        due = (
            select(
                ProjectDatabase.organization_id,
                ProjectDatabase.project_id,
                ProjectDatabase.id,
                ProjectDatabase.environment,
                ProjectDatabase.name,
                literal("scheduled"),
                due_at,
            )
            .join(Project, Project.id == ProjectDatabase.project_id)
            .where(
                ProjectDatabase.backup_schedule == schedule,
                ProjectDatabase.status == "available",
                ProjectDatabase.provider.in_(able),
                ProjectDatabase.created_at < due_at,
                Project.deletion_requested_at.is_(None),
            )
        )
        columns = (
            "organization_id", "project_id", "database_id", "environment", "database_name",
            "kind", "scheduled_for",
        )  # fmt: skip
        async with engine.resources.db.transaction() as session:
            await session.execute(
                insert(DatabaseBackup).from_select(columns, due).on_conflict_do_nothing()
            )


async def prune_backups(engine: Engine) -> None:
    """One pass: remove what retention does not keep, the file before its row."""
    async with engine.resources.db.transaction() as session:
        expired = await session.scalars(
            select(DatabaseBackup)
            .where(
                (DatabaseBackup.expires_at < now())
                | (
                    (DatabaseBackup.status == "failed")
                    & (DatabaseBackup.created_at < now() - _FAILED_KEPT)
                )
            )
            .limit(_BATCH)
        )
        scheduled = await session.execute(
            select(DatabaseBackup, ProjectDatabase.keep_daily, ProjectDatabase.keep_weekly)
            .join(ProjectDatabase, ProjectDatabase.id == DatabaseBackup.database_id)
            .where(
                DatabaseBackup.kind == "scheduled",
                DatabaseBackup.status == "verified",
                DatabaseBackup.expires_at.is_(None),
            )
            .order_by(DatabaseBackup.database_id, DatabaseBackup.scheduled_for.desc())
        )
        wanted = set(
            await session.scalars(
                select(DatabaseRestore.backup_id).where(DatabaseRestore.status == "pending")
            )
        )
        by_database: dict[UUID | None, list[DatabaseBackup]] = {}
        limits: dict[UUID | None, tuple[int, int]] = {}
        for backup, keep_daily, keep_weekly in scheduled:
            by_database.setdefault(backup.database_id, []).append(backup)
            limits[backup.database_id] = (keep_daily, keep_weekly)
        surplus = [
            backup
            for database_id, backups in by_database.items()
            for backup in beyond_retention(backups, *limits[database_id])
        ]
        gone = [each for each in (*expired, *surplus) if each.id not in wanted]
    await remove_backups(engine, gone)


def beyond_retention(
    newest_first: Sequence[DatabaseBackup], keep_daily: int, keep_weekly: int
) -> list[DatabaseBackup]:
    """Those that are not the newest of one of the last days, or weeks, that have one."""
    days: set[object] = set()
    weeks: set[object] = set()
    beyond = []
    for backup in newest_first:
        moment = backup.scheduled_for or backup.created_at
        day, week = moment.date(), moment.isocalendar()[:2]
        of_day = day not in days and len(days) < keep_daily
        of_week = week not in weeks and len(weeks) < keep_weekly
        if of_day:
            days.add(day)
        if of_week:
            weeks.add(week)
        if not of_day and not of_week:
            beyond.append(backup)
    return beyond


async def remove_backups(engine: Engine, backups: Iterable[DatabaseBackup]) -> None:
    """Remove these files and rows. What the store does not remove now is tried again."""
    for backup in backups:
        try:
            if backup.object_key is not None:
                await engine.resources.objects.delete(backup.object_key)
        except (AutoDeployError, OSError) as error:
            _log.warning("backup.not_removed", backup_id=str(backup.id), error=type(error).__name__)
            continue
        async with engine.resources.db.transaction() as session:
            await session.execute(delete(DatabaseBackup).where(DatabaseBackup.id == backup.id))
