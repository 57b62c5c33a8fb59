"""The database of an app: whether it needs one, and the one that it gets."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from autodeploy.kernel.clock import now
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.base import DatabaseRequest
from autodeploy.services.analyzer.plan import DATABASE_VARIABLE, Plan, VariableType
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.app_environment import MAIN_DATABASE, AppEnvironment
from autodeploy.services.deployer.context import StepContext
from autodeploy.services.deployer.models import ProjectDatabase
from autodeploy.services.deployer.transitions import hold

_DEFAULT_PLAN = "free"
_DEFAULT_PROVIDER = "local"


def needs_database(plan: Plan, configuration: dict[str, Any], variables: AppEnvironment) -> bool:
    """Whether a database is to be provided.

    Yes when the request says so, or the value of a variable refers to it; else when the code reads
    a connection string that nobody set, and it is not known to be one of another kind of database.
    """
    if configuration.get("database") or configuration.get("provision"):
        return True
    if MAIN_DATABASE in variables.databases:
        return True
    if DATABASE_VARIABLE in variables.values or DATABASE_VARIABLE in variables.unresolved:
        return False
    kinds = {need.kind for need in plan.services if need.variable == DATABASE_VARIABLE}
    if kinds - {"postgresql"}:
        return False
    reads = {
        variable.key
        for variable in plan.environment_variables
        if variable.type is VariableType.DATABASE_CONNECTION
    }
    required = any(
        variable.key == DATABASE_VARIABLE and (variable.required or _wants_postgresql(plan))
        for variable in plan.environment_variables
    )
    return required or (DATABASE_VARIABLE in reads and _wants_postgresql(plan))


def _wants_postgresql(plan: Plan) -> bool:
    return any(service.kind == "postgresql" for service in plan.services)


async def ensure_database(context: StepContext) -> dict[str, Any]:
    """The environment's database, made or found; what to journal of it.

    The row is written before the provider is asked, so that a database that was made and not
    yet recorded is found again by the row's id.
    """
    wanted = context.deployment.configuration.get("database") or {}
    row = await _ensure_row(context, wanted)
    if row.status == "available":
        await context.say(f"Using the database {row.name} of this environment.")
        return {"database_id": str(row.id), "external_id": row.external_id, "reused": True}
    await context.say(f"Provisioning a database at {row.provider}.")
    provider = context.engine.providers.databases(row.provider)
    handle = await provider.ensure_database(
        DatabaseRequest(database_id=row.id, app=context.app, name=row.name, plan=row.plan),
        context.log,
    )
    place = place_of(ProjectDatabase.encrypted_url, organization_id=row.organization_id, id=row.id)
    encrypted = await context.engine.resources.vault.encrypt_for(
        place.subject, handle.url, context=place.context
    )
    await _record(context, row, handle.external_id, encrypted)
    return {"database_id": str(row.id), "external_id": handle.external_id, "reused": False}


async def _ensure_row(context: StepContext, wanted: dict[str, Any]) -> ProjectDatabase:
    values = {
        "organization_id": context.project.organization_id,
        "project_id": context.project.id,
        "environment": context.deployment.environment,
        "name": MAIN_DATABASE,
        "provider": wanted.get("provider") or _DEFAULT_PROVIDER,
        "plan": wanted.get("plan") or _DEFAULT_PLAN,
    }
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.lease.deployment_id, context.lease.fence)
        await session.execute(insert(ProjectDatabase).values(values).on_conflict_do_nothing())
        row = await session.scalar(
            select(ProjectDatabase).where(
                ProjectDatabase.project_id == context.project.id,
                ProjectDatabase.environment == context.deployment.environment,
                ProjectDatabase.name == MAIN_DATABASE,
            )
        )
        if row is None:
            raise RuntimeError("the database row that was just made is gone")
        return row


async def _record(
    context: StepContext, database: ProjectDatabase, external_id: str, encrypted_url: str
) -> None:
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.lease.deployment_id, context.lease.fence)
        await session.execute(
            update(ProjectDatabase)
            .where(ProjectDatabase.id == database.id)
            .values(
                external_id=external_id,
                encrypted_url=encrypted_url,
                status="available",
                updated_at=now(),
            )
        )
        await audit.record(
            session,
            audit.SYSTEM,
            Action.DATABASE_CREATE,
            database,
            after=audit.snapshot(database),
        )
