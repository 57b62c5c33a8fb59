"""``/api/v1/projects/{id}/env``: the variables of a project's environments."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response, status
from pydantic import Field

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer import variable_versions, variables
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.variable_schemas import (
    VariableInput,
    VariablesCopy,
    VariablesDifference,
    VariablesInput,
    VariablesVersionView,
    VariableUpdate,
    VariableView,
)

router = APIRouter(prefix="/api/v1/projects/{project_id}/env", tags=["environment variables"])

Environment = Annotated[str, Query(max_length=100)]
VersionNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
Key = Annotated[str, Path(max_length=255)]


@router.get("", operation_id="listVariables")
async def list_variables(
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    environment: Environment = PRODUCTION,
) -> Page[VariableView]:
    """The variables of an environment; the value of a secret is null."""
    return await variables.list_variables(resources, principal, project_id, environment)


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createVariable")
async def create_variable(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    body: VariableInput,
) -> VariableView:
    """Set a new variable."""
    return tagged(response, await variables.create_variable(resources, principal, project_id, body))


@router.post("/import", operation_id="setVariables")
async def set_variables(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, body: VariablesInput
) -> Page[VariableView]:
    """Set several variables as one change; others stay. Answers those that were named."""
    return await variables.set_variables(resources, principal, project_id, body)


@router.post("/copy", operation_id="copyVariables")
async def copy_variables(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID, body: VariablesCopy
) -> Page[VariableView]:
    """Copy variables from one environment to another, secrets too; answers what was copied."""
    return await variables.copy_variables(resources, principal, project_id, body)


@router.get("/versions", operation_id="listVariablesVersions")
async def list_versions(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    page: PageDep,
    environment: Environment = PRODUCTION,
) -> Page[VariablesVersionView]:
    """Who changed which variables of an environment when, newest first; names, never values."""
    answer = await variable_versions.list_versions(
        resources, principal, project_id, environment, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.get("/versions/diff", operation_id="compareVariablesVersions")
async def compare_versions(
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    before: Annotated[VersionNumber, Query(alias="from")],
    after: Annotated[VersionNumber, Query(alias="to")],
    environment: Environment = PRODUCTION,
) -> VariablesDifference:
    """What changed from one version to the other; 0 is what was before the first."""
    return await variable_versions.compare_versions(
        resources, principal, project_id, environment, before=before, after=after
    )


@router.get("/{key}", operation_id="getVariable")
async def get_variable(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    key: Key,
    environment: Environment = PRODUCTION,
) -> VariableView:
    """One variable; the value of a secret is null."""
    view = await variables.get_variable(resources, principal, project_id, environment, key)
    return tagged(response, view)


@router.put("/{key}", operation_id="updateVariable")
async def update_variable(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    key: Key,
    body: VariableUpdate,
    if_match: IfMatchDep,
    environment: Environment = PRODUCTION,
) -> VariableView:
    """Change a variable; a value that is left out stays as it is."""
    view = await variables.update_variable(
        resources, principal, project_id, environment, key, body, if_match=if_match
    )
    return tagged(response, view)


@router.delete("/{key}", status_code=status.HTTP_204_NO_CONTENT, operation_id="deleteVariable")
async def delete_variable(
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    key: Key,
    if_match: IfMatchDep,
    environment: Environment = PRODUCTION,
) -> None:
    """Remove a variable."""
    await variables.delete_variable(
        resources, principal, project_id, environment, key, if_match=if_match
    )
