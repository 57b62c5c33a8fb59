"""``/api/v1/projects/{id}/domains``: names that apps are served at, besides those of providers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer.domains import service
from autodeploy.services.deployer.domains.schemas import DomainInput, DomainView

router = APIRouter(prefix="/api/v1/projects/{project_id}/domains", tags=["domains"])

_Name = Annotated[str, Path(max_length=255)]


@router.get("", operation_id="listDomains")
async def list_domains(
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    environment: Annotated[
        str | None, Query(max_length=100, description="Those of this environment.")
    ] = None,
) -> Page[DomainView]:
    """The domains of a project, with the records that are still to be set."""
    return await service.list_domains(resources, principal, project_id, environment)


@router.post("", status_code=status.HTTP_202_ACCEPTED, operation_id="addDomain")
async def add_domain(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    body: DomainInput,
) -> DomainView:
    """Have an environment's app served at a name. The answer comes at once; within seconds
    ``records`` are those to set where the name's DNS is kept, and ``state`` is ``verified`` once
    they are found. Of one name there is one domain: a repeated call finds it."""
    view = await service.add_domain(resources, principal, project_id, body, providers=providers)
    response.headers["Location"] = f"/api/v1/projects/{project_id}/domains"
    return view


@router.post("/{domain}/verify", operation_id="verifyDomain")
async def verify_domain(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, domain: _Name
) -> DomainView:
    """Have a domain's records looked at again now, also where that was given up."""
    return await service.verify_domain(resources, principal, project_id, domain)


@router.delete("/{domain}", status_code=status.HTTP_202_ACCEPTED, operation_id="removeDomain")
async def remove_domain(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, domain: _Name
) -> DomainView:
    """Serve the app at this name no more. It is gone once its provider has removed it."""
    return await service.remove_domain(resources, principal, project_id, domain)
