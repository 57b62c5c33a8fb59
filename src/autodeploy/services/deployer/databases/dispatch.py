"""Putting databases with something to do on the queue. The rows are the intent: a lost job is
queued again."""

from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, exists, func, or_, select, update

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.queue import JobName, Priority, QueueName
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.dispatch import is_longer_ago
from autodeploy.services.deployer.models import Project

# After the n-th try in vain the next one follows in 5 s · 2ⁿ, at most in these.
_FIRST_PAUSE_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 300
_BATCH = 100

_log = structlog.get_logger(__name__)


def has_work() -> ColumnElement[bool]:
    """There is something to be done with the database."""
    backups = select(DatabaseBackup.database_id).where(
        DatabaseBackup.status.in_(("pending", "stored")), DatabaseBackup.database_id.is_not(None)
    )
    restores = select(DatabaseRestore.database_id).where(DatabaseRestore.status == "pending")
    return or_(
        ProjectDatabase.status.in_(("provisioning", "deleting", "pausing")),
        ProjectDatabase.rotation_requested_at.is_not(None),
        ProjectDatabase.id.in_(backups),
        ProjectDatabase.id.in_(restores),
    )


def has_due_databases() -> ColumnElement[bool]:
    """Whether there are databases to queue."""
    return exists(_due())


async def dispatch_databases(resources: Resources, *, database_id: UUID | None = None) -> int:
    """Queue the databases with something to do that were not queued lately.

    A named one is queued in any case. Safe in several processes at once. Returns how many.
    """
    if database_id is not None:
        due = select(ProjectDatabase.id).where(has_work(), ProjectDatabase.id == database_id)
    else:
        due = _due()
    async with resources.db.transaction() as session:
        rows = await session.execute(
            update(ProjectDatabase)
            .where(ProjectDatabase.id.in_(due.limit(_BATCH).with_for_update(skip_locked=True)))
            .values(dispatch=ProjectDatabase.dispatch + 1, dispatched_at=func.clock_timestamp())
            .returning(
                ProjectDatabase.id,
                ProjectDatabase.project_id,
                ProjectDatabase.provider,
                ProjectDatabase.dispatch,
            )
        )
        found = rows.all()
    queued = 0
    for row in found:
        try:
            await resources.queues.add(
                QueueName.PROVISIONING,
                JobName.DATABASE_PROVISIONING,
                {
                    "databaseId": str(row.id),
                    "projectId": str(row.project_id),
                    "provider": row.provider,
                },
                job_id=f"{row.id}-{row.dispatch}",
                priority=Priority.HIGH,
            )
            queued += 1
        except Unavailable:
            _log.warning("database.not_queued", database_id=str(row.id))
    return queued


def _due() -> Select[UUID]:
    return select(ProjectDatabase.id).where(
        has_work(),
        _was_not_dispatched_lately(),
        ProjectDatabase.project_id.in_(
            select(Project.id).where(Project.deletion_requested_at.is_(None))
        ),
    )


def _was_not_dispatched_lately() -> ColumnElement[bool]:
    pause = func.least(
        _FIRST_PAUSE_SECONDS * func.power(2, func.least(ProjectDatabase.failures, 10)),
        _LONGEST_PAUSE_SECONDS,
    )
    return is_longer_ago(ProjectDatabase.dispatched_at, pause)
