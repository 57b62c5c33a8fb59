"""Making databases: for a deployment that needs one, and for whoever asked for one."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, DeploymentFailed
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.base import DatabaseEngine, LogSink
from autodeploy.providers.databases import DatabaseHandle, DatabaseRequest
from autodeploy.services.auth import audit
from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.app_environment import MAIN_DATABASE, variables_place
from autodeploy.services.deployer.context import StepContext, app_of
from autodeploy.services.deployer.databases.models import DatabaseRestore, ProjectDatabase
from autodeploy.services.deployer.databases.work import Work, begin, end, working_on
from autodeploy.services.deployer.hosting import databases_for
from autodeploy.services.deployer.models import Environment
from autodeploy.services.deployer.notable_events import tell_of_database
from autodeploy.services.deployer.transitions import hold

_DEFAULT_PLAN = "free"
_DEFAULT_PROVIDER = "local"
_PAUSE_SECONDS = 0.2
_PASSWORD_BYTES = 24


class DatabaseOutOfReach(DeploymentFailed):
    """The app would run where its database cannot be reached."""

    code = "database_out_of_reach"


async def ensure_database(context: StepContext) -> dict[str, Any]:
    """The environment's database, made or found; what to journal of it.

    The row is written before the provider is asked, so that a database that was made and not
    yet recorded is found again by the row's id.
    """
    wanted = context.deployment.configuration.get("database") or {}
    row = await _ensure_row(context, wanted)
    reused = row.status == "available"
    if reused:
        await context.say(f"Using the database {row.name} of this environment.")
    else:
        await context.say(f"Provisioning a database at {row.provider}.")
        row = await _provision_now(context, row)
    return {"database_id": str(row.id), "external_id": row.external_id, "reused": reused}


async def provision(work: Work) -> None:
    """Make the database of the row, or find it, and record where it is."""
    await _provision(work, _say_nothing)


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


async def _provision_now(context: StepContext, row: ProjectDatabase) -> ProjectDatabase:
    """Do it in this deployment, unless another worker is about to."""
    resources = context.engine.resources
    while True:
        async with working_on(resources.db, row.id) as mine:
            async with resources.db.transaction() as session:
                await hold(session, context.lease.deployment_id, context.lease.fence)
                row = await session.get_one(ProjectDatabase, row.id)
            if row.status == "available":
                return row
            if row.status == "deleting":
                raise DeploymentFailed(
                    f"The database {row.name} of {row.environment} is being deleted.",
                    remedy="Deploy again when it is gone: it is made anew then.",
                )
            if mine and (work := await begin(context.engine, row.id)) is not None:
                await _provision(work, context.log)
                await end(work)
                continue
        await asyncio.sleep(_PAUSE_SECONDS)


async def _provision(work: Work, log: LogSink) -> None:
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


async def _ensure_row(context: StepContext, wanted: dict[str, Any]) -> ProjectDatabase:
    provider = wanted.get("provider") or _DEFAULT_PROVIDER
    providers, of_app = context.engine.providers, context.deployment.provider
    if providers.is_hosted(of_app) and not providers.is_hosted(provider):
        raise DatabaseOutOfReach(
            f"An app at {of_app} cannot reach a database on this machine.",
            remedy="Name a provider of databases that it can reach "
            "(`configuration.database.provider`), or set DATABASE_URL.",
        )
    values = {
        "organization_id": context.project.organization_id,
        "project_id": context.project.id,
        "environment": context.deployment.environment,
        "name": MAIN_DATABASE,
        "provider": provider,
        "plan": wanted.get("plan") or _DEFAULT_PLAN,
        "region": wanted.get("region"),
        "connection_id": wanted.get("connection_id"),
    }
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.lease.deployment_id, context.lease.fence)
        await session.execute(insert(ProjectDatabase).values(values).on_conflict_do_nothing())
        row = await find_database(
            session, context.project.id, context.deployment.environment, MAIN_DATABASE
        )
        if row is None:
            raise RuntimeError("the database row that was just made is gone")
        return row


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


async def _say_nothing(_level: str, _source: str, _message: str) -> None:
    """No deployment reads along."""
