"""What is set at an environment's provider, compared with what was declared, and set again.

Values of variables are compared at the provider's border and told to nobody.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connection_checks import doubting
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer import store
from autodeploy.services.deployer.app_environment import (
    OF_DEPLOYMENT,
    AppEnvironment,
    load_app_environment,
)
from autodeploy.services.deployer.context import app_of, spec_of
from autodeploy.services.deployer.deployment_schemas import (
    BuildChoice,
    DeploymentInput,
    DeploymentView,
)
from autodeploy.services.deployer.deployments import create_deployment
from autodeploy.services.deployer.drift_schemas import DriftItemView, DriftView
from autodeploy.services.deployer.live import get_live
from autodeploy.services.deployer.models import Deployment, Environment, VariablesVersion
from autodeploy.services.deployer.placements import Placement


async def find_drift(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    *,
    providers: Registry,
) -> DriftView:
    """Where an environment's app is otherwise at its provider than it was declared, now.

    Raises:
        InvalidInput: its provider cannot tell.
        NothingLive, AccountMissing, NotFound, Forbidden, and what the provider raises.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.VARIABLE_READ, project.organization_id)
        found = await get_live(session, project, environment)
        row, live = found.environment, found.deployment
        is_fixed = providers.get(live.provider, Capability.DRIFT).manifest.fixed_variables
    variables = await load_app_environment(resources, project, environment)
    async with resources.db.transaction() as session:
        pending = await _changed_since(session, row, live, variables)
    placement = Placement.of(live.configuration)
    declared = DeclaredApp(
        app=app_of(row),
        release=found.release,
        spec=spec_of(live),
        environment=variables.for_build(live),
        run_environment=variables.for_run(live),
        plan=placement.plan,
        region=placement.region,
    )
    async with doubting(resources, live.connection_id):
        account = await open_account(resources, live.connection_id, providers=providers)
        comparison = await providers.compared_apps(live.provider, account).compare(declared)
    # Of these the last build is told there, which need not be the one that is live.
    unlike = OF_DEPLOYMENT if is_fixed else frozenset[str]()
    return _view(row, live, comparison, pending, unlike)


async def reconcile_drift(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    *,
    providers: Registry,
) -> DeploymentView:
    """Set what was declared again: deploy what is live once more, which sets its variables and
    gives it the traffic. What is live stays so until the new release is found well.

    Raises ``NothingLive``, and what ``create_deployment`` raises.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.DEPLOYMENT_CREATE, project.organization_id)
        live = (await get_live(session, project, environment)).deployment
        providers.get(live.provider, Capability.DRIFT)
    body = DeploymentInput(
        branch=live.branch,
        commit=live.commit_sha,
        environment=environment,
        provider=live.provider,
        build=BuildChoice.ALWAYS,
    )
    return await create_deployment(resources, principal, project_id, body, providers=providers)


async def _changed_since(
    session: AsyncSession, environment: Environment, live: Deployment, variables: AppEnvironment
) -> frozenset[str]:
    """The variables that were changed here since the release was made: they are to differ."""
    rows = await session.scalars(
        select(VariablesVersion).where(
            VariablesVersion.environment_id == environment.id,
            VariablesVersion.number > (live.variables_version or 0),
            VariablesVersion.number <= variables.version,
        )
    )
    return frozenset(name for row in rows for name in (*row.added, *row.changed, *row.removed))


def _view(
    environment: Environment,
    live: Deployment,
    found: Comparison,
    pending: frozenset[str],
    unlike: frozenset[str],
) -> DriftView:
    """``unlike`` are variables besides ``pending`` that are to differ."""
    drifts = [each for each in found.drifts if each.name not in pending | unlike]
    return DriftView(
        environment=environment.name,
        provider=live.provider,
        deployment_id=live.id,
        items=[_item(each) for each in drifts],
        unread=[name for name in found.unread if name not in pending],
        pending=sorted(pending),
        checked_at=now(),
    )


def _item(drift: Drift) -> DriftItemView:
    return DriftItemView(
        kind=drift.kind,
        name=drift.name,
        declared=drift.declared,
        found=drift.found,
        reconcilable=not drift.stays,
    )
