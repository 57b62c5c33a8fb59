"""Queries on behalf of a caller: each takes the caller's reach, or what was found through it."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.pagination import keyset
from autodeploy.kernel.search import Searched
from autodeploy.services.auth.reach import Reach
from autodeploy.services.deployer.models import (
    ONE_WAY,
    PROJECT_DOCUMENT,
    Deployment,
    DeploymentEvent,
    DeploymentStep,
    Environment,
    EnvironmentVariable,
    Project,
)
from autodeploy.services.deployer.states import StepName

_PROJECTS = Searched(
    document=PROJECT_DOCUMENT,
    function="autodeploy_search_projects",
    weights="setweight(to_tsvector('english', name || ' ' || translate(name, '/._-', '    ')), 'A')"
    " || setweight(to_tsvector('english', coalesce(description, '')), 'C')",
    name=Project.name,
    created_at=Project.created_at,
    row_id=Project.id,
)


async def get_project(
    session: AsyncSession,
    reach: Reach,
    project_id: UUID,
    *,
    lock: bool = False,
) -> Project:
    """A project within reach. Raises ``NotFound``, also for one being deleted."""
    statement = select(Project).where(
        Project.id == project_id,
        reach.covers(Project.organization_id, Project.id),
        Project.deletion_requested_at.is_(None),
    )
    project = await session.scalar(statement.with_for_update() if lock else statement)
    if project is None:
        raise NotFound("No such project.")
    return project


async def list_projects(
    session: AsyncSession,
    reach: Reach,
    *,
    q: str | None,
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[Project], str | None]:
    """A page of projects and the cursor of the next: newest first, or with ``q`` by rank."""
    statement = select(Project).where(
        reach.covers(Project.organization_id, Project.id), Project.deletion_requested_at.is_(None)
    )
    return await _PROJECTS.list_page(
        session, statement, reach.whole | reach.limited, q=q, limit=limit, cursor=cursor
    )


async def list_environments(
    session: AsyncSession, project_ids: Collection[UUID]
) -> dict[UUID, list[Environment]]:
    """The environments of each project, the oldest first."""
    found: dict[UUID, list[Environment]] = {project_id: [] for project_id in project_ids}
    rows = await session.scalars(
        select(Environment)
        .where(Environment.project_id.in_(project_ids), Environment.deletion_requested_at.is_(None))
        .order_by(Environment.number)
    )
    for environment in rows:
        found[environment.project_id].append(environment)
    return found


async def find_environment(
    session: AsyncSession, project_id: UUID, name: str, *, lock: bool = False
) -> Environment | None:
    statement = select(Environment).where(
        Environment.project_id == project_id, Environment.name == name
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def find_variable(
    session: AsyncSession, project_id: UUID, environment: str, key: str, *, lock: bool = False
) -> EnvironmentVariable | None:
    statement = select(EnvironmentVariable).where(
        EnvironmentVariable.project_id == project_id,
        EnvironmentVariable.environment == environment,
        EnvironmentVariable.key == key,
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def list_variables(
    session: AsyncSession, project_id: UUID, environment: str
) -> Sequence[EnvironmentVariable]:
    rows = await session.scalars(
        select(EnvironmentVariable)
        .where(
            EnvironmentVariable.project_id == project_id,
            EnvironmentVariable.environment == environment,
        )
        .order_by(EnvironmentVariable.key)
    )
    return rows.all()


async def any_secret(
    session: AsyncSession, project_id: UUID, environment: str, keys: Collection[str]
) -> bool:
    """Whether one of these variables of an environment is a secret."""
    if not keys:
        return False
    found = await session.scalar(
        select(EnvironmentVariable.id)
        .where(
            EnvironmentVariable.project_id == project_id,
            EnvironmentVariable.environment == environment,
            EnvironmentVariable.key.in_(keys),
            EnvironmentVariable.is_secret,
        )
        .limit(1)
    )
    return found is not None


async def find_project_named(session: AsyncSession, reach: Reach, slug: str) -> Project | None:
    """The project of this slug, where ``reach`` is within one organization."""
    found: Project | None = await session.scalar(
        select(Project).where(
            Project.slug == slug,
            reach.covers(Project.organization_id, Project.id),
            Project.deletion_requested_at.is_(None),
        )
    )
    return found


async def get_deployment(
    session: AsyncSession,
    reach: Reach,
    deployment_id: UUID,
    *,
    lock: bool = False,
) -> Deployment:
    """A deployment within reach. Raises ``NotFound``."""
    statement = (
        select(Deployment)
        .join(Project, Project.id == Deployment.project_id)
        .where(
            Deployment.id == deployment_id,
            reach.covers(Deployment.organization_id, Deployment.project_id),
            Project.deletion_requested_at.is_(None),
        )
    )
    if lock:
        statement = statement.with_for_update(of=Deployment)
    deployment = await session.scalar(statement)
    if deployment is None:
        raise NotFound("No such deployment.")
    return deployment


async def list_deployments(
    session: AsyncSession, project_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[Deployment]:
    """Deployments of a project, newest first, one more than ``limit`` if another page follows."""
    statement = select(Deployment).where(Deployment.project_id == project_id)
    rows = await session.scalars(
        keyset(statement, Deployment.created_at, Deployment.id, limit=limit, cursor=cursor)
    )
    return rows.all()


async def list_steps(
    session: AsyncSession, deployment_ids: Collection[UUID]
) -> dict[UUID, list[DeploymentStep]]:
    """The steps of each deployment, in their order."""
    found: dict[UUID, list[DeploymentStep]] = {each: [] for each in deployment_ids}
    rows = await session.scalars(
        select(DeploymentStep)
        .where(DeploymentStep.deployment_id.in_(deployment_ids))
        .order_by(DeploymentStep.position)
    )
    for step in rows:
        found[step.deployment_id].append(step)
    return found


async def list_events(
    session: AsyncSession, deployment_id: UUID, *, after: int, limit: int
) -> list[dict[str, object]]:
    """Events with a number above ``after``, in order, as they were published."""
    rows = await session.scalars(
        select(DeploymentEvent.payload)
        .where(DeploymentEvent.deployment_id == deployment_id, DeploymentEvent.sequence > after)
        .order_by(DeploymentEvent.sequence)
        .limit(limit)
    )
    return list(rows)


async def find_one_way_since(session: AsyncSession, earlier: Deployment) -> Deployment | None:
    """The first deployment to the environment after ``earlier`` that changed its database so that
    releases before it no longer work; its release command may have run though it did not go live.
    """
    if earlier.promoted_at is None:
        return None  # it never had the traffic, which is what a rollback to it is refused for
    return await session.scalar(
        select(Deployment)
        .join(DeploymentStep, DeploymentStep.deployment_id == Deployment.id)
        .where(
            Deployment.project_id == earlier.project_id,
            Deployment.environment == earlier.environment,
            Deployment.configuration.has_key(ONE_WAY),
            DeploymentStep.name == StepName.DEPLOY_TO_PROVIDER,
            DeploymentStep.started_at > earlier.promoted_at,
        )
        .order_by(DeploymentStep.started_at)
        .limit(1)
    )
