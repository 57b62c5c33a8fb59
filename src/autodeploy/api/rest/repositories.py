"""``/api/v1/repositories``."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep, SearchText
from autodeploy.api.pagination import link_next
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.kernel.schema import Page
from autodeploy.services.analyzer import service
from autodeploy.services.analyzer.schemas import (
    AnalysisInput,
    AnalysisPending,
    AnalysisView,
    DiscoveredRepository,
    Ref,
    RepositoryInput,
    RepositoryView,
    RootDirectory,
    UploadView,
)

router = APIRouter(prefix="/api/v1/repositories", tags=["repositories"])

_UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createRepository")
async def create_repository(
    resources: ResourcesDep, principal: PrincipalDep, providers: ProvidersDep, body: RepositoryInput
) -> RepositoryView:
    """Add a git repository by its URL, or one at GitHub by ``owner/name``."""
    return await service.create_repository(resources, principal, body, providers=providers)


@router.post(
    "/upload",
    status_code=status.HTTP_201_CREATED,
    operation_id="uploadRepository",
    openapi_extra=_UPLOAD_BODY,
)
async def upload_repository(
    resources: ResourcesDep,
    principal: PrincipalDep,
    request: Request,
    name: Annotated[str | None, Query(max_length=255)] = None,
    repository_id: Annotated[UUID | None, Query(alias="repositoryId")] = None,
    organization_id: Annotated[UUID | None, Query(alias="organizationId")] = None,
) -> UploadView:
    """Upload a folder as tar.gz: a new repository, or the newest state of ``repositoryId``."""
    return await service.store_upload(
        resources,
        principal,
        request.stream(),
        name=name,
        repository_id=repository_id,
        organization_id=organization_id,
    )


@router.get("", operation_id="listRepositories")
async def list_repositories(
    resources: ResourcesDep,
    principal: PrincipalDep,
    request: Request,
    response: Response,
    page: PageDep,
    q: SearchText = None,
) -> Page[RepositoryView]:
    """The caller's repositories, newest first, or with ``q`` by rank."""
    found = await service.list_repositories(
        resources, principal, limit=page.limit, cursor=page.cursor, q=q
    )
    link_next(request, response, found.next_cursor)
    return found


@router.get("/discover", operation_id="discoverRepositories")
async def discover_repositories(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    request: Request,
    response: Response,
    page: PageDep,
    q: Annotated[
        str | None, Query(max_length=200, description="Part of a name, in either case.")
    ] = None,
) -> Page[DiscoveredRepository]:
    """What the caller's account at GitHub sees, pushed to last first, private ones and those of
    organizations too. A page may hold fewer than ``limit`` while there are more."""
    found = await service.discover_repositories(
        resources, principal, limit=page.limit, cursor=page.cursor, q=q, providers=providers
    )
    link_next(request, response, found.next_cursor)
    return found


@router.get("/{repository_id}", operation_id="getRepository")
async def get_repository(
    resources: ResourcesDep, principal: PrincipalDep, repository_id: UUID
) -> RepositoryView:
    """One repository."""
    return await service.get_repository(resources, principal, repository_id)


@router.post(
    "/{repository_id}/analyze",
    operation_id="analyzeRepository",
    response_model=AnalysisView,
    responses={202: {"model": AnalysisPending, "description": "It goes on in the background"}},
)
async def analyze_repository(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    response: Response,
    repository_id: UUID,
    body: AnalysisInput | None = None,
) -> Response | AnalysisView:
    """Analyse a commit; answers within ten seconds, with 202 when it takes longer."""
    found = await service.request_analysis(
        resources, principal, repository_id, body or AnalysisInput(), providers=providers
    )
    if isinstance(found, AnalysisPending):
        return Response(
            found.model_dump_json(by_alias=True),
            status_code=status.HTTP_202_ACCEPTED,
            media_type="application/json",
        )
    return found


@router.get("/{repository_id}/analysis", operation_id="getRepositoryAnalysis")
async def get_analysis(
    resources: ResourcesDep,
    principal: PrincipalDep,
    repository_id: UUID,
    branch: Annotated[Ref | None, Query()] = None,
    root_directory: Annotated[RootDirectory | None, Query(alias="rootDirectory")] = None,
) -> AnalysisView:
    """The newest analysis of the repository."""
    return await service.get_analysis(
        resources, principal, repository_id, branch=branch, root_directory=root_directory
    )
