"""The steps of a deployment, in their order. Each is idempotent: a worker may die in the middle of
one, and another begins it again with what it has journaled."""

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import UUID

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import RateLimited
from autodeploy.kernel.threads import run_to_end
from autodeploy.providers.base import BuildRequest, Release, ReleaseRequest
from autodeploy.providers.hosted import SwitchingDeploys
from autodeploy.services.analyzer import service as analyzer
from autodeploy.services.analyzer.plan import DATABASE_VARIABLE
from autodeploy.services.deployer.commit_sources import commit_of
from autodeploy.services.deployer.context import StepContext, spec_of
from autodeploy.services.deployer.contract import list_missing, require_met
from autodeploy.services.deployer.costs import IGNORE_BUDGET, Budget
from autodeploy.services.deployer.databases.for_deployments import choose_for, ensure_database
from autodeploy.services.deployer.databases.needs import needs_database
from autodeploy.services.deployer.databases.reach import require_all_in_reach
from autodeploy.services.deployer.databases.wishes import WantedDatabase, is_made
from autodeploy.services.deployer.deployment_schemas import BuildChoice
from autodeploy.services.deployer.earlier_builds import Build, find_build, find_variables_version
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.errors import NotBuilt
from autodeploy.services.deployer.health import Health, wait_until_healthy
from autodeploy.services.deployer.hosting import charged_plan
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.placements import (
    Placement,
    require_private_apps,
    require_start,
)
from autodeploy.services.deployer.releases import go_live, release_of
from autodeploy.services.deployer.states import StepName, StepStatus

_REUSED = {
    BuildChoice.WHEN_CHANGED: "Nothing that the build depends on has changed: "
    "reusing its artifact.",
    BuildChoice.NEVER: "Reusing the last build of this commit, as asked.",
}


@dataclass(frozen=True)
class Step:
    """``run`` answers how the step ended, or None when it recorded its end by itself."""

    name: StepName
    run: Callable[[StepContext], Awaitable[StepStatus | None]]


async def analyze_repository(context: StepContext) -> StepStatus:
    """Find out how the commit is built and run, and whether what it needs is set."""
    deployment = context.deployment
    repository = context.get_repository()
    analysis = await analyzer.ensure_analysis(
        context.engine.resources,
        repository.id,
        deployment.branch,
        deployment.commit_sha,
        root_directory=context.project.root_directory,
        providers=context.engine.providers,
    )
    await context.journal.set_columns(deployment, {"plan": analysis.plan})
    plan = context.plan
    spec = plan.build_spec()
    require_private_apps(context.engine.providers, deployment.provider, spec)
    require_start(context.engine.providers, deployment.provider, spec)
    found = plan.framework.name if plan.framework else plan.language_name or plan.kind.value
    await context.say(f"Found {found}.")
    for warning in plan.warnings:
        await context.say(warning, level="warn")
    needed = needs_database(plan, deployment.configuration, context.variables)
    missing = []
    for variable in list_missing(plan, context.variables.provided(deployment)):
        read = f"{variable.key} is read in {variable.file}:{variable.line}"
        if needed and variable.key == DATABASE_VARIABLE:
            await context.say(f"{read}: a database will be provisioned for it.")
        else:
            await context.say(f"{read} and not set.", level="warn")
            missing.append(variable)
    await context.journal.record(
        StepName.ANALYZE_REPOSITORY,
        {
            "analysis_id": str(analysis.id),
            "database": needed,
            "missing": [variable.key for variable in missing],
        },
    )
    await require_met(context, missing)
    async with context.engine.resources.db.transaction() as session:
        database = await choose_for(session, context) if needed else None
        await require_all_in_reach(session, context, database)
    await _keep_to_budget(context, database)
    return StepStatus.SUCCEEDED


