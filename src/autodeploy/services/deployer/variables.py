"""Variables of a project's environments: each value is encrypted, secrets are write-only."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.app_environment import (
    sealed_variable,
)
from autodeploy.services.deployer.models import Environment, EnvironmentVariable, Project
from autodeploy.services.deployer.projects import ensure_environment
from autodeploy.services.deployer.variable_schemas import (
    VariableInput,
    VariableScope,
    VariablesCopy,
    VariablesInput,
    VariableUpdate,
    VariableView,
)
from autodeploy.services.deployer.variable_writer import VariableWriter, open_value


class VariableExists(Conflict):
    """The environment has a variable of this name."""

    code = "variable_exists"


async def list_variables(
    resources: Resources, principal: Principal, project_id: UUID, environment: str
) -> Page[VariableView]:
    """All variables of an environment, by key; the values of secrets are left out."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_READ)
        rows = await store.list_variables(session, project.id, environment)
    readable = [row for row in rows if not row.is_secret]
    values = await resources.vault.decrypt_many([sealed_variable(row) for row in readable])
    by_id = dict(zip((row.id for row in readable), values, strict=True))
    return Page(items=[_view(row, by_id.get(row.id)) for row in rows])


async def get_variable(
    resources: Resources, principal: Principal, project_id: UUID, environment: str, key: str
) -> VariableView:
    """One variable; the value of a secret is left out. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_READ)
        row = await _get_row(session, project, environment, key)
    return await _read(resources, row)


async def create_variable(
    resources: Resources, principal: Principal, project_id: UUID, body: VariableInput
) -> VariableView:
    """Set a new variable. Raises ``VariableExists`` and what ``_check`` raises."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_WRITE)
        environment = await ensure_environment(session, project, body.environment)
        if await store.find_variable(session, project.id, body.environment, body.key):
            raise VariableExists(
                f"{body.key} is set in {body.environment} already.",
                field="key",
                remedy=f"PUT /projects/{project_id}/env/{body.key} changes it.",
            )
        writer = VariableWriter(resources, session, principal, project, environment)
        row = await writer.put(body.key, body.value, body.is_secret, body.scope, field="value")
        await writer.finish()
    return await _read(resources, row)


async def update_variable(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    key: str,
    body: VariableUpdate,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> VariableView:
    """Change a variable; a value that is left out stays.

    Raises:
        InvalidInput: a secret would become readable; that takes a new value. Or the value holds
            what is no reference.
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound.
    """
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_WRITE)
        writer, row = await _hold(resources, session, principal, project, environment, key)
        present = await _read(resources, row)
        if_match.require(present)
        body.require_readonly_same(present)
        if row.is_secret and body.is_secret is False and body.value is None:
            raise InvalidInput(
                f"{key} is a secret: its value is never shown, so it cannot be made readable.",
                field="value",
                remedy="Send the value together with isSecret.",
            )
        row = await writer.put(key, body.value, body.is_secret, body.scope, field="value")
        await writer.finish()
    return await _read(resources, row)


async def delete_variable(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    key: str,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """Remove a variable. Raises ``NotFound`` and ``PreconditionFailed``."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_WRITE)
        writer, row = await _hold(resources, session, principal, project, environment, key)
        if if_match != ANY_VERSION:  # so that a value which no key opens any more can be removed
            if_match.require(await _read(resources, row))
        await writer.remove(row)
        await writer.finish()


async def set_variables(
    resources: Resources, principal: Principal, project_id: UUID, body: VariablesInput
) -> Page[VariableView]:
    """Set several variables as one change: all of them, or with an error none."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_WRITE)
        environment = await ensure_environment(session, project, body.environment)
        writer = VariableWriter(resources, session, principal, project, environment)
        rows = [
            await writer.put(key, value, body.is_secret, body.scope, field=f"values.{key}")
            for key, value in body.values.items()
        ]
        await writer.finish()
    return Page(items=[await _read(resources, row) for row in rows])


async def copy_variables(
    resources: Resources, principal: Principal, project_id: UUID, body: VariablesCopy
) -> Page[VariableView]:
    """Copy the variables of one environment to another, as one change; answers what was copied.

    What is set there already is left alone unless ``overwrite`` says otherwise. References are
    copied as references: they mean what they name in their new place.
    """
    if body.source == body.target:
        raise InvalidInput("Variables are copied to another environment.", field="to")
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_WRITE)
        environment = await ensure_environment(session, project, body.target)
        rows = await copy_within(
            resources,
            session,
            principal,
            project,
            environment,
            source=body.source,
            overwrite=body.overwrite,
        )
    return Page(items=[await _read(resources, row) for row in rows])


