"""The environments of a project: production, and those that are made beside it."""

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.errors import NotConfirmed
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import projects, store
from autodeploy.services.deployer.context import spec_of
from autodeploy.services.deployer.databases.dispatch import dispatch_databases
from autodeploy.services.deployer.databases.last_backups import LastBackupFailed, ask_last_backup
from autodeploy.services.deployer.databases.store import find_databases
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.schemas import EnvironmentInput, EnvironmentView, ScaleInput
from autodeploy.services.deployer.variables import copy_within


class EnvironmentExists(Conflict):
    """The project has an environment of this name."""

    code = "environment_exists"


class NotScalable(Conflict):
    """What is live is no server, so there are no processes to have several of."""

    code = "not_scalable"
    usual_remedy = "Nothing has to be done: static files need no processes, and a worker runs once."


class ProductionStays(Conflict):
    """The production environment goes with its project alone."""

    code = "production_stays"


async def list_environments(
    resources: Resources, principal: Principal, project_id: UUID
) -> Page[EnvironmentView]:
    """The environments of a project, the oldest first. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        rows = await store.list_environments(session, [project.id])
        return Page(items=[EnvironmentView.model_validate(row) for row in rows[project.id]])


async def create_environment(
    resources: Resources, principal: Principal, project_id: UUID, body: EnvironmentInput
) -> EnvironmentView:
    """Make an environment, with the variables of another one where ``body`` says so.

    Raises:
        EnvironmentExists.
        NotFound: no such project, or no environment to copy from.
        Forbidden: also to copy variables, for who may not write them.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.ENVIRONMENT_CREATE, project.organization_id)
        if await store.find_environment(session, project.id, body.name) is not None:
            raise EnvironmentExists(
                f"{project.name} has an environment {body.name} already.",
                field="name",
                remedy="Deploy to it, or choose another name.",
            )
        environment = await projects.ensure_environment(session, project, body.name)
        await audit.record(
            session,
            principal,
            Action.ENVIRONMENT_CREATE,
            environment,
            after=audit.snapshot(environment),
        )
        if body.copy_from is not None:
            require(principal, Action.VARIABLE_WRITE, project.organization_id)
            await copy_within(
                resources, session, principal, project, environment, source=body.copy_from
            )
        return EnvironmentView.model_validate(environment)


async def scale_environment(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    name: str,
    body: ScaleInput,
    *,
    providers: Registry,
) -> EnvironmentView:
    """Have so many processes of an environment's app run, from now on and after each deployment.

    The row is the intent: workers give what is live that number within seconds.

    Raises:
        NotScalable, NotFound, Forbidden.
        InvalidInput: the environment's provider runs one process an app.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.ENVIRONMENT_SCALE, project.organization_id)
        environment = await _lock(session, project, name)
        await _require_scalable(session, environment, providers)
        before = audit.snapshot(environment)
        environment.replicas = body.replicas
        await session.flush()
        await audit.record(
            session,
            principal,
            Action.ENVIRONMENT_SCALE,
            environment,
            before=before,
            after=audit.snapshot(environment),
        )
        return EnvironmentView.model_validate(environment)


async def delete_environment(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    name: str,
    *,
    confirm: str,
    backup: bool,
    providers: Registry,
) -> None:
    """Delete an environment with what is live there, its variables and its databases, with
    ``backup`` after a last backup of each.

    From the first commit on it is gone for callers; workers take down what lies outside, and this
    returns when they have, or after ``projects.DELETION_WAIT_SECONDS``. Where a last backup cannot
    be made the environment is given back as it was, now or later.

    Args:
        confirm: the environment's name.

    Raises:
        LastBackupFailed, ProductionStays, NotConfirmed, NotFound, Forbidden.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.ENVIRONMENT_DELETE, project.organization_id)
        environment = await _lock(session, project, name)
        if name == PRODUCTION:
            raise ProductionStays(
                "The production environment cannot be deleted.",
                remedy="Delete the project, or deploy something else to it.",
            )
        if confirm != name:
            raise NotConfirmed(
                "Deleting an environment cannot be undone.",
                field="confirm",
                remedy=f"Send ?confirm={name} to confirm it.",
            )
        environment.deletion_requested_at = now()
        databases = await find_databases(session, project.id, name)
        for database in databases:
            if database.status != "deleting":
                await ask_last_backup(
                    session, principal, database, backup=backup, providers=providers
                )
        await audit.record(
            session,
            principal,
            Action.ENVIRONMENT_DELETE,
            environment,
            before=audit.snapshot(environment),
        )
        of_environment = Environment.id == environment.id
    for database in databases:
        await dispatch_databases(resources, database_id=database.id)
    is_leaving = Environment.deletion_requested_at.is_not(None)
    await projects.wait_until_removed(resources, of_environment & is_leaving)
    async with resources.db.transaction() as session:
        if await session.scalar(select(exists().where(of_environment, ~is_leaving))):
            raise LastBackupFailed(f"{name} stays: a last backup of a database could not be made.")


async def _lock(session: AsyncSession, project: Project, name: str) -> Environment:
    environment = await store.find_environment(session, project.id, name, lock=True)
    if environment is None or environment.deletion_requested_at is not None:
        raise NotFound(f"{project.name} has no environment {name}.")
    return environment


async def _require_scalable(
    session: AsyncSession, environment: Environment, providers: Registry
) -> None:
    providers.get(environment.provider, Capability.SCALE)
    if environment.live_deployment_id is None:
        return
    live = spec_of(await session.get_one(Deployment, environment.live_deployment_id))
    if live.kind != "server":
        what = "a folder of static files" if live.kind == "static" else "a worker"
        raise NotScalable(f"What is live in {environment.name} is {what}.")
