"""``/api/v1/projects/{id}/drift``: what is set at providers otherwise than it was declared."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.services.deployer import drift
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.drift_schemas import DriftInput, DriftView
from autodeploy.services.deployer.naming import PRODUCTION

router = APIRouter(prefix="/api/v1/projects/{project_id}/drift", tags=["drift"])


@router.get("", operation_id="findDrift")
async def find_drift(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    environment: Annotated[str, Query(max_length=100)] = PRODUCTION,
) -> DriftView:
    """Ask the providers now how an environment's app and its databases are set up there, and say
    where that is otherwise than declared: variables by name, the release with the traffic, plan and
    region, how it is built and run, domains, and whether databases are there and closed."""
    return await drift.find_drift(
        resources, principal, project_id, environment, providers=providers
    )


@router.post("/reconcile", status_code=status.HTTP_201_CREATED, operation_id="reconcileDrift")
async def reconcile_drift(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    body: DriftInput,
) -> DeploymentView:
    """Deploy what is live once more, which sets what was declared again; before that, set the
    databases again as far as one call does it. What is gone is not made anew."""
    view = await drift.reconcile_drift(
        resources, principal, project_id, body.environment, providers=providers
    )
    response.headers["Location"] = f"/api/v1/deployments/{view.id}"
    return view
