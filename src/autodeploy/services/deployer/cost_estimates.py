"""What a project would cost a month with a deployment that is thought of, and what its budget would
say to that. Nothing is made."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.resources import Resources
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.store import find_newest_analysis
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.cost_schemas import CostsView
from autodeploy.services.deployer.costs import (
    Budget,
    BudgetExceeded,
    Deployed,
    costs_view,
    find_latest_plan,
    foresee,
    list_items,
)
from autodeploy.services.deployer.databases.wishes import (
    AppPlace,
    WantedDatabase,
    choose_database,
)
from autodeploy.services.deployer.models import Environment, Project
from autodeploy.services.deployer.placements import (
    require_app_choice,
    require_database_choice,
)
from autodeploy.services.deployer.tariff import Tariff

_HERE = "local"


@dataclass(frozen=True)
class Wish:
    """A deployment that is thought of; what is None is as it would be left out of one."""

    environment: str
    provider: str | None = None
    plan: str | None = None
    region: str | None = None
    replicas: int | None = None
    database_provider: str | None = None
    database_plan: str | None = None

    @property
    def database(self) -> dict[str, str | None] | None:
        if self.database_provider is None and self.database_plan is None:
            return None
        return {"provider": self.database_provider, "plan": self.database_plan}


async def estimate_costs(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    wish: Wish,
    *,
    providers: Registry,
) -> CostsView:
    """What the project would cost then, by what was found of its code last.

    Raises:
        NotFound, PricesInvalid.
        InvalidInput: there is no such provider, or no such plan or region at it.
        Conflict: the environment has another database than is asked for.
    """
    tariff = await Tariff.read(resources, providers)
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        found = await store.find_environment(session, project.id, wish.environment)
        provider = wish.provider or (found.provider if found else _HERE)
        require_app_choice(providers, provider, plan=wish.plan, region=wish.region, within="")
        # One of our own: that of the session is not to change.
        environment = Environment(
            name=wish.environment, replicas=wish.replicas or (found and found.replicas)
        )
        stays = found is not None and found.provider == provider
        app = Deployed(
            provider,
            await _find_plan(session, project, wish.environment),
            wish.plan or (found.plan if found is not None and stays else None),
        )
        before = await list_items(session, project.id, tariff)
        database = await _choose_database(session, project, wish, provider, providers)
        kept, added = foresee(tariff, before, environment, app, database)
        limit = project.monthly_budget_cents
    items = [*kept, *added]
    refused = None
    if limit is not None:
        try:
            Budget(project, limit, tariff, before).require(items)
        except BudgetExceeded as error:
            refused = error.message
    return costs_view(items, limit, refused=refused)


async def _choose_database(
    session: AsyncSession, project: Project, wish: Wish, provider: str, providers: Registry
) -> WantedDatabase | None:
    if wish.database is None:
        return None
    app = AppPlace(provider, wish.region)
    wanted = await choose_database(session, project.id, wish.environment, app, wish.database)
    require_database_choice(
        providers,
        wanted.provider,
        DatabaseEngine.POSTGRESQL,
        plan=wanted.plan,
        region=None,
        within="database.",
    )
    return wanted


async def _find_plan(session: AsyncSession, project: Project, environment: str) -> Plan | None:
    """What was found of the code when it was deployed last, else when it was analyzed last."""
    plan = await find_latest_plan(session, project.id, environment)
    if plan is not None or project.repository_id is None:
        return plan
    analysis = await find_newest_analysis(
        session, project.repository_id, branch=None, root_directory=project.root_directory
    )
    return Plan.model_validate(analysis.plan) if analysis and analysis.plan else None
