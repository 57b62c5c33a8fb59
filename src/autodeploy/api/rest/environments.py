"""``/api/v1/projects/{id}/environments``: production, and the others of a project."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer import environments, kept, metrics
from autodeploy.services.deployer.metrics_schemas import AppMetricsView
from autodeploy.services.deployer.schemas import EnvironmentInput, EnvironmentView, ScaleInput

router = APIRouter(prefix="/api/v1/projects/{project_id}/environments", tags=["environments"])


@router.get("", operation_id="listEnvironments")
async def list_environments(
    resources: ResourcesDep, principal: PrincipalDep, project_id: UUID
) -> Page[EnvironmentView]:
    """The environments of a project, the oldest first."""
    return await environments.list_environments(resources, principal, project_id)


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createEnvironment")
async def create_environment(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    body: EnvironmentInput,
) -> EnvironmentView:
    """Make an environment, with the variables of another one where ``copyFrom`` names it.

    The first deployment or variable of an environment makes it too.
    """
    view = await environments.create_environment(resources, principal, project_id, body)
    response.headers["Location"] = f"/api/v1/projects/{project_id}/environments/{view.name}"
    return view


@router.get("/{environment}/metrics", operation_id="getEnvironmentMetrics")
async def get_metrics(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    environment: Annotated[str, Path(max_length=100)],
) -> AppMetricsView:
    """Ask the provider how what is live in an environment fares now: its instances, CPU, memory,
    requests and latency. What the provider does not tell is null."""
    return await metrics.measure_environment(
        resources, principal, project_id, environment, providers=providers
    )


@router.put("/{environment}/scale", operation_id="scaleEnvironment")
async def scale_environment(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    environment: Annotated[str, Path(max_length=100)],
    body: ScaleInput,
) -> EnvironmentView:
    """Have so many processes of the app run, without a deployment and after each; null for as many
    as its ``autodeploy.toml`` says.

    ``runtime.replicas`` tells, within seconds, how many are up.
    """
    return await environments.scale_environment(
        resources, principal, project_id, environment, body, providers=providers
    )


@router.delete(
    "/{environment}/kept/{provider}",
    status_code=status.HTTP_204_NO_CONTENT,
    operation_id="removeKeptApp",
)
async def remove_kept(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    environment: Annotated[str, Path(max_length=100)],
    provider: Annotated[str, Path(max_length=100)],
) -> None:
    """Have nothing kept at a provider that the environment's app has moved away from. Workers
    remove it within minutes; it cannot be rolled back to any more."""
    await kept.remove_kept(
        resources, principal, project_id, environment, provider, providers=providers
    )


@router.delete(
    "/{environment}", status_code=status.HTTP_204_NO_CONTENT, operation_id="deleteEnvironment"
)
async def delete_environment(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    environment: Annotated[str, Path(max_length=100)],
    confirm: Annotated[
        str, Query(max_length=100, description="The environment's name, to confirm it.")
    ] = "",
    backup: Annotated[
        bool, Query(description="Make a last backup of each database before.")
    ] = True,
) -> None:
    """Take down what is live there, and delete its variables, and its databases after a last backup
    that is kept for 30 days. When that cannot be made the environment stays, and the database's
    ``error`` says why."""
    await environments.delete_environment(
        resources,
        principal,
        project_id,
        environment,
        confirm=confirm,
        backup=backup,
        providers=providers,
    )
