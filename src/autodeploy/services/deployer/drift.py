"""What is set at an environment's providers, compared with what was declared, and set again.

Values of variables are compared at the provider's border and told to nobody.
"""

from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.redaction import Redactor, without_credentials
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
from autodeploy.services.deployer.databases.drift import (
    DatabaseDrifts,
    compare_databases,
    list_comparable,
    mend_databases,
)
from autodeploy.services.deployer.databases.store import find_databases
from autodeploy.services.deployer.declared_apps import load_declared
from autodeploy.services.deployer.deployment_schemas import (
    BuildChoice,
    DeploymentInput,
    DeploymentView,
)
from autodeploy.services.deployer.deployments import create_deployment
from autodeploy.services.deployer.domains.work import expect_domains
from autodeploy.services.deployer.drift_schemas import DriftItemView, DriftView, UnaskedView
from autodeploy.services.deployer.live import get_live
from autodeploy.services.deployer.models import Deployment, Environment, VariablesVersion
from autodeploy.services.deployer.states import TERMINAL

# Of a text that somebody has set at a provider.
_LONGEST = 2000


async def find_drift(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    *,
    providers: Registry,
) -> DriftView:
    """Where an environment's app and its databases are otherwise at their providers than they were
    declared, now.

    Raises:
        InvalidInput: its provider cannot tell, and it has no database whose provider can.
        NothingLive, AccountMissing, NotFound, Forbidden, and what the app's provider raises.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.VARIABLE_READ, project.organization_id)
        found = await get_live(session, project, environment)
        live = found.deployment
        databases = await list_comparable(session, project.id, environment, providers)
        if not databases:
            providers.get(live.provider, Capability.DRIFT)
    variables = await load_app_environment(resources, project, environment)
    async with resources.db.transaction() as session:
        pending = await _changed_since(session, found.environment, live, variables)
        declared = await load_declared(session, found, variables, providers=providers)
    comparison = await _compare_app(resources, live, declared, providers=providers)
    told = await compare_databases(resources, databases, providers=providers)
    redactor = variables.redactor()
    drifts = [
        *((live.provider, each) for each in comparison.drifts if not _is_of(each, pending)),
        *((each.database.provider, drift) for each in told for drift in each.drifts),
    ]
    return DriftView(
        environment=environment,
        provider=live.provider,
        deployment_id=live.id,
        items=[_item(drift, provider, redactor) for provider, drift in drifts],
        unread=[name for name in comparison.unread if name not in pending],
        pending=sorted(pending),
        unasked=[_unasked(each) for each in told if each.reason is not None],
        checked_at=now(),
    )


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

    Before that its databases are set again as far as one call does it, and its domains are looked
    at by a worker. All of it may be repeated.

    Raises ``NothingLive``, ``Conflict`` while something else is being deployed, and what
    ``create_deployment`` and ``mend_databases`` raise.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.DEPLOYMENT_CREATE, project.organization_id)
        found = await get_live(session, project, environment)
        live = found.deployment
        databases = await list_comparable(session, project.id, environment, providers)
        if not databases:
            providers.get(live.provider, Capability.DRIFT)
        await _require_nothing_newer(session, live)
        await expect_domains(session, found.environment.id)
    await mend_databases(resources, principal, databases, providers=providers)
    body = DeploymentInput(
        branch=live.branch,
        commit=live.commit_sha,
        environment=environment,
        provider=live.provider,
        build=BuildChoice.ALWAYS,
    )
    return await create_deployment(resources, principal, project_id, body, providers=providers)


async def _require_nothing_newer(session: AsyncSession, live: Deployment) -> None:
    """Raise ``Conflict`` while what is to take the place of ``live`` is on its way: to deploy that
    once more would end it, or take its place in turn."""
    commit = await session.scalar(
        select(Deployment.commit_sha)
        .where(
            Deployment.project_id == live.project_id,
            Deployment.environment == live.environment,
            Deployment.status.not_in(TERMINAL),
            or_(
                Deployment.commit_sha != live.commit_sha,
                Deployment.provider != live.provider,
            ),
        )
        .limit(1)
    )
    if commit is not None:
        raise Conflict(
            f"A deployment of {commit[:12]} is under way, which sets what was declared itself.",
            remedy="Wait for its end, or cancel it (`autodeploy cancel`), and look again: "
            "`autodeploy drift`.",
        )


async def _compare_app(
    resources: Resources, live: Deployment, declared: DeclaredApp, *, providers: Registry
) -> Comparison:
    """Nothing where the app's provider cannot tell."""
    if not providers.can(live.provider, Capability.DRIFT):
        return Comparison(())
    async with doubting(resources, live.connection_id):
        account = await open_account(resources, live.connection_id, providers=providers)
        found = await providers.compared_apps(live.provider, account).compare(declared)
    if not providers.get(live.provider).manifest.fixed_variables and not declared.later_builds:
        return found
    # Of these the last build is told there, which need not be the one that is live.
    drifts = tuple(each for each in found.drifts if not _is_of(each, OF_DEPLOYMENT))
    return Comparison(drifts, found.unread)


async def _changed_since(
    session: AsyncSession, environment: Environment, live: Deployment, variables: AppEnvironment
) -> frozenset[str]:
    """The variables that were changed here since the release was made, or come of a database that
    was made or got another login since: they are to differ."""
    databases = await find_databases(session, live.project_id, live.environment)
    since = live.promoted_at or live.created_at
    reading = variables.reading(each for each in databases if each.url_changed_at > since)
    rows = await session.scalars(
        select(VariablesVersion).where(
            VariablesVersion.environment_id == environment.id,
            VariablesVersion.number > (live.variables_version or 0),
            VariablesVersion.number <= variables.version,
        )
    )
    changed = {name for row in rows for name in (*row.added, *row.changed, *row.removed)}
    return reading | changed


def _is_of(drift: Drift, variables: frozenset[str]) -> bool:
    return drift.kind.is_of_variables and drift.name in variables


def _item(drift: Drift, provider: str, redactor: Redactor) -> DriftItemView:
    def shown(text: str | None) -> str | None:
        """What somebody has set there, without what it may hold of secrets."""
        if text is None:
            return None
        # Before it is cut, so that no part of a secret is left.
        line = redactor.line(without_credentials(text))
        return "".join(each if each.isprintable() else " " for each in line)[:_LONGEST]

    return DriftItemView(
        kind=drift.kind,
        provider=provider,
        name=drift.name,
        declared=shown(drift.declared),
        found=shown(drift.found),
        reconcilable=not drift.stays,
        remedy=shown(drift.remedy),
    )


def _unasked(told: DatabaseDrifts) -> UnaskedView:
    database = told.database
    return UnaskedView(name=database.name, provider=database.provider, reason=told.reason or "")
