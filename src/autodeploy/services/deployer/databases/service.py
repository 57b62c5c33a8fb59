"""What callers ask of databases: each decision, its permission and its transaction.

Nothing is done at a provider here but measuring: a row says what is wanted, a worker does it.
"""

from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.providers.manifests import Capability, DatabaseEngine
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.connection_checks import doubting
from autodeploy.services.auth.permissions import Action, reach_of, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.costs import Budget
from autodeploy.services.deployer.databases import store
from autodeploy.services.deployer.databases.access import (
    DatabaseInUse,
    DatabaseNotAvailable,
    RotationUnderWay,
    get_allowed,
    require_available,
)
from autodeploy.services.deployer.databases.dispatch import dispatch_databases
from autodeploy.services.deployer.databases.engines import (
    require_of_engine,
    require_policy,
    require_postgresql,
)
from autodeploy.services.deployer.databases.last_backups import ask_last_backup
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.provisioning import open_url
from autodeploy.services.deployer.databases.restore_requests import begin_restore
from autodeploy.services.deployer.databases.schemas import (
    BackupPolicyInput,
    CredentialsView,
    DatabaseInput,
    DatabaseMetricsView,
    DatabaseUpdate,
    DatabaseView,
    RotationInput,
)
from autodeploy.services.deployer.databases.views import metrics_view, views_of
from autodeploy.services.deployer.databases.wishes import require_same
from autodeploy.services.deployer.hosting import charged_plan, choose_connection
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.placements import require_database_choice
from autodeploy.services.deployer.projects import ensure_environment
from autodeploy.services.deployer.store import get_project


async def create_database(
    resources: Resources, principal: Principal, body: DatabaseInput, *, providers: Registry
) -> DatabaseView:
    """A database for an environment; the one that is there under this name is found.

    One that failed is tried again; one that is there keeps what it holds. Raises ``NotFound``,
    ``InvalidInput``, ``Conflict`` where it is of another engine, at another provider, of another
    plan or in another region, and ``BudgetExceeded``.
    """
    charged = await _charged_plan(resources, principal, body, providers)
    async with resources.db.transaction() as session:
        project = await get_project(session, principal.reach, body.project_id)
        require(principal, Action.DATABASE_CREATE, project.organization_id)
        require_database_choice(
            providers, body.provider, body.engine, plan=body.plan, region=body.region
        )
        require_of_engine(body)
        if body.ignore_budget:
            require(principal, Action.BUDGET_MANAGE, project.organization_id)
        budget = None
        if not body.ignore_budget:
            budget = await Budget.lock(session, project, resources, providers)
        await ensure_environment(session, project, body.environment)
        connection_id = await choose_connection(session, principal, providers, body.provider)
        database, is_new = await _ensure_row(session, project, body, connection_id)
        if budget is not None and is_new:
            budget.check_database(body.engine, body.environment, body.name, body.provider, charged)
        is_failed = database.status == "error"
        if is_failed:
            database.status, database.failures = "provisioning", 0
            database.error_code = database.error_message = None
        if body.backup_id is not None and (is_new or is_failed):
            providers.get(body.provider, Capability.DATABASE_BACKUPS)
            require(principal, Action.DATABASE_RESTORE, project.organization_id)
            await begin_restore(session, principal, database, body.backup_id)
        if is_new:
            await audit.record(
                session,
                principal,
                Action.DATABASE_CREATE,
                database,
                after=audit.snapshot(database),
            )
        await session.flush()
        [view] = await views_of(session, [database])
    await dispatch_databases(resources, database_id=database.id)
    return view


async def get_database(
    resources: Resources, principal: Principal, database_id: UUID
) -> DatabaseView:
    """One database. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        database = await get_allowed(session, principal, database_id, Action.DATABASE_READ)
        return (await views_of(session, [database]))[0]


async def list_databases(
    resources: Resources,
    principal: Principal,
    *,
    project_id: UUID | None,
    limit: int,
    cursor: str | None,
) -> Page[DatabaseView]:
    """The databases that the caller may see, or those of one project, newest first."""
    async with resources.db.transaction() as session:
        reach = reach_of(principal, Action.DATABASE_READ)
        rows = await store.list_databases(
            session, reach, project_id=project_id, limit=limit, cursor=cursor
        )
        page, following = split_page(rows, limit)
        return Page(items=await views_of(session, page), next_cursor=following)


async def update_database(
    resources: Resources,
    principal: Principal,
    database_id: UUID,
    body: DatabaseUpdate,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> DatabaseView:
    """Change when backups are made and how many stay. Raises ``PreconditionFailed``, and
    ``InvalidInput`` for what has none."""
    async with resources.db.transaction() as session:
        database = await get_allowed(
            session, principal, database_id, Action.DATABASE_UPDATE, lock=True
        )
        [present] = await views_of(session, [database])
        if_match.require(present)
        body.require_readonly_same(present)
        before = audit.snapshot(database)
        policy = body.backups or BackupPolicyInput()
        require_policy(DatabaseEngine(database.engine), policy)
        for column, value in _policy_columns(policy).items():
            setattr(database, column, value)
        if session.is_modified(database):
            database.updated_at = now()
        await session.flush()
        await audit.record(
            session,
            principal,
            Action.DATABASE_UPDATE,
            database,
            before=before,
            after=audit.snapshot(database),
        )
        return (await views_of(session, [database]))[0]


async def read_credentials(
    resources: Resources, principal: Principal, database_id: UUID
) -> CredentialsView:
    """The URL with its password. Each reading is in the audit log. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        database = await get_allowed(session, principal, database_id, Action.DATABASE_CREDENTIALS)
        if database.encrypted_url is None:
            raise DatabaseNotAvailable("The database has no URL yet.")
        await audit.record(session, principal, Action.DATABASE_CREDENTIALS, database)
    return CredentialsView(url=await open_url(resources, database))


