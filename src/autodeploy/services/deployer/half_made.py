"""What a deployment that did not become ready leaves at providers: the next goes on with it."""

from autodeploy.services.deployer.app_environment import MAIN_DATABASE
from autodeploy.services.deployer.context import StepContext
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.store import find_database
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.states import StepName


async def tell_what_is_kept(context: StepContext) -> None:
    """Say in the log what the deployment made and leaves, and how that is removed."""
    for line in (await _database(context), _app(context)):
        if line is not None:
            await context.say(line)


async def _database(context: StepContext) -> str | None:
    journal, environment = context.journal, context.environment.name
    made = journal.resources_of(StepName.PROVISION_DATABASE)
    if made.get("reused", not journal.is_running(StepName.PROVISION_DATABASE)):
        return None
    async with context.engine.resources.db.transaction() as session:
        row = await find_database(session, context.project.id, environment, MAIN_DATABASE)
    if row is None or not _is_begun(row):
        return None
    named = f" ({row.external_id})" if row.external_id else ""
    title = context.engine.providers.title(row.provider)
    return (
        f"The database {row.name} at {title}{named} is kept: the next deployment goes on with it. "
        f"`autodeploy db delete {row.name} --environment {environment}` removes it."
    )


def _is_begun(row: ProjectDatabase) -> bool:
    return row.external_id is not None or bool(row.notes)


def _app(context: StepContext) -> str | None:
    deployment, environment = context.deployment, context.environment
    provider = deployment.provider
    if not (context.engine.providers.is_hosted(provider) and deployment.has_release):
        return None
    if environment.live_deployment_id is not None:  # it is of that, or removed (``leftovers``)
        return None
    remove = (
        f"autodeploy destroy {context.project.slug}"
        if environment.name == PRODUCTION
        else f"autodeploy environments delete {environment.name}"
    )
    return (
        f"What was made of the app at {context.provider_title} is kept: the next deployment "
        f"goes on with it. `{remove}` removes it."
    )
