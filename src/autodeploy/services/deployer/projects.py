"""Projects and their environments."""

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.analyzer.analyses import check_root_directory
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.analyzer.store import find_repository
from autodeploy.services.auth import audit
from autodeploy.services.auth.organizations import default_organization
from autodeploy.services.auth.permissions import Action, reach_of, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.store import revoke_service_tokens
from autodeploy.services.deployer import store
from autodeploy.services.deployer.models import Environment, Project
from autodeploy.services.deployer.naming import (
    PRODUCTION,
    host_suffix,
    make_slug,
    make_unlike,
    random_part,
)
from autodeploy.services.deployer.schemas import (
    EnvironmentView,
    ProjectInput,
    ProjectUpdate,
    ProjectView,
    RepositoryReference,
)

DELETION_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.2
_NAME_ATTEMPTS = 10


async def create_project(
    resources: Resources, principal: Principal, body: ProjectInput
) -> ProjectView:
    """A new project with its production environment.

    Raises:
        NotFound: no such organization or repository among the caller's.
        InvalidInput, Forbidden.
    """
    organization_id = await _organization(resources, principal, body)
    require(principal, Action.PROJECT_CREATE, organization_id)
    root = check_root_directory(body.root_directory)
    async with resources.db.transaction() as session:
        if body.repository_id is not None:
            await _require_repository(session, principal, organization_id, body.repository_id)
        project = await _insert_project(session, organization_id, body, root)
        await ensure_environment(session, project, PRODUCTION)
        await audit.record(
            session, principal, Action.PROJECT_CREATE, project, after=audit.snapshot(project)
        )
        return (await _views(session, [project]))[0]


async def list_projects(
    resources: Resources,
    principal: Principal,
    *,
    limit: int,
    cursor: str | None = None,
    q: str | None = None,
) -> Page[ProjectView]:
    """The projects of the caller's organizations, newest first, or with ``q`` by rank."""
    reach = reach_of(principal, Action.PROJECT_READ)
    async with resources.db.transaction() as session:
        page, following = await store.list_projects(session, reach, q=q, limit=limit, cursor=cursor)
        return Page(items=await _views(session, page), next_cursor=following)


async def get_project(resources: Resources, principal: Principal, project_id: UUID) -> ProjectView:
    """One project. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        return (await _views(session, [project]))[0]


async def update_project(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    body: ProjectUpdate,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> ProjectView:
    """Change what ``body`` names. The slug, and with it the address, stays.

    Raises:
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound, InvalidInput, Forbidden.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id, lock=True)
        require(principal, Action.PROJECT_UPDATE, project.organization_id)
        [present] = await _views(session, [project])
        if_match.require(present)
        body.require_readonly_same(present)
        changes = body.model_dump(exclude_unset=True, exclude=set(body.model_extra or ()))
        if changes.get("name", "") is None:
            raise InvalidInput("A project has a name.", field="name")
        if body.repository_id is not None:
            await _require_repository(
                session, principal, project.organization_id, body.repository_id
            )
        if "root_directory" in changes:
            changes["root_directory"] = check_root_directory(body.root_directory or "")
        different = {key: new for key, new in changes.items() if getattr(project, key) != new}
        if different:
            before = audit.snapshot(project)
            for key, value in different.items():
                setattr(project, key, value)
            project.updated_at = now()
            await session.flush()
            await audit.record(
                session,
                principal,
                Action.PROJECT_UPDATE,
                project,
                before=before,
                after=audit.snapshot(project),
            )
        return (await _views(session, [project]))[0]


