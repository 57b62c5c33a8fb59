"""Taking down what deleted projects and environments have outside, and then their rows."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.providers.base import DeployProvider
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.cancellations import end_queued, request_cancellation
from autodeploy.services.deployer.context import app_of
from autodeploy.services.deployer.databases.deletion import destroy_at_provider
from autodeploy.services.deployer.databases.last_backups import (
    LastBackupFailed,
    find_last_backups,
    let_expire,
)
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.databases.store import find_databases
from autodeploy.services.deployer.databases.upkeep import remove_backups
from autodeploy.services.deployer.databases.work import working_on
from autodeploy.services.deployer.domains.work import remove_domains
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.hosting import deploys_for
from autodeploy.services.deployer.log_archiving import forget_lines, remove_archives
from autodeploy.services.deployer.models import (
    Deployment,
    Environment,
    EnvironmentVariable,
    Project,
)
from autodeploy.services.deployer.runs.models import Run
from autodeploy.services.deployer.runs.rows import stop_all
from autodeploy.services.deployer.states import TERMINAL, DeploymentStatus

_log = structlog.get_logger(__name__)

# A provider, and the connection by which it is acted for there.
_Place = tuple[str, UUID | None]


def has_deleted() -> ColumnElement[bool]:
    """Whether there are projects or environments whose deletion was asked for."""
    return or_(*(exists(select(each.id).where(_is_to_go(each))) for each in (Project, Environment)))


async def remove_deleted(engine: Engine) -> None:
    """One pass over the projects and environments whose deletion was asked for. Idempotent;
    repeated until done."""
    async with engine.resources.db.transaction() as session:
        project_ids = (
            await session.scalars(select(Project.id).where(_is_to_go(Project)).limit(50))
        ).all()
        environments = (
            await session.scalars(
                select(Environment)
                .where(_is_to_go(Environment), Environment.project_id.not_in(project_ids))
                .limit(50)
            )
        ).all()
    for project_id in project_ids:
        try:
            await _remove_project(engine, project_id)
        except Exception as error:
            _log.warning(
                "project.not_removed", project_id=str(project_id), error=type(error).__name__
            )
    for environment in environments:
        try:
            await _remove_environment(engine, environment)
        except Exception as error:
            _log.warning(
                "environment.not_removed",
                environment_id=str(environment.id),
                error=type(error).__name__,
            )


def _is_to_go(table: type[Project | Environment]) -> ColumnElement[bool]:
    return table.deletion_requested_at.is_not(None)


async def _remove_project(engine: Engine, project_id: UUID) -> None:
    of_project = Deployment.project_id == project_id
    if not await _stop_deployments(engine, of_project, "project deleted"):
        return
    if not await stop_all(engine.resources, Run.project_id == project_id):
        return
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
    if not await _take_down(engine, environments, databases):
        return
    for environment in environments:
        for place in [_live_place(environment), *await _former_places(engine, environment)]:
            if (deploys := await _provider_at(engine, place, environment)) is not None:
                await deploys.remove_builds(app_of(environment))
    await remove_backups(engine, backups)
    await remove_archives(engine.resources, of_project)
    async with engine.resources.db.transaction() as session:
        removed = await session.scalar(
            delete(Project).where(Project.id == project_id).returning(Project.id)
        )
        if removed:
            await _record_databases(session, databases)


async def _remove_environment(engine: Engine, environment: Environment) -> None:
    """First its databases get their last backups: where one fails nothing is taken down.

    Its deployments stay, as the history of the project, without their logs. They name no build
    any more: one that other environments use stays with these, and the others go when the old
    builds do."""
    project_id, name = environment.project_id, environment.name
    of_environment = (Deployment.project_id == project_id) & (Deployment.environment == name)
    if not await _have_last_backups(engine, environment):
        return
    if not await _stop_deployments(engine, of_environment, "environment deleted"):
        return
    if not await stop_all(engine.resources, Run.environment_id == environment.id):
        return
    async with engine.resources.db.transaction() as session:
        databases = await find_databases(session, project_id, name)
    if not await _take_down(engine, [environment], databases):
        return
    await remove_archives(engine.resources, of_environment)
    async with engine.resources.db.transaction() as session:
        removed = await session.scalar(
            delete(Environment).where(Environment.id == environment.id).returning(Environment.id)
        )
        await session.execute(
            update(Deployment)
            .where(of_environment)
            .values(has_release=False, artifact_key=None, let_go_at=now())
        )
        await forget_lines(session, of_environment)
        await let_expire(session, [database.id for database in databases])
        for table in (EnvironmentVariable, ProjectDatabase):
            await session.execute(
                delete(table).where(table.project_id == project_id, table.environment == name)
            )
        if removed:
            await _record_databases(session, databases)


async def _have_last_backups(engine: Engine, environment: Environment) -> bool:
    """Whether those that were asked for are there. Where one failed, the environment is given
    back, and its databases say why."""
    async with engine.resources.db.transaction() as session:
        databases = await find_databases(session, environment.project_id, environment.name)
        last = await find_last_backups(session, [database.id for database in databases])
        failed = {each.database_id: each for each in last if each.status == "failed"}
        if not failed:
            return all(each.status == "verified" for each in last)
        for database in databases:
            if database.status != "deleting" and database.id in failed:
                why = failed[database.id].error_message
                database.error_code = LastBackupFailed.code
                database.error_message = f"The last backup failed: {why}"
        await session.execute(
            update(Environment)
            .where(Environment.id == environment.id)
            .values(deletion_requested_at=None)
        )
        return False


async def _stop_deployments(engine: Engine, which: ColumnElement[bool], reason: str) -> bool:
    """Cancel what has not ended; whether all of it has."""
    async with announcing(engine.resources) as transaction:
        rows: Sequence[Deployment] = (
            await transaction.session.scalars(
                select(Deployment)
                .where(which, Deployment.status.not_in(TERMINAL))
                .with_for_update()
            )
        ).all()
        for deployment in rows:
            if deployment.status == DeploymentStatus.QUEUED:
                await end_queued(transaction, deployment.id, reason)
            else:
                await request_cancellation(transaction, deployment)
    return all(deployment.status == DeploymentStatus.QUEUED for deployment in rows)


async def _take_down(
    engine: Engine, environments: Sequence[Environment], databases: Sequence[ProjectDatabase]
) -> bool:
    """Remove apps and databases; False where somebody works on a database: who does finds it
    deleted, and a later pass goes on.

    What is at former places comes last: their accounts may have been given up long ago, and what
    is live does not wait for that.
    """
    await remove_domains(engine, environments)
    for environment in environments:
        await _destroy_at(engine, _live_place(environment), environment)
    for database in databases:
        async with working_on(engine.resources.db, database.id) as mine:
            if not mine:
                return False
            # One whose making was interrupted is known by the id that it was asked for with.
            await destroy_at_provider(engine, database)
    for environment in environments:
        for place in await _former_places(engine, environment):
            await _destroy_at(engine, place, environment)
    return True


def _live_place(environment: Environment) -> _Place:
    return environment.provider, environment.connection_id


async def _former_places(engine: Engine, environment: Environment) -> list[_Place]:
    """Where else it was ever deployed to: an app that moves away is kept there, and one that never
    came to be live may be there, too."""
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            select(Deployment.provider, Deployment.connection_id)
            .where(
                Deployment.project_id == environment.project_id,
                Deployment.environment == environment.name,
                Deployment.started_at.is_not(None),
            )
            .distinct()
        )
        places: list[_Place] = [(provider, connection_id) for provider, connection_id in rows]
    return [each for each in places if each != _live_place(environment)]


async def _destroy_at(engine: Engine, place: _Place, environment: Environment) -> None:
    if (deploys := await _provider_at(engine, place, environment)) is not None:
        await deploys.destroy(app_of(environment))


async def _provider_at(
    engine: Engine, place: _Place, environment: Environment
) -> DeployProvider | None:
    """None where its account is not connected any more, so that what is there is its owner's to
    remove."""
    provider, connection_id = place
    try:
        return await deploys_for(engine, provider, connection_id)
    except AccountMissing:
        _log.warning("app.left_at_provider", provider=provider, environment_id=str(environment.id))
        return None


async def _record_databases(session: AsyncSession, databases: Sequence[ProjectDatabase]) -> None:
    """Of several workers that took them down, one writes down that they are gone."""
    for database in databases:
        await audit.record(
            session, audit.SYSTEM, Action.DATABASE_DELETE, database, before=audit.snapshot(database)
        )