async def measure_database(
    resources: Resources, principal: Principal, database_id: UUID, *, providers: Registry
) -> DatabaseMetricsView:
    """How the database fares now. Raises ``NotFound``, ``DatabaseNotAvailable``, and
    ``InvalidInput`` where its provider does not measure, or not such a database."""
    async with resources.db.transaction() as session:
        database = await get_allowed(session, principal, database_id, Action.DATABASE_READ)
    require_postgresql(database, "metrics")
    require_available(database)
    async with doubting(resources, database.connection_id):
        account = await open_account(resources, database.connection_id, providers=providers)
        provider = providers.database_metrics(database.provider, account)
        return metrics_view(await provider.measure_database(database.external_id or ""))


async def rotate_credentials(
    resources: Resources,
    principal: Principal,
    database_id: UUID,
    body: RotationInput,
    *,
    providers: Registry,
) -> DatabaseView:
    """Ask for another password. Raises ``RotationUnderWay``, ``DatabaseNotAvailable``."""
    async with resources.db.transaction() as session:
        database = await get_allowed(
            session, principal, database_id, Action.DATABASE_ROTATE, lock=True
        )
        require_postgresql(database, "rotation")
        providers.get(database.provider, Capability.DATABASE_ROTATION)
        require_available(database)
        if database.retiring_login is not None and not body.revoke:
            raise RotationUnderWay(
                f"Releases of {database.environment} may still use the password before this one."
            )
        database.rotation_requested_at = now()
        database.revoke_at_once = database.revoke_at_once or body.revoke
        database.failures = 0
        await audit.record(session, principal, Action.DATABASE_ROTATE, database)
        await session.flush()
        [view] = await views_of(session, [database])
    await dispatch_databases(resources, database_id=database_id)
    return view


async def delete_database(
    resources: Resources,
    principal: Principal,
    database_id: UUID,
    *,
    confirm: str | None,
    force: bool,
    backup: bool,
    providers: Registry,
    if_match: IfMatch = ANY_VERSION,
) -> DatabaseView:
    """Delete a database, with ``backup`` after a last backup of it.

    Raises ``PreconditionFailed``, ``InvalidInput`` unless ``confirm`` is its name, and
    ``DatabaseInUse`` unless it is used by nothing or ``force`` is set.
    """
    async with resources.db.transaction() as session:
        database = await get_allowed(
            session, principal, database_id, Action.DATABASE_DELETE, lock=True
        )
        if_match.require((await views_of(session, [database]))[0])
        if confirm != database.name:
            raise InvalidInput(
                "Deleting a database takes its name, so that it is not another one.",
                field="confirm",
                remedy=f"Send confirm={database.name}.",
            )
        if not force and await store.is_in_use(session, database):
            raise DatabaseInUse(f"A release or a deployment of {database.environment} uses it.")
        if database.status != "deleting":
            await ask_last_backup(session, principal, database, backup=backup, providers=providers)
            database.status_before_deletion = database.status
            database.status, database.failures = "deleting", 0
            database.error_code = database.error_message = None
            await audit.record(
                session,
                principal,
                Action.DATABASE_DELETE,
                database,
                before=audit.snapshot(database),
            )
        await session.flush()
        [view] = await views_of(session, [database])
    await dispatch_databases(resources, database_id=database_id)
    return view


async def _charged_plan(
    resources: Resources, principal: Principal, body: DatabaseInput, providers: Registry
) -> str:
    """The plan that a budget is to go by: the account's provider is asked where there is one."""
    async with resources.db.transaction() as session:
        project = await get_project(session, principal.reach, body.project_id)
        require(principal, Action.DATABASE_CREATE, project.organization_id)
        if body.ignore_budget or project.monthly_budget_cents is None:
            return body.plan
        connection_id = await choose_connection(session, principal, providers, body.provider)
    return await charged_plan(
        resources,
        providers,
        provider=body.provider,
        connection_id=connection_id,
        plan=body.plan,
    )


async def _ensure_row(
    session: AsyncSession, project: Project, body: DatabaseInput, connection_id: UUID | None
) -> tuple[ProjectDatabase, bool]:
    """The row of this name, and whether it was made here."""
    made = await session.scalar(
        insert(ProjectDatabase)
        .values(
            organization_id=project.organization_id,
            project_id=project.id,
            environment=body.environment,
            name=body.name,
            engine=body.engine,
            provider=body.provider,
            connection_id=connection_id,
            plan=body.plan,
            region=body.region,
            **_policy_columns(body.backups),
            **({} if body.engine is DatabaseEngine.POSTGRESQL else {"backup_schedule": "off"}),
        )
        .on_conflict_do_nothing()
        .returning(ProjectDatabase.id)
    )
    row = await store.find_database(session, project.id, body.environment, body.name, lock=True)
    if row is None or row.status == "deleting":
        raise Conflict(f"The database {body.name} of {body.environment} is being deleted.")
    require_same(row, body.model_dump(), remedy="Leave that out, or choose another name.")
    return row, made is not None


def _policy_columns(policy: BackupPolicyInput) -> dict[str, Any]:
    names = {
        "schedule": "backup_schedule",
        "hour": "backup_hour",
        "keep_daily": "keep_daily",
        "keep_weekly": "keep_weekly",
    }
    given = policy.model_dump(exclude_none=True)
    return {names[name]: value for name, value in given.items()}
