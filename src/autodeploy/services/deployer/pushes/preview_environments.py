"""The environments of previews: made for them, with the variables that are set for previews."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Environment, EnvironmentVariable, Project
from autodeploy.services.deployer.projects import ensure_environment
from autodeploy.services.deployer.pushes.models import Preview
from autodeploy.services.deployer.variables import copy_within

#: The environment whose variables previews begin with.
VARIABLES_FROM = "preview"


async def ensure_preview_environment(
    engine: Engine,
    session: AsyncSession,
    principal: Principal,
    project: Project,
    preview: Preview,
) -> None:
    """Make the environment of a preview, with the variables that previews begin with. Raises
    ``Conflict``, and ``Forbidden`` for who may set no variables."""
    environment = await _ensure_environment(session, project, preview)
    await _give_variables(engine, session, principal, project, environment, preview.is_fork)


async def _ensure_environment(
    session: AsyncSession, project: Project, preview: Preview
) -> Environment:
    """The environment of a preview, locked. Raises ``Conflict`` where somebody made one of its name
    for something else: it would be taken down with the preview."""
    present = await store.find_environment(session, project.id, preview.environment)
    is_new = preview.deployment_id is None
    if is_new and present is not None and present.deletion_requested_at is None:
        raise Conflict(
            f"{project.name} has an environment {preview.environment} that is no preview.",
            remedy=f"Delete it: `autodeploy environments delete {preview.environment}`.",
        )
    return await ensure_environment(session, project, preview.environment)


async def _give_variables(
    engine: Engine,
    session: AsyncSession,
    principal: Principal,
    project: Project,
    environment: Environment,
    is_fork: bool,
) -> None:
    """Give a preview what is set for previews, and one of a fork no secret, whoever set it.

    Raises ``Conflict`` where an environment of a fork holds secrets.
    """
    if is_fork and await _has_secrets(session, environment):
        raise Conflict(
            f"{environment.name} holds secrets, which code of a fork does not get.",
            remedy=f"Remove them: `autodeploy env unset --environment {environment.name}`.",
        )
    if await store.find_environment(session, project.id, VARIABLES_FROM) is None:
        return
    require(principal, Action.VARIABLE_WRITE, project.organization_id)
    await copy_within(
        engine.resources,
        session,
        principal,
        project,
        environment,
        source=VARIABLES_FROM,
        secrets=not is_fork,
    )


async def _has_secrets(session: AsyncSession, environment: Environment) -> bool:
    found = await session.scalar(
        select(EnvironmentVariable.id)
        .where(
            EnvironmentVariable.project_id == environment.project_id,
            EnvironmentVariable.environment == environment.name,
            EnvironmentVariable.is_secret,
        )
        .limit(1)
    )
    return found is not None
