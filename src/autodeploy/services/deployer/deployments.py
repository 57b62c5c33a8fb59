"""Deployments: start, cancel, roll back. The row that is written is the intent to run."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict, InvalidInput
from autodeploy.kernel.git.errors import RefNotFound
from autodeploy.kernel.git.refs import ResolvedRef
from autodeploy.kernel.resources import Resources
from autodeploy.providers.manifests import Capability, DatabaseEngine
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.analyzer.plan import DATABASE_VARIABLE, PROVISION_NEW
from autodeploy.services.analyzer.service import resolve_ref
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.announcements import Announcing, announcing
from autodeploy.services.deployer.app_environment import MAIN_DATABASE
from autodeploy.services.deployer.cancellations import end_queued, request_cancellation
from autodeploy.services.deployer.costs import (
    IGNORE_BUDGET,
    Budget,
    find_latest_plan,
)
from autodeploy.services.deployer.creation import (
    insert_deployment,
    insert_rollback,
    is_still_built,
)
from autodeploy.services.deployer.databases.reach import require_reach
from autodeploy.services.deployer.databases.wishes import (
    AppPlace,
    WantedDatabase,
    choose_database,
)
from autodeploy.services.deployer.deployment_schemas import (
    DeploymentConfiguration,
    DeploymentInput,
    DeploymentView,
    TriggerView,
)
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.errors import DeploymentEnded, NotRollbackable
from autodeploy.services.deployer.hosting import choose_connection
from autodeploy.services.deployer.models import (
    ONE_WAY,
    Deployment,
    Environment,
    Project,
)
from autodeploy.services.deployer.placements import (
    Placement,
    require_app_choice,
    require_database_choice,
)
from autodeploy.services.deployer.projects import ensure_environment
from autodeploy.services.deployer.states import (
    TERMINAL,
    DeploymentStatus,
)
from autodeploy.services.deployer.variables import set_within
from autodeploy.services.deployer.views import deployment_views


async def create_deployment(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    body: DeploymentInput,
    *,
    providers: Registry,
) -> DeploymentView:
    """Resolve the commit, write the deployment, and have it run.

    Args:
        providers: what this installation deploys to.

    Raises:
        AccountMissing: the provider acts for an account, and neither the environment nor the
            caller has one.
        BudgetExceeded: it is known to cost more than the project's budget allows.
        RefNotFound: with ``field`` ``branch`` or ``commit``.
        NotFound, Forbidden, InvalidInput; also what ``resolve_ref`` raises.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.DEPLOYMENT_CREATE, project.organization_id)
        if body.configuration.environment_variables:
            require(principal, Action.VARIABLE_WRITE, project.organization_id)
        repository = await _get_repository(session, project)
        if body.ignore_budget:
            require(principal, Action.BUDGET_MANAGE, project.organization_id)
    ref = await _resolve(resources, repository, body, providers)
    async with announcing(resources) as transaction:
        project = await store.get_project(transaction.session, principal.reach, project_id)
        deployment = await write_deployment(
            resources, transaction, principal, project, ref, body, providers=providers
        )
    return await _dispatched(resources, deployment)


async def write_deployment(
    resources: Resources,
    transaction: Announcing,
    principal: Principal,
    project: Project,
    ref: ResolvedRef,
    body: DeploymentInput,
    *,
    providers: Registry,
    trigger: TriggerView | None = None,
) -> Deployment:
    """Write a deployment of a commit that is known, in the caller's transaction, which has looked
    at what the principal may do. Whoever has committed it calls ``dispatch_due``.

    Raises ``AccountMissing``, ``BudgetExceeded``, ``InvalidInput``, ``Conflict``,
    ``DatabaseOutOfReach``.
    """
    session = transaction.session
    budget = None
    if not body.ignore_budget:
        budget = await Budget.lock(session, project, resources, providers)
    environment = await ensure_environment(session, project, body.environment)
    provider = _check_provider(body.provider or environment.provider, providers)
    placement = _choose_placement(environment, provider, body.configuration, providers)
    connection_id = await choose_connection(session, principal, providers, provider, environment)
    configuration = await _keep_configuration(
        resources, session, principal, project, environment, body.configuration
    )
    app = AppPlace(provider, placement.region)
    database = await _choose_database(
        session, principal, environment, app, configuration, providers
    )
    configuration |= placement.as_configuration()
    if body.ignore_budget:
        configuration[IGNORE_BUDGET] = True
    # What the commit is, is found out later: then it is checked again.
    plan = await find_latest_plan(session, project.id, environment.name) if budget else None
    if budget is not None and plan is not None:
        budget.check_deployment(environment, provider, plan, placement.plan, database)
    deployment = await insert_deployment(
        transaction,
        project,
        environment,
        repository_id=project.repository_id,
        branch=ref.ref_name,
        commit_sha=ref.commit_sha,
        provider=provider,
        connection_id=connection_id,
        configuration={**configuration, "build": body.build},
        trigger=trigger.model_dump(exclude_none=True) if trigger else None,
        created_by=principal.account_id,
        service_token_id=principal.service_token_id,
    )
    await audit.record(
        session,
        principal,
        Action.DEPLOYMENT_CREATE,
        deployment,
        after=audit.snapshot(deployment),
    )
    return deployment