async def copy_within(
    resources: Resources,
    session: AsyncSession,
    principal: Principal,
    project: Project,
    environment: Environment,
    *,
    source: str,
    overwrite: bool = False,
    secrets: bool = True,
) -> list[EnvironmentVariable]:
    """``copy_variables`` in the caller's transaction, without ``secrets`` only what is none; the
    caller has checked permission and holds the environment that is copied to.

    Raises ``NotFound`` where there is none to copy from.
    """
    if await store.find_environment(session, project.id, source) is None:
        raise NotFound(f"{project.name} has no environment {source}.")
    originals = await store.list_variables(session, project.id, source)
    present = await store.list_variables(session, project.id, environment.name)
    taken = set() if overwrite else {row.key for row in present}
    wanted = [row for row in originals if row.key not in taken and (secrets or not row.is_secret)]
    values = await resources.vault.decrypt_many([sealed_variable(row) for row in wanted])
    writer = VariableWriter(resources, session, principal, project, environment)
    copies = [
        await writer.copy(row.key, value, row.is_secret, VariableScope(row.scope))
        for row, value in zip(wanted, values, strict=True)
    ]
    await writer.finish()
    return copies


async def set_within(
    resources: Resources,
    session: AsyncSession,
    principal: Principal,
    project: Project,
    environment: Environment,
    values: Mapping[str, str],
    *,
    remove: Iterable[str] = (),
) -> None:
    """Set several variables and remove others as one change in the caller's transaction; the caller
    has checked permission and holds the environment.

    A value that is set already is left alone, so that it does not count as a change.
    """
    writer = VariableWriter(resources, session, principal, project, environment)
    for key, value in values.items():
        field = f"configuration.environmentVariables.{key}"
        await writer.put(key, value, None, None, field=field)
    for key in remove:
        row = await store.find_variable(session, project.id, environment.name, key, lock=True)
        if row is not None:
            await writer.remove(row)
    await writer.finish()


async def _hold(
    resources: Resources,
    session: AsyncSession,
    principal: Principal,
    project: Project,
    environment: str,
    key: str,
) -> tuple[VariableWriter, EnvironmentVariable]:
    """What changes a variable that is set, and the variable, locked. Raises ``NotFound``."""
    await _get_row(session, project, environment, key)
    held = await ensure_environment(session, project, environment)
    row = await _get_row(session, project, environment, key, lock=True)
    return VariableWriter(resources, session, principal, project, held), row


async def _read(resources: Resources, row: EnvironmentVariable) -> VariableView:
    return _view(row, None if row.is_secret else await open_value(resources, row))


def _view(row: EnvironmentVariable, value: str | None) -> VariableView:
    return VariableView(
        key=row.key,
        value=None if row.is_secret else value,
        is_secret=row.is_secret,
        scope=VariableScope(row.scope),
        environment=row.environment,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def _get_project(
    session: AsyncSession,
    principal: Principal,
    project_id: UUID,
    action: Action,
) -> Project:
    project = await store.get_project(session, principal.reach, project_id)
    require(principal, action, project.organization_id)
    return project


async def _get_row(
    session: AsyncSession, project: Project, environment: str, key: str, *, lock: bool = False
) -> EnvironmentVariable:
    row = await store.find_variable(session, project.id, environment, key, lock=lock)
    if row is None:
        raise NotFound(
            f"{key} is not set in this environment.",
            remedy="`autodeploy env list` shows those that are; `--environment` names another one.",
        )
    return row
