"""Whether an app reaches the databases that it is given: looked at before anything is made."""

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer.app_environment import MAIN_DATABASE
from autodeploy.services.deployer.context import StepContext
from autodeploy.services.deployer.databases.store import find_databases
from autodeploy.services.deployer.databases.wishes import AppPlace, WantedDatabase
from autodeploy.services.deployer.placements import Placement

_WITHIN = "configuration.database."
_REMEDY = (
    "Have it at a provider that lets apps in from outside (`configuration.database.provider`, "
    "--database-provider), or set the variable to one that the app reaches. A database that is "
    "there already goes with `autodeploy db delete`, once what it holds is saved."
)


class DatabaseOutOfReach(DeploymentFailed):
    """The app would run where its database cannot be reached."""

    code = "database_out_of_reach"


def place_of_app(context: StepContext) -> AppPlace:
    """Where the deployment's app is to run."""
    deployment = context.deployment
    return AppPlace(deployment.provider, Placement.of(deployment.configuration).region)


def require_reach(
    providers: Registry, app: AppPlace, provider: str, region: str | None, name: str
) -> None:
    """Raise ``DatabaseOutOfReach`` where an app does not reach a database of a provider."""
    manifest = providers.get(provider).manifest
    if not manifest.private_databases:
        return
    if app.provider != provider:
        at = "on this machine" if provider == "local" else f"at {manifest.title}"
        raise DatabaseOutOfReach(
            f"An app at {app.provider} cannot reach the database {name} {at}.",
            field=f"{_WITHIN}provider",
            remedy=_REMEDY,
        )
    of_app, of_database = (each or manifest.home_region for each in (app.region, region))
    if of_app != of_database:
        raise DatabaseOutOfReach(
            f"An app in {of_app} cannot reach the database {name} in {of_database}: "
            f"{manifest.title} connects what is in one region.",
            field=f"{_WITHIN}region",
            remedy="Name the same region for both (`configuration.region`, "
            "`configuration.database.region`). What is there already stays where it is.",
        )


async def require_all_in_reach(
    session: AsyncSession, context: StepContext, main: WantedDatabase | None
) -> None:
    """Raise ``DatabaseOutOfReach`` unless the app reaches each database of which it is given
    anything: ``main``, and those that the values of its variables refer to."""
    providers, app = context.engine.providers, place_of_app(context)
    if main is not None:
        require_reach(providers, app, main.provider, main.region, MAIN_DATABASE)
    others = context.variables.databases - {MAIN_DATABASE}
    for row in await find_databases(session, context.project.id, context.environment.name):
        if row.name in others:
            require_reach(providers, app, row.provider, row.region, row.name)
