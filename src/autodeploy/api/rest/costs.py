"""``/api/v1/projects/{id}/costs``, ``/usage``, ``/budget``: what a project costs and may cost."""

from uuid import UUID

from fastapi import APIRouter, Response

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.services.deployer import costs, usage
from autodeploy.services.deployer.cost_schemas import BudgetInput, BudgetView, CostsView
from autodeploy.services.deployer.usage_schemas import UsageView

router = APIRouter(prefix="/api/v1/projects/{project_id}", tags=["costs"])


@router.get("/costs", operation_id="getProjectCosts")
async def get_costs(
    resources: ResourcesDep, principal: PrincipalDep, providers: ProvidersDep, project_id: UUID
) -> CostsView:
    """What the project's environments and databases cost a month, by dated prices.

    A price that is not known is null, and not part of the sum.
    """
    return await costs.get_costs(resources, principal, project_id, providers=providers)


@router.get("/usage", operation_id="getProjectUsage")
async def get_usage(
    resources: ResourcesDep, principal: PrincipalDep, providers: ProvidersDep, project_id: UUID
) -> UsageView:
    """Ask the providers now what they charge for and what was used, and compare it with the
    estimate.

    What a provider does not tell is null, with the reason.
    """
    return await usage.get_usage(resources, principal, project_id, providers=providers)


@router.get("/budget", operation_id="getProjectBudget")
async def get_budget(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, project_id: UUID
) -> BudgetView:
    """What the project may cost a month."""
    return tagged(response, await costs.get_budget(resources, principal, project_id))


@router.put("/budget", operation_id="setProjectBudget")
async def set_budget(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    project_id: UUID,
    body: BudgetInput,
    if_match: IfMatchDep,
) -> BudgetView:
    """Set what the project may cost a month, or with null lift it.

    Deployments and databases that would cost more are refused (`budget_exceeded`); what is there
    already stays.
    """
    view = await costs.set_budget(resources, principal, project_id, body, if_match=if_match)
    return tagged(response, view)
