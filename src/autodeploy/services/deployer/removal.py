"""Taking down what deleted projects have outside, and then their rows."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import delete, select

from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.cancellations import end_queued, request_cancellation
from autodeploy.services.deployer.context import app_of
from autodeploy.services.deployer.databases.upkeep import remove_backups
from autodeploy.services.deployer.databases.work import working_on
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import (
    DatabaseBackup,
    Deployment,
    Environment,
    Project,
    ProjectDatabase,
)
from autodeploy.services.deployer.states import TERMINAL, DeploymentStatus

_log = structlog.get_logger(__name__)


async def remove_deleted_projects(engine: Engine) -> None:
    """One pass over the projects whose deletion was asked for. Idempotent; repeated until done."""
    async with engine.resources.db.transaction() as session:
        project_ids = (
            await session.scalars(
                select(Project.id).where(Project.deletion_requested_at.is_not(None)).limit(50)
            )
        ).all()
    for project_id in project_ids:
        try:
            if await _stop_deployments(engine, project_id):
                await _remove(engine, project_id)
        except Exception as error:
            _log.warning(
                "project.not_removed", project_id=str(project_id), error=type(error).__name__
            )


async def _stop_deployments(engine: Engine, project_id: UUID) -> bool:
    """Cancel what has not ended; whether all of it has."""
    async with announcing(engine.resources) as transaction:
        rows: Sequence[Deployment] = (
            await transaction.session.scalars(
                select(Deployment)
                .where(Deployment.project_id == project_id, Deployment.status.not_in(TERMINAL))
                .with_for_update()
            )
        ).all()
        for deployment in rows:
            if deployment.status == DeploymentStatus.QUEUED:
                await end_queued(transaction, deployment.id, "project deleted")
            else:
                await request_cancellation(transaction, deployment)
    return all(deployment.status == DeploymentStatus.QUEUED for deployment in rows)


async def _remove(engine: Engine, project_id: UUID) -> None:
    async with engine.resources.db.transaction() as session:
        environments = (
            await session.scalars(select(Environment).where(Environment.project_id == project_id))
        ).all()
        databases = (
            await session.scalars(
                select(ProjectDatabase).where(ProjectDatabase.project_id == project_id)
            )
        ).all()
        backups = (
            await session.scalars(
                select(DatabaseBackup).where(DatabaseBackup.project_id == project_id)
            )
        ).all()
    for environment in environments:
        await engine.providers.deploys(environment.provider).destroy(app_of(environment))
    for database in databases:
        async with working_on(engine.resources.db, database.id) as mine:
            if not mine:
                return  # who works on it finds the project deleted; a later pass goes on
            provider = engine.providers.databases(database.provider)
            # One whose making was interrupted is known by the id that it was asked for with.
            await provider.destroy_database(database.external_id or str(database.id))
    await remove_backups(engine, backups)
    async with engine.resources.db.transaction() as session:
        removed = await session.scalar(
            delete(Project).where(Project.id == project_id).returning(Project.id)
        )
        # Of several workers that took it down, one writes down that its databases are gone.
        for database in databases if removed else ():
            await audit.record(
                session,
                audit.SYSTEM,
                Action.DATABASE_DELETE,
                database,
                before=audit.snapshot(database),
            )
