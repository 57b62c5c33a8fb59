"""``/api/v1/databases``: databases of apps, how they fare, their passwords and their backups."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.pagination import link_next
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer.databases import (
    backup_requests,
    pauses,
    restore_requests,
    service,
)
from autodeploy.services.deployer.databases.schemas import (
    BackupView,
    CredentialsView,
    DatabaseInput,
    DatabaseMetricsView,
    DatabaseUpdate,
    DatabaseView,
    RestoreInput,
    RestoreView,
    RotationInput,
)

router = APIRouter(prefix="/api/v1/databases", tags=["databases"])
project_router = APIRouter(prefix="/api/v1/projects", tags=["databases"])


@router.post("", status_code=status.HTTP_202_ACCEPTED, operation_id="createDatabase")
async def create_database(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    body: DatabaseInput,
) -> DatabaseView:
    """Make a database. The answer comes at once, ``status`` says when it is available. Of one
    project, environment and name there is one database: a repeated call finds it."""
    view = await service.create_database(resources, principal, body, providers=providers)
    response.headers["Location"] = f"/api/v1/databases/{view.id}"
    return tagged(response, view)


@router.get("", operation_id="listDatabases")
async def list_databases(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    project: Annotated[UUID | None, Query(description="Those of this project.")] = None,
) -> Page[DatabaseView]:
    """The databases of the caller's organizations, newest first."""
    answer = await service.list_databases(
        resources, principal, project_id=project, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.get("/{database_id}", operation_id="getDatabase")
async def get_database(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, database_id: UUID
) -> DatabaseView:
    """One database, without its URL."""
    return tagged(response, await service.get_database(resources, principal, database_id))


@router.put("/{database_id}", operation_id="updateDatabase")
async def update_database(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    database_id: UUID,
    body: DatabaseUpdate,
    if_match: IfMatchDep,
) -> DatabaseView:
    """Change when backups are made and how many stay; what is left out stays."""
    view = await service.update_database(resources, principal, database_id, body, if_match=if_match)
    return tagged(response, view)


@router.delete(
    "/{database_id}", status_code=status.HTTP_202_ACCEPTED, operation_id="deleteDatabase"
)
async def delete_database(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    database_id: UUID,
    if_match: IfMatchDep,
    confirm: Annotated[
        str | None, Query(max_length=100, description="The name of the database.")
    ] = None,
    force: Annotated[bool, Query(description="Also while a release uses it.")] = False,
    backup: Annotated[bool, Query(description="Make a last backup before.")] = True,
) -> DatabaseView:
    """Delete a database, after a last backup that is kept for 30 days. When that cannot be made
    the database stays, and its ``error`` says why."""
    return await service.delete_database(
        resources,
        principal,
        database_id,
        confirm=confirm,
        force=force,
        backup=backup,
        providers=providers,
        if_match=if_match,
    )


@router.get("/{database_id}/metrics", operation_id="getDatabaseMetrics")
async def get_metrics(
    resources: ResourcesDep, principal: PrincipalDep, providers: ProvidersDep, database_id: UUID
) -> DatabaseMetricsView:
    """How a database fares now: its size, sessions, transactions, cache and slowest statements."""
    return await service.measure_database(resources, principal, database_id, providers=providers)


@router.get("/{database_id}/credentials", operation_id="getDatabaseCredentials")
async def get_credentials(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, database_id: UUID
) -> CredentialsView:
    """The URL with its password, for the scope ``write``. Each call is in the audit log."""
    response.headers["Cache-Control"] = "no-store"
    return await service.read_credentials(resources, principal, database_id)


@router.post(
    "/{database_id}/rotate",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="rotateDatabaseCredentials",
)
async def rotate_credentials(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    database_id: UUID,
    body: RotationInput | None = None,
) -> DatabaseView:
    """Give the database another password. Running releases go on with the one before, which ends
    when the next deployment has taken their place."""
    return await service.rotate_credentials(
        resources, principal, database_id, body or RotationInput(), providers=providers
    )


@router.post(
    "/{database_id}/pause",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="pauseDatabase",
)
async def pause_database(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    database_id: UUID,
    force: Annotated[
        bool, Query(description="Also while a release or a deployment uses it.")
    ] = False,
) -> DatabaseView:
    """Pause a database at a provider that can: it keeps what it holds, costs nothing and answers
    nobody until it is resumed, by a call or by a deployment that needs it."""
    return await pauses.pause_database(
        resources, principal, database_id, force=force, providers=providers
    )


@router.post(
    "/{database_id}/resume",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="resumeDatabase",
)
async def resume_database(
    resources: ResourcesDep, principal: PrincipalDep, providers: ProvidersDep, database_id: UUID
) -> DatabaseView:
    """Bring a paused database back, also one that its provider paused by itself."""
    return await pauses.resume_database(resources, principal, database_id, providers=providers)


@router.post(
    "/{database_id}/backups",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="createDatabaseBackup",
)
async def create_backup(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    database_id: UUID,
) -> BackupView:
    """Make a backup now. It is ``verified`` once it was restored and compared."""
    view = await backup_requests.create_backup(
        resources, principal, database_id, providers=providers
    )
    response.headers["Location"] = f"/api/v1/databases/{database_id}/backups/{view.id}"
    return view


@router.get("/{database_id}/backups", operation_id="listDatabaseBackups")
async def list_backups(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    database_id: UUID,
) -> Page[BackupView]:
    """The backups of a database, newest first."""
    answer = await backup_requests.list_backups(
        resources, principal, database_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.get("/{database_id}/backups/{backup_id}", operation_id="getDatabaseBackup")
async def get_backup(
    resources: ResourcesDep, principal: PrincipalDep, database_id: UUID, backup_id: UUID
) -> BackupView:
    """One backup."""
    return await backup_requests.get_backup(resources, principal, database_id, backup_id)


@router.post(
    "/{database_id}/restore",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="restoreDatabase",
)
async def restore_database(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    database_id: UUID,
    body: RestoreInput,
) -> RestoreView:
    """Restore a backup into a new database, or, confirmed by its name, into this one. What this
    one held is backed up before, and replaced only by a copy that holds what the backup held."""
    return await restore_requests.create_restore(
        resources, principal, database_id, body, providers=providers
    )


@router.get("/{database_id}/restores", operation_id="listDatabaseRestores")
async def list_restores(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    database_id: UUID,
) -> Page[RestoreView]:
    """The restores into a database, newest first."""
    answer = await restore_requests.list_restores(
        resources, principal, database_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@project_router.get("/{project_id}/database-backups", operation_id="listProjectBackups")
async def list_project_backups(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    project_id: UUID,
) -> Page[BackupView]:
    """The backups of all databases that a project has, or had, newest first."""
    answer = await backup_requests.list_project_backups(
        resources, principal, project_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer
