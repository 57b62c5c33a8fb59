"""``/api/v1/projects``: projects and their environments."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.pagination import link_next
from autodeploy.kernel.errors import PreconditionFailed
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.schemas import ProjectInput, ProjectUpdate, ProjectView

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createProject")
async def create_project(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, body: ProjectInput
) -> ProjectView:
    """Make a project with its production environment."""
    view = await projects.create_project(resources, principal, body)
    response.headers["Location"] = f"/api/v1/projects/{view.id}"
    response.headers["ETag"] = _etag(view.updated_at)
    return view


@router.get("", operation_id="listProjects")
async def list_projects(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[ProjectView]:
    """The projects of the caller's organizations, newest first; ``q`` is part of a name."""
    answer = await projects.list_projects(
        resources, principal, limit=page.limit, cursor=page.cursor, q=q
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.get("/{project_id}", operation_id="getProject")
async def get_project(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, project_id: UUID
) -> ProjectView:
    """One project."""
    view = await projects.get_project(resources, principal, project_id)
    response.headers["ETag"] = _etag(view.updated_at)
    return view


@router.put("/{project_id}", operation_id="updateProject")
async def update_project(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    body: ProjectUpdate,
    if_match: Annotated[str | None, Header()] = None,
) -> ProjectView:
    """Change a project; what is left out stays. ``If-Match`` guards against lost updates."""
    view = await projects.update_project(
        resources, principal, project_id, body, if_version=_version(if_match)
    )
    response.headers["ETag"] = _etag(view.updated_at)
    return view


@router.delete(
    "/{project_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="deleteProject"
)
async def delete_project(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID
) -> None:
    """Delete a project with its deployments, releases, addresses and databases."""
    await projects.delete_project(resources, principal, project_id)


def _etag(updated_at: datetime) -> str:
    """A version is the moment of the last change, in microseconds."""
    delta = updated_at - _EPOCH
    return f'"{(delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds}"'


def _version(if_match: str | None) -> datetime | None:
    if if_match is None or if_match.strip() == "*":
        return None
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not digits.isdecimal() or len(digits) > 17:
        raise PreconditionFailed(
            "If-Match is not an ETag that this project ever had.",
            remedy="Send the ETag of the last answer.",
        )
    seconds, microseconds = divmod(int(digits), 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
