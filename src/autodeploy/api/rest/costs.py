"""``/api/v1/projects/{id}/costs``, ``/usage``, ``/budget``: what a project costs and may cost."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import StringConstraints

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.kernel.app_file import MAXIMUM_REPLICAS
from autodeploy.services.deployer import cost_estimates, costs, usage
from autodeploy.services.deployer.cost_estimates import Wish
from autodeploy.services.deployer.cost_schemas import BudgetInput, BudgetView, CostsView
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.schemas import EnvironmentName
from autodeploy.services.deployer.usage_schemas import UsageView

_Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]

router = APIRouter(prefix="/api/v1/projects/{project_id}", tags=["costs"])


async def _wish(
    environment: Annotated[EnvironmentName, Query()] = PRODUCTION,
    provider: Annotated[_Name | None, Query()] = None,
    plan: Annotated[_Name | None, Query()] = None,
    region: Annotated[_Name | None, Query()] = None,
    replicas: Annotated[int | None, Query(ge=1, le=MAXIMUM_REPLICAS)] = None,
    database_provider: Annotated[_Name | None, Query(alias="databaseProvider")] = None,
    database_plan: Annotated[_Name | None, Query(alias="databasePlan")] = None,
) -> Wish | None:
    """A deployment that is thought of; None where nothing of one is told."""
    told = (provider, plan, region, replicas, database_provider, database_plan)
    if all(each is None for each in told):
        return None
    return Wish(environment, *told)


WishDep = Annotated[Wish | None, Depends(_wish)]


@router.get("/costs", operation_id="getProjectCosts")
async def get_costs(
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    wish: WishDep,
) -> CostsView:
    """What the project's environments and databases cost a month, by dated prices.

    With a provider, plan, region, number of replicas or database, what they would cost with a
    deployment so configured, and in `refused` what the budget would say; nothing is deployed.

    A price that is not known is null, and not part of the sum.
    """
    if wish is None:
        return await costs.get_costs(resources, principal, project_id, providers=providers)
    return await cost_estimates.estimate_costs(
        resources, principal, project_id, wish, providers=providers
    )


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