async def roll_back(
    resources: Resources, principal: Principal, deployment_id: UUID, *, force: bool = False
) -> DeploymentView:
    """Bring an earlier deployment's artifact back, as a new deployment without a build.

    Raises:
        NotRollbackable: it was never released, its artifact is gone, or the database was changed
            since so that it no longer works.
        NotFound, Forbidden.
    """
    async with resources.db.transaction() as session:
        source = await store.get_deployment(session, principal.reach, deployment_id)
        require(principal, Action.DEPLOYMENT_ROLLBACK, source.organization_id)
        barrier = None if force else await store.find_one_way_since(session, source)
    if source.status != DeploymentStatus.READY:
        raise NotRollbackable(
            f"This deployment was never released: it is {source.status}.",
            remedy="Name a deployment that is ready.",
        )
    if not await is_still_built(resources, source):
        raise NotRollbackable(
            "The build of this deployment is no longer stored.",
            remedy=f"Deploy its commit again: `autodeploy deploy --ref {source.commit_sha[:12]}`.",
        )
    if barrier is not None:
        raise NotRollbackable(
            f"Since then {barrier.commit_sha[:12]} changed the database for good: "
            f"{barrier.configuration[ONE_WAY]}",
            remedy="Deploy a correction instead. Where this release works with the database as it "
            "is now, roll back with --force (`force` in the request).",
        )
    async with announcing(resources) as transaction:
        project = await store.get_project(transaction.session, principal.reach, source.project_id)
        environment = await ensure_environment(transaction.session, project, source.environment)
        deployment = await insert_rollback(
            transaction,
            project,
            environment,
            source,
            created_by=principal.account_id,
            service_token_id=principal.service_token_id,
        )
        await audit.record(
            transaction.session,
            principal,
            Action.DEPLOYMENT_ROLLBACK,
            deployment,
            after=audit.snapshot(deployment),
        )
    return await _dispatched(resources, deployment)


async def cancel_deployment(
    resources: Resources, principal: Principal, deployment_id: UUID
) -> DeploymentView:
    """Stop a deployment: at once while it is queued, else by the worker that runs it.

    Raises:
        DeploymentEnded: it is ready or failed.
        NotFound, Forbidden.
    """
    async with announcing(resources) as transaction:
        session = transaction.session
        deployment = await store.get_deployment(session, principal.reach, deployment_id, lock=True)
        require(principal, Action.DEPLOYMENT_CANCEL, deployment.organization_id)
        if deployment.status in (DeploymentStatus.READY, DeploymentStatus.ERROR):
            raise DeploymentEnded(f"The deployment has ended: it is {deployment.status}.")
        cancelled = deployment.status == DeploymentStatus.CANCELLED
        if not cancelled and deployment.cancel_requested_at is None:
            await audit.record(session, principal, Action.DEPLOYMENT_CANCEL, deployment)
        if deployment.status == DeploymentStatus.QUEUED:
            await end_queued(transaction, deployment.id, "requested")
        elif not cancelled:
            await request_cancellation(transaction, deployment)
        await session.refresh(deployment)
    return await _dispatched(resources, deployment)


async def _get_repository(session: AsyncSession, project: Project) -> Repository:
    repository = (
        await session.get(Repository, project.repository_id) if project.repository_id else None
    )
    if repository is None:
        raise Conflict(
            "The project has no repository, so there is nothing to deploy.",
            remedy=f"PUT /api/v1/projects/{project.id} with a repositoryId.",
        )
    return repository


