"""The traffic, after a run that has moved it, or may have, and did not come to its end."""

from sqlalchemy import update

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.providers.base import Release
from autodeploy.providers.hosted import SwitchingDeploys
from autodeploy.services.deployer.context import StepContext, make_release_request
from autodeploy.services.deployer.hosting import deploys_for
from autodeploy.services.deployer.live_state import LiveState, RuntimeState, as_row
from autodeploy.services.deployer.models import Deployment, DeploymentStep, Environment
from autodeploy.services.deployer.releases import find_release
from autodeploy.services.deployer.states import StepName
from autodeploy.services.deployer.transitions import hold


async def restore_traffic(context: StepContext) -> None:
    """Give the traffic back to the release that is live. Idempotent.

    Raises ``LeaseLost``, ``AccountMissing`` and what the provider raises.
    """
    providers = context.engine.providers
    async with context.engine.resources.db.transaction() as session:
        environment = await session.get_one(
            Environment, context.environment.id, with_for_update=True
        )
        if environment.live_deployment_id is None:
            await _tell_that_it_stays(context)
            return
        live = await session.get_one(Deployment, environment.live_deployment_id)
        if live.provider != context.deployment.provider:
            return  # its traffic was never touched
        release = await find_release(session, live.id)
        if release is not None and not providers.is_hosted(live.provider):
            provider = await deploys_for(context.engine, live.provider, live.connection_id)
            await provider.promote(
                make_release_request(live, environment, context.variables), release
            )
    if release is not None and providers.is_hosted(live.provider):
        # Such a switch may take minutes, in which no row is to be locked.
        await _restore_elsewhere(context, live, environment, release)


async def tell_not_restored(context: StepContext, error: AutoDeployError) -> None:
    """Say in the log, and in how the environment fares, that the new release has kept the traffic.

    Raises ``LeaseLost``.
    """
    await context.say(
        f"The release before could not be brought back: {error.message} This one keeps the "
        f"traffic at {context.provider_title}, although it counts as ended. Deploy again.",
        level="error",
    )
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.deployment.id, context.lease.fence)
        await session.execute(
            update(Environment)
            .where(
                Environment.id == context.environment.id,
                Environment.live_deployment_id.is_not(None),
            )
            .values(runtime=as_row(LiveState(RuntimeState.REPLACED, reason=error.code)))
        )


async def _tell_that_it_stays(context: StepContext) -> None:
    if context.engine.providers.is_hosted(context.deployment.provider):
        await context.say(
            f"No release of the app was live at {context.provider_title} before: what has started "
            "of this one goes on there until the next deployment.",
            level="warn",
        )


async def _restore_elsewhere(
    context: StepContext, live: Deployment, environment: Environment, release: Release
) -> None:
    provider = await deploys_for(context.engine, live.provider, live.connection_id)
    request = make_release_request(live, environment, context.variables)
    if not isinstance(provider, SwitchingDeploys):
        await provider.promote(request, release)
        return
    # What still goes on would take the traffic later.
    await provider.retire(context.app, context.deployment.id)
    brought = await provider.bring_back(request, release, context.log)
    if brought == release:
        return
    await _keep_release(context, brought)
    await context.say("The release before has the traffic again.")


async def _keep_release(context: StepContext, release: Release) -> None:
    """Have the live deployment know its release as it is now."""
    made = {"release": dict(release.resources), "check_urls": list(release.check_urls)}
    async with context.engine.resources.db.transaction() as session:
        await hold(session, context.deployment.id, context.lease.fence)
        await session.execute(
            update(DeploymentStep)
            .where(
                DeploymentStep.deployment_id == release.deployment_id,
                DeploymentStep.name == StepName.DEPLOY_TO_PROVIDER,
            )
            .values(resources=DeploymentStep.resources.op("||")(made))
        )
