"""Another password for a database while programs that know the one before go on.

The URL names another login of the database from then on. The login before is shut when no release
is left that began before the URL changed.
"""

from urllib.parse import urlsplit

import structlog
from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.provisioning import open_url, seal_url
from autodeploy.services.deployer.databases.work import Work, working_on
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.states import TERMINAL

# A release that lost its traffic answers the requests under way before it ends.
_GRACE_SECONDS = 30

_log = structlog.get_logger(__name__)


async def rotate(work: Work) -> None:
    """Give the database's URL another login; interrupted anywhere, it is done again."""
    resources, database = work.engine.resources, work.database
    provider = work.engine.providers.database_logins(database.provider)
    external_id = database.external_id or ""
    present = urlsplit(await open_url(resources, database)).username or ""
    if database.revoke_at_once and database.retiring_login:
        # The login to come may be the one that still retires: nobody is to know its password.
        await provider.close_login(external_id, database.retiring_login)
    handle = await provider.open_login(external_id, present)
    encrypted = await seal_url(resources, database, handle.url)
    async with resources.db.transaction() as session:
        await work.set(
            session,
            encrypted_url=encrypted,
            retiring_login=present,
            rotated_at=None,
            rotation_requested_at=None,
            url_changed_at=now(),
            updated_at=now(),
            error_code=None,
            error_message=None,
        )
    # Only from here on do deployments begin with the new URL.
    await _note_rotated(work.engine, database)


async def fail(work: Work, session: AsyncSession, error: AutoDeployError) -> None:
    """The URL stays what it was."""
    await work.set(
        session,
        rotation_requested_at=None,
        revoke_at_once=False,
        error_code=error.code,
        error_message=error.message,
    )


def has_retiring_logins() -> ColumnElement[bool]:
    """Whether there are logins that are shut now or later."""
    return exists(select(ProjectDatabase.id).where(_is_retiring()))


async def retire_logins(engine: Engine) -> None:
    """One pass: shut the logins that no release has any more. Idempotent."""
    async with engine.resources.db.transaction() as session:
        rows = (
            await session.scalars(
                select(ProjectDatabase)
                .join(Project, Project.id == ProjectDatabase.project_id)
                .where(
                    _is_retiring(),
                    Project.deletion_requested_at.is_(None),
                    or_(ProjectDatabase.rotated_at.is_(None), _is_given_up()),
                )
                .limit(50)
            )
        ).all()
    for database in rows:
        if database.rotated_at is None:  # a worker died before it could say so
            await _note_rotated(engine, database)
            continue
        try:
            await _retire(engine, database)
        except AutoDeployError as error:
            _log.warning(
                "database.login_not_retired", database_id=str(database.id), error=error.code
            )


async def _note_rotated(engine: Engine, database: ProjectDatabase) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(
            update(ProjectDatabase)
            .where(
                ProjectDatabase.id == database.id,
                ProjectDatabase.retiring_login.is_not(None),
                ProjectDatabase.rotated_at.is_(None),
            )
            .values(rotated_at=func.clock_timestamp())
        )


async def _retire(engine: Engine, database: ProjectDatabase) -> None:
    async with working_on(engine.resources.db, database.id) as mine:
        if not mine or not await _is_as_listed(engine, database):
            return  # a later pass sees to it
        provider = engine.providers.database_logins(database.provider)
        assert database.retiring_login is not None
        await provider.close_login(database.external_id or "", database.retiring_login)
        async with engine.resources.db.transaction() as session:
            await session.execute(
                update(ProjectDatabase)
                .where(
                    ProjectDatabase.id == database.id,
                    ProjectDatabase.retiring_login == database.retiring_login,
                    ProjectDatabase.rotated_at == database.rotated_at,
                )
                .values(retiring_login=None, rotated_at=None, revoke_at_once=False)
            )


async def _is_as_listed(engine: Engine, database: ProjectDatabase) -> bool:
    """A rotation meanwhile may have made the login that retired the one in use."""
    async with engine.resources.db.transaction() as session:
        present = await session.get(ProjectDatabase, database.id)
    return present is not None and (present.retiring_login, present.rotated_at) == (
        database.retiring_login,
        database.rotated_at,
    )


def _is_retiring() -> ColumnElement[bool]:
    return ProjectDatabase.retiring_login.is_not(None)


def _is_given_up() -> ColumnElement[bool]:
    """No release is left, or under way, that may have the URL of before."""
    of_environment = and_(
        Deployment.project_id == ProjectDatabase.project_id,
        Deployment.environment == ProjectDatabase.environment,
    )
    older = exists(
        select(Deployment.id).where(
            of_environment,
            Deployment.started_at <= ProjectDatabase.rotated_at,
            or_(Deployment.has_release, Deployment.status.not_in(TERMINAL)),
        )
    )
    draining = exists(
        select(Deployment.id)
        .join(Environment, Environment.live_deployment_id == Deployment.id)
        .where(
            of_environment,
            Deployment.promoted_at
            > func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, _GRACE_SECONDS),
        )
    )
    return or_(ProjectDatabase.revoke_at_once, and_(~older, ~draining))
