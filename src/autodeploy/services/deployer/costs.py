"""What a project costs a month at its providers, by dated prices, and the budget that it keeps to.

A price that is not known is said to be so and counted as nothing, never guessed: a budget refuses
what is known to exceed it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.app_environment import MAIN_DATABASE
from autodeploy.services.deployer.cost_schemas import (
    BudgetInput,
    BudgetView,
    CostsView,
    ProjectCost,
)
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.wishes import WantedDatabase
from autodeploy.services.deployer.kept import list_kept, live_places
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.placements import Placement
from autodeploy.services.deployer.states import TERMINAL
from autodeploy.services.deployer.tariff import STOPPED_PARTS, Quote, Tariff, as_kept

#: The key of a deployment's configuration that says that its budget was gone past on purpose.
IGNORE_BUDGET = "ignore_budget"


class BudgetExceeded(Conflict):
    """It would cost more than the project's monthly budget allows."""

    code = "budget_exceeded"
    usual_remedy = (
        "`autodeploy costs` lists what costs how much. Choose a smaller plan or another provider, "
        "or ask an admin to raise the budget (`autodeploy budget`) or to go past it once "
        "(--ignore-budget)."
    )


async def get_costs(
    resources: Resources, principal: Principal, project_id: UUID, *, providers: Registry
) -> CostsView:
    """What a project's environments and databases cost. Raises ``NotFound``, ``PricesInvalid``."""
    tariff = await Tariff.read(resources, providers)
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        items = await list_items(session, project.id, tariff)
        return costs_view(items, project.monthly_budget_cents)


def costs_view(
    items: list[ProjectCost], limit: int | None, *, refused: str | None = None
) -> CostsView:
    """``refused`` is why the budget would not let it come to that."""
    total = known_cents(items)
    return CostsView(
        items=items,
        known_monthly_cents=total,
        unknown_items=sum(item.monthly_cents is None for item in items),
        budget=BudgetView(monthly_limit_cents=limit),
        remaining_cents=None if limit is None else limit - total,
        refused=refused,
    )


async def get_budget(resources: Resources, principal: Principal, project_id: UUID) -> BudgetView:
    """The budget of a project. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        return BudgetView(monthly_limit_cents=project.monthly_budget_cents)


async def set_budget(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    body: BudgetInput,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> BudgetView:
    """Set or, with null, lift the budget. What is there already stays, whatever it costs.

    Raises ``NotFound``, ``Forbidden``, ``PreconditionFailed``.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id, lock=True)
        require(principal, Action.BUDGET_MANAGE, project.organization_id)
        if_match.require(BudgetView(monthly_limit_cents=project.monthly_budget_cents))
        if project.monthly_budget_cents == body.monthly_limit_cents:
            return BudgetView(monthly_limit_cents=body.monthly_limit_cents)
        before = audit.snapshot(project)
        project.monthly_budget_cents = body.monthly_limit_cents
        await session.flush()
        await audit.record(
            session,
            principal,
            Action.BUDGET_MANAGE,
            project,
            before=before,
            after=audit.snapshot(project),
        )
    return BudgetView(monthly_limit_cents=body.monthly_limit_cents)


async def list_items(
    session: AsyncSession, project_id: UUID, tariff: Tariff, *, without: UUID | None = None
) -> list[ProjectCost]:
    """What a project has or is about to have: the app of each environment, where it is live or
    being deployed to (but for the deployment ``without``), what earlier providers keep of it, and
    each database."""
    environments = (await store.list_environments(session, [project_id]))[project_id]
    deployed = await _list_deployed(session, project_id, environments, without)
    items: list[ProjectCost] = []
    for environment in environments:
        if (there := deployed.get(environment.name)) is not None:
            items += _app_items(tariff.app, environment, there)
    apps = {each.name: each for each in environments}
    for row in await list_kept(session, project_id, live_places(environments), tariff.providers):
        if row.provider == deployed[row.environment].provider:
            continue  # it comes back there
        kept = Deployed(
            row.provider,
            Plan.model_validate(row.plan) if row.plan else None,
            Placement.of(row.configuration).plan,
        )
        items += _app_items(tariff.kept, apps[row.environment], kept)
    databases = await session.scalars(
        select(ProjectDatabase)
        .where(ProjectDatabase.project_id == project_id, ProjectDatabase.status != "deleting")
        .order_by(ProjectDatabase.environment, ProjectDatabase.name)
    )
    items += [
        tariff.database(
            DatabaseEngine(row.engine), row.environment, row.name, row.provider, row.plan
        )
        for row in databases
    ]
    return items


@dataclass(frozen=True)
class Deployed:
    """``plan`` is what was found of the app, ``chosen`` the provider's plan for it."""

    provider: str
    plan: Plan | None
    chosen: str | None


async def _list_deployed(
    session: AsyncSession,
    project_id: UUID,
    environments: Sequence[Environment],
    without: UUID | None,
) -> dict[str, Deployed]:
    """By environment what its app is: of what is under way, else what is live."""
    live = [each.live_deployment_id for each in environments if each.live_deployment_id]
    rows = await session.execute(
        select(
            Deployment.environment, Deployment.provider, Deployment.plan, Deployment.configuration
        )
        .where(
            Deployment.project_id == project_id,
            Deployment.id.is_distinct_from(without),
            or_(Deployment.id.in_(live), Deployment.status.not_in(TERMINAL)),
        )
        .order_by(Deployment.status.not_in(TERMINAL), Deployment.created_at)
    )
    found: dict[str, Deployed] = {}
    for name, provider, plan, configuration in rows:
        before = found[name].plan if name in found else None
        found[name] = Deployed(
            provider,
            Plan.model_validate(plan) if plan else before,
            Placement.of(configuration).plan,
        )
    return found


