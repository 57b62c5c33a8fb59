"""What deployments and databases have to tell, written in the transaction in which it happens.

It is told as it was then: receivers may get it later, and see in it what the event is about.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.schema import Schema
from autodeploy.services.auth.organization_events import EventType, add_event
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.schemas import ProjectReference
from autodeploy.services.deployer.states import DeploymentStatus

OF_STATUS = {
    DeploymentStatus.QUEUED: EventType.DEPLOYMENT_QUEUED,
    DeploymentStatus.BUILDING: EventType.DEPLOYMENT_BUILDING,
    DeploymentStatus.DEPLOYING: EventType.DEPLOYMENT_DEPLOYING,
    DeploymentStatus.READY: EventType.DEPLOYMENT_READY,
    DeploymentStatus.ERROR: EventType.DEPLOYMENT_FAILED,
    DeploymentStatus.CANCELLED: EventType.DEPLOYMENT_CANCELLED,
}


class ToldError(Schema):
    """Without the last lines of a log, which are the app's own."""

    code: str
    message: str
    remedy: str | None = None


class ToldDeployment(Schema):
    """The fields of a ``DeploymentView`` that say what it is and how far."""

    id: UUID
    status: DeploymentStatus
    kind: str
    project: ProjectReference
    branch: str
    commit: str
    environment: str
    provider: str
    url: str | None
    private: bool
    error: ToldError | None
    reason: str | None
    source_deployment_id: UUID | None
    rolled_back_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class ToldDatabase(Schema):
    """The fields of a ``DatabaseView`` that say what it is and how far."""

    id: UUID
    project: ProjectReference
    environment: str
    name: str
    engine: str
    provider: str
    plan: str
    status: str
    error: ToldError | None


class ToldBackup(Schema):
    """The fields of a ``BackupView`` that say what it is, and of which project."""

    id: UUID
    project: ProjectReference
    database_id: UUID | None
    database_name: str
    environment: str
    kind: str
    status: str
    error: ToldError | None
    created_at: datetime


async def tell_of_deployment(session: AsyncSession, deployment_id: UUID, what: EventType) -> None:
    """Write that something happened to a deployment, whose row says so already."""
    found = await session.execute(
        select(Deployment, Project)
        .join(Project, Project.id == Deployment.project_id)
        .where(Deployment.id == deployment_id)
        # The session may hold the row as it was before the statement that changed it.
        .execution_options(populate_existing=True)
    )
    row, project = found.one()
    told = ToldDeployment(
        id=row.id,
        status=row.status,
        kind=row.kind,
        project=ProjectReference.model_validate(project),
        branch=row.branch,
        commit=row.commit_sha,
        environment=row.environment,
        provider=row.provider,
        url=row.url,
        private=row.is_private,
        error=_error(row.error_code, row.error_message, row.error_remedy),
        reason=row.details.get("reason"),
        source_deployment_id=row.source_deployment_id,
        rolled_back_at=row.rolled_back_at,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
    )
    _add(session, row.organization_id, what, "deployment", told)


async def tell_of_database(session: AsyncSession, database_id: UUID, what: EventType) -> None:
    """Write that something happened to a database, whose row says so already."""
    database = await session.get_one(ProjectDatabase, database_id, populate_existing=True)
    told = ToldDatabase(
        id=database.id,
        project=await _project(session, database.project_id),
        environment=database.environment,
        name=database.name,
        engine=database.engine,
        provider=database.provider,
        plan=database.plan,
        status=database.status,
        error=_error(database.error_code, database.error_message),
    )
    _add(session, database.organization_id, what, "database", told)


async def tell_of_backup(session: AsyncSession, backup_id: UUID, what: EventType) -> None:
    """Write that something happened to a backup, whose row says so already."""
    backup = await session.get(DatabaseBackup, backup_id, populate_existing=True)
    if backup is None:  # it was removed meanwhile
        return
    told = ToldBackup(
        id=backup.id,
        project=await _project(session, backup.project_id),
        database_id=backup.database_id,
        database_name=backup.database_name,
        environment=backup.environment,
        kind=backup.kind,
        status=backup.status,
        error=_error(backup.error_code, backup.error_message),
        created_at=backup.created_at,
    )
    _add(session, backup.organization_id, what, "backup", told)


def _add(
    session: AsyncSession,
    organization_id: UUID,
    what: EventType,
    subject: str,
    told: ToldDeployment | ToldDatabase | ToldBackup,
) -> None:
    data: dict[str, Any] = {subject: told.model_dump(mode="json", by_alias=True)}
    add_event(session, organization_id, what, data, project_id=told.project.id)


async def _project(session: AsyncSession, project_id: UUID) -> ProjectReference:
    return ProjectReference.model_validate(await session.get_one(Project, project_id))


def _error(code: str | None, message: str | None, remedy: str | None = None) -> ToldError | None:
    return None if code is None else ToldError(code=code, message=message or "", remedy=remedy)
