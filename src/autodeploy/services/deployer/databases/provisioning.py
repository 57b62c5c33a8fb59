"""Making databases that their rows say are wanted, and finding them again."""

import json
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, DeploymentFailed
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.base import LogSink
from autodeploy.providers.databases import DatabaseHandle, DatabaseRequest, DatabaseState
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.services.auth import audit
from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.app_environment import variables_place
from autodeploy.services.deployer.context import app_of
from autodeploy.services.deployer.databases.models import DatabaseRestore, ProjectDatabase
from autodeploy.services.deployer.databases.wishes import is_made
from autodeploy.services.deployer.databases.work import Work
from autodeploy.services.deployer.hosting import databases_for, state_of_database
from autodeploy.services.deployer.models import Environment
from autodeploy.services.deployer.notable_events import tell_of_database

_PASSWORD_BYTES = 24


class DatabaseGone(DeploymentFailed):
    """A database that was made is not at its provider any more."""

    code = "database_gone"


async def provision(work: Work) -> None:
    """``make_database`` for whoever asked for one, who reads no log."""
    await make_database(work, _say_nothing)


async def fail(work: Work, session: AsyncSession, error: AutoDeployError) -> None:
    """Say on the row why there is no database."""
    await work.settle(session, "error", error_code=error.code, error_message=error.message)
    await tell_of_database(session, work.database.id, EventType.DATABASE_FAILED)


async def seal_url(resources: Resources, database: ProjectDatabase, url: str) -> str:
    """The URL as the row keeps it."""
    place = place_of(
        ProjectDatabase.encrypted_url, organization_id=database.organization_id, id=database.id
    )
    return await resources.vault.encrypt_for(place.subject, url, context=place.context)


async def open_url(resources: Resources, database: ProjectDatabase) -> str:
    """The URL of a database that has one."""
    place = place_of(
        ProjectDatabase.encrypted_url, organization_id=database.organization_id, id=database.id
    )
    return await resources.vault.decrypt_for(
        place.subject, database.encrypted_url or "", context=place.context
    )


async def make_database(work: Work, log: LogSink) -> None:
    """Make the database of the row, or find it, and record where it is; ``log`` hears of it."""
    database = work.database
    engine = work.engine
    async with engine.resources.db.transaction() as session:
        environment = await session.scalar(
            select(Environment).where(
                Environment.project_id == database.project_id,
                Environment.name == database.environment,
            )
        )
        restoring = await session.scalar(
            select(DatabaseRestore.id).where(
                DatabaseRestore.database_id == database.id, DatabaseRestore.status == "pending"
            )
        )
    if environment is None:
        raise RuntimeError("the environment of a database is gone")
    await _require_not_gone(work)
    provider = await databases_for(engine, database)

    async def tell(level: str, source: str, message: str) -> None:
        """Who asked for a database reads no log of it, so the row has the last line."""
        async with engine.resources.db.transaction() as session:
            await work.set(session, notice=message)
        await log(level, source, message)

    handle = await provider.ensure_database(
        DatabaseRequest(
            database_id=database.id,
            app=app_of(environment),
            name=database.name,
            plan=database.plan,
            password=partial(_choose_password, work),
            notes=_Notes(work),
            region=database.region,
            engine=DatabaseEngine(database.engine),
        ),
        tell,
    )
    await _record(work, handle, available=restoring is None)


async def _require_not_gone(work: Work) -> None:
    """Raise ``DatabaseGone`` for one that was made and is there no more: what it held is lost, so
    nobody is given an empty one unasked."""
    database, engine = work.database, work.engine
    if not is_made(database):
        return
    if await state_of_database(engine, database) is DatabaseState.GONE:
        title = engine.providers.title(database.provider)
        raise DatabaseGone(
            f"The database {database.name} of {database.environment} was deleted at {title}.",
            remedy=remedy_of_gone(database, title),
        )


def remedy_of_gone(database: ProjectDatabase, title: str) -> str:
    """What to do about one that is not at its provider, called ``title``, any more."""
    return (
        f"Bring it back there, if {title} still can. To begin with an empty one, delete it here "
        f"too (`autodeploy db delete {database.name} --environment {database.environment} --force "
        "--no-backup`), and ask for it again."
    )


class _Notes:
    """``providers.base.Notes`` in the row of a database."""

    def __init__(self, work: Work):
        self._work = work

    @property
    def values(self) -> Mapping[str, Any]:
        return self._work.database.notes

    async def keep(self, **values: Any) -> None:
        """Raises ``LeaseLost``."""
        notes = {**self.values, **values}
        async with self._work.engine.resources.db.transaction() as session:
            await self._work.set(session, notes=notes)
        self._work.database.notes = notes


async def _choose_password(work: Work) -> str:
    """The password that was chosen for the database, kept before anybody is told it. Raises
    ``LeaseLost``."""
    database, resources = work.database, work.engine.resources
    place = place_of(
        ProjectDatabase.encrypted_password,
        organization_id=database.organization_id,
        id=database.id,
    )
    if database.encrypted_password is not None:
        return await resources.vault.decrypt_for(
            place.subject, database.encrypted_password, context=place.context
        )
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    encrypted = await resources.vault.encrypt_for(place.subject, password, context=place.context)
    async with resources.db.transaction() as session:
        await work.set(session, encrypted_password=encrypted)
    database.encrypted_password = encrypted
    return password


async def _seal_variables(
    resources: Resources, database: ProjectDatabase, variables: Mapping[str, str]
) -> str | None:
    if not variables:
        return None
    place = variables_place(database)
    return await resources.vault.encrypt_for(
        place.subject, json.dumps(dict(variables)), context=place.context
    )


async def _record(work: Work, handle: DatabaseHandle, *, available: bool) -> None:
    """``available`` is not yet what a backup is to be restored into."""
    resources, database = work.engine.resources, work.database
    encrypted = await seal_url(resources, database, handle.url)
    variables = await _seal_variables(resources, database, handle.variables)
    async with resources.db.transaction() as session:
        await work.settle(
            session,
            "available" if available else "provisioning",
            external_id=handle.external_id,
            encrypted_url=encrypted,
            encrypted_variables=variables,
            error_code=None,
            error_message=None,
            url_changed_at=now(),
            updated_at=now(),
        )
        if database.external_id is None:  # else it was found again, such as after a pause
            await audit.record(
                session,
                audit.SYSTEM,
                Action.DATABASE_CREATE,
                database,
                after=audit.snapshot(database),
            )
        if available:
            await tell_of_database(session, database.id, EventType.DATABASE_READY)


async def _say_nothing(_level: str, _source: str, _message: str) -> None:
    """No deployment reads along."""