def _app_items(
    price: Callable[[str, str, Plan, int, str | None], list[ProjectCost]],
    environment: Environment,
    deployed: Deployed,
) -> list[ProjectCost]:
    provider, plan, name = deployed.provider, deployed.plan, environment.name
    if plan is None:
        unknown = Quote(plan=None, monthly_cents=None, source="not analyzed yet", as_of=None)
        return [unknown.times(1, "app", name, "app", provider)]
    count = environment.replicas or plan.replicas or 1
    return price(name, provider, plan, count, deployed.chosen)


def known_cents(items: Sequence[ProjectCost]) -> int:
    """The sum of what is known."""
    return sum(item.monthly_cents or 0 for item in items)


def foresee(
    tariff: Tariff,
    before: Sequence[ProjectCost],
    environment: Environment,
    app: Deployed,
    database: WantedDatabase | None,
) -> tuple[list[ProjectCost], list[ProjectCost]]:
    """What a project has once an app is deployed so: what is there already, and what is new.
    ``database`` takes the place of its environment's main one."""
    name = environment.name
    replaced = {("app", name, each.name) for each in before if each.kind == "app"}
    if database is not None:
        replaced.add(("database", name, MAIN_DATABASE))
    others = [each for each in before if (each.kind, each.environment, each.name) not in replaced]
    kept = others + _left_behind(tariff, before, name, app.provider)
    added = _app_items(tariff.app, environment, app)
    if database is not None:
        added.append(
            tariff.database(
                DatabaseEngine.POSTGRESQL, name, MAIN_DATABASE, database.provider, database.plan
            )
        )
    return kept, added


def _left_behind(
    tariff: Tariff, before: Sequence[ProjectCost], environment: str, provider: str
) -> list[ProjectCost]:
    """What other providers keep of an app that is deployed to this one."""
    return [
        each if each.kept else as_kept(each, tariff.providers.title(each.provider))
        for each in before
        if (each.kind, each.environment) == ("app", environment)
        and each.provider != provider
        and tariff.providers.is_hosted(each.provider)
        and each.name not in STOPPED_PARTS
    ]


@dataclass(frozen=True)
class Budget:
    """The budget of a project, whose row is locked: what is checked by it comes one at a time."""

    project: Project
    limit_cents: int
    tariff: Tariff
    before: list[ProjectCost]

    @classmethod
    async def lock(
        cls,
        session: AsyncSession,
        project: Project,
        resources: Resources,
        providers: Registry,
        *,
        without: UUID | None = None,
    ) -> "Budget | None":
        """None where the project has no budget: then no price is looked at. Lock it before any of
        its environments. Raises ``PricesInvalid``."""
        if project.monthly_budget_cents is None:
            return None
        limit = await session.scalar(
            select(Project.monthly_budget_cents)
            .where(Project.id == project.id)
            .with_for_update(key_share=True)
        )
        if limit is None:
            return None
        tariff = await Tariff.read(resources, providers)
        before = await list_items(session, project.id, tariff, without=without)
        return cls(project, limit, tariff, before)

    def check_deployment(
        self,
        environment: Environment,
        provider: str,
        plan: Plan,
        chosen: str | None,
        database: WantedDatabase | None,
    ) -> list[ProjectCost]:
        """What of an app's new places has no known price; ``chosen`` as for ``Tariff.app``. Raises
        ``BudgetExceeded``."""
        app = Deployed(provider, plan, chosen)
        kept, added = foresee(self.tariff, self.before, environment, app, database)
        self.require([*kept, *added])
        return [each for each in added if each.monthly_cents is None]

    def check_database(
        self, engine: DatabaseEngine, environment: str, name: str, provider: str, plan: str
    ) -> None:
        """Raises ``BudgetExceeded`` where a database beside what there is would cost too much;
        ``plan`` is the one that is charged."""
        self.require(
            [*self.before, self.tariff.database(engine, environment, name, provider, plan)]
        )

    def require(self, after: Sequence[ProjectCost]) -> None:
        """Raises ``BudgetExceeded`` for what costs more than the limit, and more than before."""
        now, then = known_cents(self.before), known_cents(after)
        if then > self.limit_cents and then > now:
            raise BudgetExceeded(
                f"With this, {self.project.name} would cost {in_dollars(then)} USD a month, "
                f"{in_dollars(then - now)} more than now; its budget is "
                f"{in_dollars(self.limit_cents)}."
            )


async def find_latest_plan(
    session: AsyncSession, project_id: UUID, environment: str
) -> Plan | None:
    """What was found of the project last, in this environment if it was ever deployed there."""
    plan = await session.scalar(
        select(Deployment.plan)
        .where(Deployment.project_id == project_id, Deployment.plan.is_not(None))
        .order_by(Deployment.environment != environment, Deployment.created_at.desc())
        .limit(1)
    )
    return Plan.model_validate(plan) if plan else None


def in_dollars(cents: int) -> str:
    return f"{cents / 100:.2f}"
