"""``/api/v1/projects``: projects and their environments."""

from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep, SearchText
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.schemas import ProjectInput, ProjectUpdate, ProjectView

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createProject")
async def create_project(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, body: ProjectInput
) -> ProjectView:
    """Make a project with its production environment."""
    view = await projects.create_project(resources, principal, body)
    response.headers["Location"] = f"/api/v1/projects/{view.id}"
    return tagged(response, view)


@router.get("", operation_id="listProjects")
async def list_projects(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    q: SearchText = None,
) -> Page[ProjectView]:
    """The projects of the caller's organizations, newest first, or with ``q`` by rank."""
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
    return tagged(response, await projects.get_project(resources, principal, project_id))


@router.put("/{project_id}", operation_id="updateProject")
async def update_project(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    body: ProjectUpdate,
    if_match: IfMatchDep,
) -> ProjectView:
    """Change a project; what is left out stays. ``If-Match`` guards against lost updates."""
    view = await projects.update_project(resources, principal, project_id, body, if_match=if_match)
    return tagged(response, view)


@router.delete(
    "/{project_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="deleteProject"
)
async def delete_project(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, if_match: IfMatchDep
) -> None:
    """Delete a project with its deployments, releases, addresses and databases."""
    await projects.delete_project(resources, principal, project_id, if_match=if_match)
