"""The main database of a deployment's app: found, brought back or made while it is deployed."""

import asyncio
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.providers.databases import DatabaseState
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.deployer.app_environment import MAIN_DATABASE
from autodeploy.services.deployer.context import StepContext
from autodeploy.services.deployer.databases.deletion import destroy_at_provider
from autodeploy.services.deployer.databases.models import DatabaseRestore, ProjectDatabase
from autodeploy.services.deployer.databases.provisioning import make_database
from autodeploy.services.deployer.databases.reach import place_of_app
from autodeploy.services.deployer.databases.store import find_database
from autodeploy.services.deployer.databases.wishes import (
    WantedDatabase,
    choose_database,
    is_made,
)
from autodeploy.services.deployer.databases.work import Work, begin, end, working_on
from autodeploy.services.deployer.hosting import state_of_database
from autodeploy.services.deployer.states import StepName
from autodeploy.services.deployer.transitions import hold

_PAUSE_SECONDS = 0.2
# What is journaled before a deployment has the database made: others may have asked for it, too.
_ASKED = {"asked": True}


async def ensure_database(context: StepContext) -> dict[str, Any]:
    """The environment's database, made or found; what to journal of it.

    The row is written before the provider is asked, so that a database that was made and not
    yet recorded is found again by the row's id.
    """
    provider, row = await _ensure_row(context)
    if row.status == "error":  # it is this deployment that has it made once more
        await context.journal.record(StepName.PROVISION_DATABASE, _ASKED)
    reused = row.status == "available" and await _runs(context, row)
    if reused:
        await context.say(f"Using the database {row.name} of this environment.")
    else:
        doing = "Bringing back the" if is_made(row) else "Provisioning a"
        await context.say(f"{doing} database at {provider}.")
        row = await _provision_now(context, row)
    return {"database_id": str(row.id), "external_id": row.external_id, "reused": reused}


async def choose_for(session: AsyncSession, context: StepContext) -> WantedDatabase:
    """The main database that the deployment's app is to have. Raises as ``choose_database``."""
    return await choose_database(
        session,
        context.project.id,
        context.deployment.environment,
        place_of_app(context),
        context.deployment.configuration.get("database") or {},
    )


async def set_aside(session: AsyncSession, context: StepContext, **why: object) -> None:
    """Have nobody make the database that a deployment alone has asked for, where it ends before
    anything of it was begun. What is wanted stays known, for the next deployment; a restore is
    wanted by somebody else. One that had failed before says why it did now.

    Args:
        why: ``error_code`` and ``error_message``.
    """
    journal, deployment = context.journal, context.deployment
    step = StepName.PROVISION_DATABASE
    if not (journal.is_running(step) and journal.resources_of(step).get("asked")):
        return
    restoring = select(DatabaseRestore.database_id).where(DatabaseRestore.status == "pending")
    is_unbegun = and_(
        ProjectDatabase.status == "provisioning",
        ProjectDatabase.notes == {},
        ProjectDatabase.id.not_in(restoring),
    )
    await session.execute(
        update(ProjectDatabase)
        .where(
            ProjectDatabase.project_id == deployment.project_id,
            ProjectDatabase.environment == deployment.environment,
            ProjectDatabase.name == MAIN_DATABASE,
            ProjectDatabase.external_id.is_(None),
            or_(is_unbegun, ProjectDatabase.status == "error"),
        )
        .values(status="error", **why)
    )


async def _runs(context: StepContext, row: ProjectDatabase) -> bool:
    """Whether its provider says that a database which was there runs; one that does not is to be
    provisioned. A provider that does not answer is no reason to stop."""
    try:
        if await state_of_database(context.engine, row) is DatabaseState.RUNNING:
            return True
    except (AccountMissing, ProviderUnavailable) as error:
        await context.say(
            f"Whether the database {row.name} runs is not known: {error.message}", level="warn"
        )
        return True
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.lease.deployment_id, context.lease.fence)
        await session.execute(
            update(ProjectDatabase)
            .where(ProjectDatabase.id == row.id, ProjectDatabase.status == "available")
            .values(status="provisioning", failures=0, updated_at=now())
        )
    return False


async def _provision_now(context: StepContext, row: ProjectDatabase) -> ProjectDatabase:
    """Do it in this deployment, unless another worker is about to. Raises ``Conflict`` where that
    made another one than is wanted."""
    resources = context.engine.resources
    while True:
        async with working_on(resources.db, row.id) as mine:
            async with resources.db.transaction() as session:
                await hold(session, context.lease.deployment_id, context.lease.fence)
                wanted = await choose_for(session, context)
                row = await session.get_one(ProjectDatabase, row.id)
            if row.status == "available":
                return row
            if row.status == "deleting":
                raise DeploymentFailed(
                    f"The database {row.name} of {row.environment} is being deleted.",
                    remedy="Deploy again when it is gone: it is made anew then.",
                )
            if mine and (work := await begin(context.engine, row.id)) is not None:
                await _take_over(work, wanted)
                await make_database(work, context.log)
                await end(work)
                continue
        await asyncio.sleep(_PAUSE_SECONDS)


async def _ensure_row(context: StepContext) -> tuple[str, ProjectDatabase]:
    """At which provider the database is wanted, and its row, made where there is none. Raises
    ``Conflict``."""
    values = {
        "organization_id": context.project.organization_id,
        "project_id": context.project.id,
        "environment": context.deployment.environment,
        "name": MAIN_DATABASE,
    }
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.lease.deployment_id, context.lease.fence)
        wanted = await choose_for(session, context)
    if wanted.row is not None:
        return wanted.provider, wanted.row
    await context.journal.record(StepName.PROVISION_DATABASE, _ASKED)
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.lease.deployment_id, context.lease.fence)
        await session.execute(
            insert(ProjectDatabase)
            .values({**values, **wanted.as_columns()})
            .on_conflict_do_nothing()
        )
        row = await find_database(
            session, context.project.id, context.deployment.environment, MAIN_DATABASE
        )
        if row is None:
            raise RuntimeError("the database row that was just made is gone")
        return wanted.provider, row


async def _take_over(work: Work, wanted: WantedDatabase) -> None:
    """Have a database that was never made be made as it is wanted now. What was begun of it
    otherwise is removed: nobody was ever told of it. Raises ``LeaseLost``."""
    database, columns = work.database, wanted.as_columns()
    if is_made(database) or all(getattr(database, key) == columns[key] for key in columns):
        return
    if database.notes:
        await destroy_at_provider(work.engine, database)
    values = {**columns, "notes": {}, "notice": None}
    async with work.engine.resources.db.transaction() as session:
        await work.set(session, **values)
    for key, value in values.items():
        setattr(database, key, value)