async def delete_project(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """Delete a project with its deployments, releases, routes and databases.

    From the first commit on it is gone for callers; workers take down what lies outside, and this
    returns when they have, or after ``DELETION_WAIT_SECONDS``. Raises ``PreconditionFailed``.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id, lock=True)
        require(principal, Action.PROJECT_DELETE, project.organization_id)
        if_match.require((await _views(session, [project]))[0])
        await session.execute(
            update(Project).where(Project.id == project_id).values(deletion_requested_at=now())
        )
        await revoke_service_tokens(session, project_id)
        await audit.record(
            session, principal, Action.PROJECT_DELETE, project, before=audit.snapshot(project)
        )
    await wait_until_removed(resources, Project.id == project_id)


async def ensure_environment(session: AsyncSession, project: Project, name: str) -> Environment:
    """The environment of this name, made on first use with a host of its own; locked.

    The lock puts deployments of one environment in one order, and changes of its variables.
    Raises ``Conflict`` while an environment of this name is being deleted.
    """
    found = await store.find_environment(session, project.id, name, lock=True)
    if found is not None and found.deletion_requested_at is not None:
        raise Conflict(
            f"The environment {name} is being deleted.",
            remedy="Try again in a moment, or choose another name.",
        )
    if found is not None:
        return found
    label = project.slug
    for _ in range(_NAME_ATTEMPTS):
        await session.execute(
            insert(Environment)
            .values(
                organization_id=project.organization_id,
                project_id=project.id,
                name=name,
                host=label + host_suffix(name),
            )
            .on_conflict_do_nothing()
        )
        found = await store.find_environment(session, project.id, name, lock=True)
        if found is not None:
            return found
        label = f"{project.slug}-{random_part()}"
    raise Conflict("No free host name was found for this environment.")


async def _insert_project(
    session: AsyncSession, organization_id: UUID, body: ProjectInput, root: str
) -> Project:
    slug = make_slug(body.name)
    for _ in range(_NAME_ATTEMPTS):
        project: Project | None = await session.scalar(
            insert(Project)
            .values(
                organization_id=organization_id,
                name=body.name,
                slug=slug,
                description=body.description,
                repository_id=body.repository_id,
                root_directory=root,
            )
            .on_conflict_do_nothing()
            .returning(Project)
        )
        if project is not None:
            return project
        slug = make_unlike(make_slug(body.name))
    raise Conflict("No free slug was found for this name.", field="name")


async def _organization(resources: Resources, principal: Principal, body: ProjectInput) -> UUID:
    """The one that was named, else the repository's, else the caller's own."""
    if body.organization_id is not None:
        return body.organization_id
    async with resources.db.transaction() as session:
        if body.repository_id is not None:
            repository = await find_repository(session, principal.reach, body.repository_id)
            if repository is not None:
                return repository.organization_id
        return await default_organization(session, principal)


async def _require_repository(
    session: AsyncSession, principal: Principal, organization_id: UUID, repository_id: UUID
) -> None:
    reach = principal.reach.within(organization_id)
    if await find_repository(session, reach, repository_id) is None:
        raise InvalidInput(
            "The organization of this project has no such repository.", field="repositoryId"
        )


async def wait_until_removed(resources: Resources, row: ColumnElement[bool]) -> None:
    """Return when workers have removed the row whose deletion was asked for, or after
    ``DELETION_WAIT_SECONDS``: the request stands, and they repeat it until it is done."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DELETION_WAIT_SECONDS):
            while True:
                async with resources.db.transaction() as session:
                    if not await session.scalar(select(exists().where(row))):
                        return
                await asyncio.sleep(_POLL_SECONDS)


async def _views(session: AsyncSession, projects: Sequence[Project]) -> list[ProjectView]:
    environments = await store.list_environments(session, [project.id for project in projects])
    wanted = {project.repository_id for project in projects if project.repository_id}
    rows = await session.scalars(select(Repository).where(Repository.id.in_(wanted)))
    repositories = {row.id: RepositoryReference.model_validate(row) for row in rows}
    return [
        ProjectView(
            id=project.id,
            name=project.name,
            slug=project.slug,
            description=project.description,
            status=project.status,
            organization_id=project.organization_id,
            repository=repositories.get(project.repository_id) if project.repository_id else None,
            root_directory=project.root_directory,
            environments=[EnvironmentView.model_validate(row) for row in environments[project.id]],
            created_at=project.created_at,
            updated_at=project.updated_at,
        )
        for project in projects
    ]