async def _resolve(
    resources: Resources, repository: Repository, body: DeploymentInput, providers: Registry
) -> ResolvedRef:
    """The commit that is meant: the named one, else the head of the branch."""
    field = "commit" if body.commit else "branch"
    try:
        resolved = await resolve_ref(
            resources, repository, body.commit or body.branch, providers=providers
        )
    except RefNotFound as error:
        raise RefNotFound(error.message, field=field, remedy=error.remedy) from error
    if body.commit and body.branch:
        # The branch is where a server that gives out no bare commits is asked for it.
        return ResolvedRef(body.branch, resolved.commit_sha, resolved.default_branch)
    if body.commit:
        return ResolvedRef(resolved.default_branch, resolved.commit_sha, resolved.default_branch)
    return resolved


def _check_provider(name: str, providers: Registry) -> str:
    if not providers.can(name, Capability.DEPLOY):
        able = [each.name for each in providers.list() if Capability.DEPLOY in each.capabilities]
        raise InvalidInput(
            f"There is no provider {name!r} that deploys apps.",
            field="provider",
            remedy=f"Name one of: {', '.join(able)}.",
        )
    return name


def _choose_placement(
    environment: Environment,
    provider: str,
    configuration: DeploymentConfiguration,
    providers: Registry,
) -> Placement:
    """What is chosen now, else what is kept for the environment. Raises ``InvalidInput``."""
    plan, region = configuration.plan, configuration.region
    require_app_choice(providers, provider, plan=plan, region=region)
    return Placement(plan, region).otherwise(Placement.kept(environment, provider))


async def _keep_configuration(
    resources: Resources,
    session: AsyncSession,
    principal: Principal,
    project: Project,
    environment: Environment,
    configuration: DeploymentConfiguration,
) -> dict[str, Any]:
    """Store the values with the project's variables; what is left for the row holds none."""
    given = configuration.environment_variables
    values = {key: value for key, value in given.items() if value != PROVISION_NEW}
    wanted = sorted(given.keys() - values.keys())
    if any(key != DATABASE_VARIABLE for key in wanted):
        raise InvalidInput(
            f"Only {DATABASE_VARIABLE} can be provisioned.",
            field="configuration.environmentVariables",
        )
    # Else the value that is set would outrank the database that is asked for.
    await set_within(resources, session, principal, project, environment, values, remove=wanted)
    kept: dict[str, Any] = {"environment_variables": sorted(given), "provision": bool(wanted)}
    if configuration.ignore_missing_variables:
        kept["ignore_missing_variables"] = True
    if configuration.one_way_migration is not None:
        kept[ONE_WAY] = configuration.one_way_migration
    if configuration.database is not None:
        kept["database"] = configuration.database.model_dump()
    return kept


async def _choose_database(
    session: AsyncSession,
    principal: Principal,
    environment: Environment,
    app: AppPlace,
    configuration: dict[str, Any],
    providers: Registry,
) -> WantedDatabase | None:
    """Check the database that is asked for, if any, and have ``configuration`` say by whose account
    it is made. Raises ``InvalidInput``, ``Conflict``, ``DatabaseOutOfReach``, ``AccountMissing``.
    """
    if not configuration["provision"] and "database" not in configuration:
        return None
    wish = configuration.setdefault("database", {})
    if (provider := wish.get("provider")) is not None:
        providers.get(provider, Capability.DATABASE)
    wanted = await choose_database(session, environment.project_id, environment.name, app, wish)
    require_database_choice(
        providers,
        wanted.provider,
        DatabaseEngine.POSTGRESQL,
        plan=wanted.plan,
        region=wanted.region,
        within="configuration.database.",
    )
    require_reach(providers, app, wanted.provider, wanted.region, MAIN_DATABASE)
    if wanted.connection_id is None:
        chosen = await choose_connection(session, principal, providers, wanted.provider)
        wish["connection_id"] = None if chosen is None else str(chosen)
    return wanted


async def _dispatched(resources: Resources, deployment: Deployment) -> DeploymentView:
    """Queue it, if it is due; the reconciler does it when Redis is away."""
    if deployment.status not in TERMINAL:
        await dispatch_due(resources, deployment_id=deployment.id)
    async with resources.db.transaction() as session:
        return (await deployment_views(session, [deployment]))[0]
