"""Variables of a project's environments: each value is encrypted, secrets are write-only."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.app_environment import (
    looks_secret,
    sealed_variable,
    variable_place,
)
from autodeploy.services.deployer.models import EnvironmentVariable, Project
from autodeploy.services.deployer.schemas import VariableInput, VariableUpdate, VariableView


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
    return await _view(resources, project, row)


async def create_variable(
    resources: Resources, principal: Principal, project_id: UUID, body: VariableInput
) -> VariableView:
    """Set a new variable. Raises ``VariableExists``."""
    async with resources.db.transaction() as session:
        project = await _get_project(
            session, principal, project_id, Action.VARIABLE_WRITE, lock=True
        )
        if await store.find_variable(session, project.id, body.environment, body.key):
            raise VariableExists(
                f"{body.key} is set in {body.environment} already.",
                field="key",
                remedy=f"PUT /projects/{project_id}/env/{body.key} changes it.",
            )
        row = await _insert(
            resources, session, project, body.environment, body.key, body.value, body.is_secret
        )
    return _view(row, body.value)


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
        InvalidInput: a secret would become readable; that takes a new value.
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound.
    """
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, Action.VARIABLE_WRITE)
        row = await _get_row(session, project, environment, key, lock=True)
        present = await _view(resources, project, row)
        if_match.require(present)
        body.require_readonly_same(present)
        if row.is_secret and body.is_secret is False and body.value is None:
            raise InvalidInput(
                f"{key} is a secret: its value is never shown, so it cannot be made readable.",
                field="value",
                remedy="Send the value together with isSecret.",
            )
        await _change(resources, row, body.value)
        if body.is_secret is not None and body.is_secret != row.is_secret:
            row.is_secret = body.is_secret
            row.updated_at = now()
        await session.flush()
    return _view(row, None if row.is_secret else await _open(resources, row))


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
        row = await _get_row(session, project, environment, key, lock=True)
        if if_match != ANY_VERSION:  # so that a value which no key opens any more can be removed
            if_match.require(await _view(resources, project, row))
        await session.delete(row)


async def set_variables(
    resources: Resources,
    session: AsyncSession,
    project: Project,
    environment: str,
    values: Mapping[str, str],
) -> None:
    """Set several variables in the caller's transaction; the caller has checked permission.

    A value that is set already is left alone, so that it does not count as a change.
    """
    for key, value in values.items():
        row = await store.find_variable(session, project.id, environment, key, lock=True)
        if row is None:
            await _insert(resources, session, project, environment, key, value, None)
        else:
            await _change(resources, row, value)


async def _insert(
    resources: Resources,
    session: AsyncSession,
    project: Project,
    environment: str,
    key: str,
    value: str,
    is_secret: bool | None,
) -> EnvironmentVariable:
    row = EnvironmentVariable(
        organization_id=project.organization_id,
        project_id=project.id,
        environment=environment,
        key=key,
        is_secret=looks_secret(key, value) if is_secret is None else is_secret,
        created_at=(moment := now()),
        updated_at=moment,
    )
    row.encrypted_value = await _seal(resources, row, value)
    session.add(row)
    await session.flush()
    return row


async def _change(resources: Resources, row: EnvironmentVariable, value: str | None) -> None:
    if value is None or value == await _open(resources, row):
        return
    row.encrypted_value = await _seal(resources, row, value)
    row.updated_at = now()


async def _seal(resources: Resources, row: EnvironmentVariable, value: str) -> str:
    place = variable_place(row)
    return await resources.vault.encrypt_for(place.subject, value, context=place.context)


async def _open(resources: Resources, row: EnvironmentVariable) -> str:
    return (await resources.vault.decrypt_many([sealed_variable(row)]))[0]


def _view(row: EnvironmentVariable, value: str | None) -> VariableView:
    return VariableView(
        key=row.key,
        value=None if row.is_secret else value,
        is_secret=row.is_secret,
        environment=row.environment,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def _get_project(
    session: AsyncSession,
    principal: Principal,
    project_id: UUID,
    action: Action,
    *,
    lock: bool = False,
) -> Project:
    project = await store.get_project(session, principal.organization_ids, project_id, lock=lock)
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
