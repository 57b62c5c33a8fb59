"""Queries on behalf of a caller: each takes the caller's reach, or what was found through it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.pagination import keyset
from autodeploy.services.auth.reach import Reach
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.states import TERMINAL


async def get_database(
    session: AsyncSession, reach: Reach, database_id: UUID, *, lock: bool = False
) -> ProjectDatabase:
    """A database within reach. Raises ``NotFound``."""
    statement = (
        select(ProjectDatabase)
        .join(Project, Project.id == ProjectDatabase.project_id)
        .where(
            ProjectDatabase.id == database_id,
            reach.covers(ProjectDatabase.organization_id, ProjectDatabase.project_id),
            Project.deletion_requested_at.is_(None),
        )
    )
    if lock:
        statement = statement.with_for_update(of=ProjectDatabase)
    database = await session.scalar(statement)
    if database is None:
        raise NotFound("No such database.")
    return database


async def list_databases(
    session: AsyncSession, reach: Reach, *, project_id: UUID | None, limit: int, cursor: str | None
) -> Sequence[ProjectDatabase]:
    """Databases, newest first, one more than ``limit`` if another page follows."""
    statement = (
        select(ProjectDatabase)
        .join(Project, Project.id == ProjectDatabase.project_id)
        .where(
            reach.covers(ProjectDatabase.organization_id, ProjectDatabase.project_id),
            Project.deletion_requested_at.is_(None),
        )
    )
    if project_id is not None:
        statement = statement.where(ProjectDatabase.project_id == project_id)
    rows = await session.scalars(
        keyset(
            statement, ProjectDatabase.created_at, ProjectDatabase.id, limit=limit, cursor=cursor
        )
    )
    return rows.all()


async def find_database(
    session: AsyncSession, project_id: UUID, environment: str, name: str, *, lock: bool = False
) -> ProjectDatabase | None:
    """The database of this name in an environment."""
    statement = select(ProjectDatabase).where(
        ProjectDatabase.project_id == project_id,
        ProjectDatabase.environment == environment,
        ProjectDatabase.name == name,
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def find_databases(
    session: AsyncSession, project_id: UUID, environment: str
) -> Sequence[ProjectDatabase]:
    """The databases of an environment of a project that the caller was found to reach."""
    found = await session.scalars(
        select(ProjectDatabase).where(
            ProjectDatabase.project_id == project_id, ProjectDatabase.environment == environment
        )
    )
    return found.all()


async def find_backup(
    session: AsyncSession, project_id: UUID, backup_id: UUID, *, lock: bool = False
) -> DatabaseBackup | None:
    """A backup of a project that the caller was found to reach."""
    statement = select(DatabaseBackup).where(
        DatabaseBackup.id == backup_id, DatabaseBackup.project_id == project_id
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def list_backups(
    session: AsyncSession, database_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[DatabaseBackup]:
    """Backups of a database, newest first."""
    statement = select(DatabaseBackup).where(DatabaseBackup.database_id == database_id)
    rows = await session.scalars(
        keyset(statement, DatabaseBackup.created_at, DatabaseBackup.id, limit=limit, cursor=cursor)
    )
    return rows.all()


async def list_project_backups(
    session: AsyncSession, project_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[DatabaseBackup]:
    """Backups of all databases that a project has or had, newest first."""
    statement = select(DatabaseBackup).where(DatabaseBackup.project_id == project_id)
    rows = await session.scalars(
        keyset(statement, DatabaseBackup.created_at, DatabaseBackup.id, limit=limit, cursor=cursor)
    )
    return rows.all()


async def list_restores(
    session: AsyncSession, database_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[DatabaseRestore]:
    """Restores into a database, newest first."""
    statement = select(DatabaseRestore).where(DatabaseRestore.database_id == database_id)
    rows = await session.scalars(
        keyset(
            statement, DatabaseRestore.created_at, DatabaseRestore.id, limit=limit, cursor=cursor
        )
    )
    return rows.all()


async def is_restoring(session: AsyncSession, database_id: UUID) -> bool:
    """Whether a backup is being restored into the database."""
    found = await session.scalar(
        select(DatabaseRestore.id).where(
            DatabaseRestore.database_id == database_id, DatabaseRestore.status == "pending"
        )
    )
    return found is not None


async def is_in_use(session: AsyncSession, database: ProjectDatabase) -> bool:
    """Whether the environment has a live release, or a deployment is under way to it."""
    live = exists(
        select(Environment.id).where(
            Environment.project_id == database.project_id,
            Environment.name == database.environment,
            Environment.live_deployment_id.is_not(None),
        )
    )
    running = exists(
        select(Deployment.id).where(
            Deployment.project_id == database.project_id,
            Deployment.environment == database.environment,
            Deployment.status.not_in(TERMINAL),
        )
    )
    return bool(await session.scalar(select(live | running)))