async def _keep_to_budget(context: StepContext, database: WantedDatabase | None) -> None:
    """Refuse what is known now to cost more than the budget allows. Raises ``BudgetExceeded``."""
    deployment, resources = context.deployment, context.engine.resources
    budget_cents = context.project.monthly_budget_cents
    if deployment.configuration.get(IGNORE_BUDGET) or budget_cents is None:
        return
    if database is not None and not (database.row and is_made(database.row)):
        charged = await charged_plan(
            resources,
            context.engine.providers,
            provider=database.provider,
            connection_id=database.connection_id,
            plan=database.plan,
        )
        database = replace(database, plan=charged)
    async with resources.db.transaction() as session:
        project = await session.get_one(Project, context.project.id)
        budget = await Budget.lock(
            session, project, resources, context.engine.providers, without=deployment.id
        )
        if budget is None:
            return
        unknown = budget.check_deployment(
            context.environment,
            deployment.provider,
            context.plan,
            Placement.of(deployment.configuration).plan,
            database,
        )
    for item in unknown:
        await context.say(
            f"What {item.name} costs at {item.provider} is not known, so the budget leaves it out.",
            level="warn",
        )


async def provision_database(context: StepContext) -> StepStatus:
    """Make or find the app's database, when it needs one."""
    if not context.journal.resources_of(StepName.ANALYZE_REPOSITORY).get("database"):
        return StepStatus.SKIPPED
    made = await ensure_database(context)
    await context.journal.record(StepName.PROVISION_DATABASE, made)
    await context.reload_variables()
    return StepStatus.SUCCEEDED


async def build_application(context: StepContext) -> StepStatus:
    """Build the commit into an artifact, or take the one that is there for the same inputs.

    Raises ``NotBuilt`` when there is none and it is to do without a build, and
    ``ReferenceUnresolved``.
    """
    deployment = context.deployment
    context.variables.require_resolved()
    context.variables.require_reachable(deployment.provider)
    is_fixed = context.has_fixed_variables
    fingerprint = context.variables.fingerprint(deployment, fixed=is_fixed)
    choice = BuildChoice(deployment.configuration.get("build", BuildChoice.WHEN_CHANGED))
    build = await find_build(context, fingerprint, choice)
    if build is not None:
        await context.say(_REUSED[choice])
        made: dict[str, object] = {"artifact_key": build.key, "reused": True}
    elif choice is BuildChoice.NEVER:
        raise NotBuilt(
            f"{deployment.commit_sha[:12]} was not built for {deployment.environment} before."
        )
    else:
        key, made = await _build(context, fingerprint)
        build = Build(key, fingerprint, context.variables.version)
    await context.journal.record(StepName.BUILD_APPLICATION, made)
    columns = {"artifact_key": build.key, "build_fingerprint": build.fingerprint}
    given = {"variables_version": build.variables_version} if is_fixed else {}
    await context.journal.set_columns(deployment, {**columns, **given})
    return StepStatus.SUCCEEDED


async def deploy_to_provider(context: StepContext) -> StepStatus:
    """Make the release run beside the live one, without traffic where the provider can."""
    journal = context.journal
    request = context.release_request()
    version = await find_variables_version(context)
    # The intent: from here on clean-up knows that the provider may have something of ours.
    await journal.set_columns(
        context.deployment, {"has_release": True, "variables_version": version}
    )
    newest = context.variables.version
    if version is not None and version != newest:
        await context.say(
            f"It runs with the variables of its build: version {version}, where {newest} is the "
            "newest."
        )
    release = await _deploy(context, request)
    await journal.record(
        StepName.DEPLOY_TO_PROVIDER,
        {"release": dict(release.resources), "check_urls": list(release.check_urls)},
    )
    return StepStatus.SUCCEEDED


async def verify_health(context: StepContext) -> None:
    """Wait until the release answers, then switch the traffic to it."""
    made = context.journal.resources_of(StepName.DEPLOY_TO_PROVIDER)
    release = release_of(context.deployment.id, made)
    if release is None or (await context.provider.status(release)).state == "absent":
        # The machine of the provider was restarted since the step before.
        release = await _deploy(context, context.release_request())
    hosted = context.engine.providers.is_hosted(context.deployment.provider)
    health = Health.of(context.plan, context.engine.health_timeout_seconds, hosted=hosted)
    await wait_until_healthy(context.provider, release, health)
    await context.say("The release answers; switching the traffic to it.")
    await _say_what_is_kept(context)
    await context.log.flush()
    await context.begin_switching()
    if hosted:
        # Such a switch may take minutes, in which no row is to be locked; below it is confirmed.
        context.promoting = True
        try:
            await context.provider.promote(context.release_request(), release)
        except RateLimited:
            context.promoting = False  # nothing was done yet: a cancellation ends the wait
            raise
    await go_live(context, release)


async def _deploy(context: StepContext, request: ReleaseRequest) -> Release:
    provider = context.provider
    if isinstance(provider, SwitchingDeploys):
        await context.begin_switching()
    return await provider.deploy(request, context.log)


async def _say_what_is_kept(context: StepContext) -> None:
    """What an app leaves at the provider that it moves away from."""
    providers, environment = context.engine.providers, context.environment
    name, former = environment.name, environment.provider
    moves = environment.live_deployment_id is not None and former != context.deployment.provider
    if moves and providers.is_hosted(former):
        title = providers.title(former)
        await context.say(
            f"{title} keeps the app as it was there, for a rollback and for visitors who still "
            "come by its address: `autodeploy costs` tells what it charges for that. `autodeploy "
            f"environments remove-kept {name} {former} --project {context.project.slug}` removes "
            "it.",
            level="warn",
        )


STEPS: tuple[Step, ...] = (
    Step(StepName.ANALYZE_REPOSITORY, analyze_repository),
    Step(StepName.PROVISION_DATABASE, provision_database),
    Step(StepName.BUILD_APPLICATION, build_application),
    Step(StepName.DEPLOY_TO_PROVIDER, deploy_to_provider),
    Step(StepName.VERIFY_HEALTH, verify_health),
)


async def remove_build_folders(engine: Engine, deployment_id: UUID) -> None:
    """Remove what workers that died while they built left behind on this machine."""
    for folder in _builds(engine).glob(f"{deployment_id}-*"):
        await _remove(folder)


@fault_point("deployer.remove_folder")
async def _remove(folder: Path) -> None:
    await run_to_end(shutil.rmtree, folder, ignore_errors=True)


def _builds(engine: Engine) -> Path:
    return engine.resources.home / "builds"


async def _build(context: StepContext, fingerprint: str) -> tuple[str, dict[str, object]]:
    deployment = context.deployment
    placement = Placement.of(deployment.configuration)
    # Named for the run, so that a late worker and its successor never share a folder.
    folder = _builds(context.engine) / f"{deployment.id}-{context.lease.fence}"
    try:
        request = BuildRequest(
            deployment_id=deployment.id,
            app=context.app,
            fetch=partial(_fetch, context, folder),
            spec=spec_of(deployment),
            environment=context.variables.for_build(deployment),
            run_environment=context.variables.for_run(deployment),
            notes=context.journal.notes(StepName.BUILD_APPLICATION),
            commit=commit_of(context.engine.providers, context.get_repository(), deployment),
            plan=placement.plan,
            region=placement.region,
            fingerprint=fingerprint,
        )
        if context.engine.providers.is_hosted(deployment.provider):
            # It builds there what it will release: clean-up cancels what is left of that.
            await context.journal.set_columns(deployment, {"has_release": True})
        artifact = await context.provider.build(request, context.log)
    finally:
        await _remove(folder)
    made: dict[str, object] = {"artifact_key": artifact.key, "size_bytes": artifact.size_bytes}
    return artifact.key, made


@fault_point("deployer.fetch")
async def _fetch(context: StepContext, folder: Path) -> Path:
    deployment = context.deployment
    await run_to_end(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    source = folder / "source"
    await context.say(f"Fetching {deployment.commit_sha[:12]}.")
    warnings = await analyzer.fetch_source(
        context.engine.resources,
        context.get_repository(),
        deployment.commit_sha,
        deployment.branch,
        source,
        providers=context.engine.providers,
    )
    for warning in warnings:
        if warning not in context.plan.warnings:  # those were said by the analysis
            await context.say(warning, level="warn")
    return source
