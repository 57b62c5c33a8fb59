"""What a step of a run is given."""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.providers.base import App, BuildSpec, DeployProvider, ReleaseRequest
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.app_environment import AppEnvironment, load_app_environment
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.errors import SourceMissing
from autodeploy.services.deployer.journal import Journal, by_name
from autodeploy.services.deployer.leases import Lease
from autodeploy.services.deployer.logs import LogPipeline
from autodeploy.services.deployer.models import (
    Deployment,
    DeploymentStep,
    Environment,
    Project,
)
from autodeploy.services.deployer.naming import host_suffix
from autodeploy.services.deployer.states import StepName
from autodeploy.services.deployer.transitions import LeaseLost, hold

# Where the step that gives the traffic has noted that it may have been moved.
_SWITCHING = "switching"


@dataclass
class StepContext:
    """One leased run. ``deployment`` is kept in step with the row by ``journal.set_columns``.

    ``account`` is whom the provider acts for, where it does. ``promoting`` is true from the moment
    that traffic is switched, or given back: from there on the run is finished rather than
    cancelled.
    """

    engine: Engine
    lease: Lease
    deployment: Deployment
    project: Project
    environment: Environment
    repository: Repository | None
    variables: AppEnvironment
    log: LogPipeline
    journal: Journal
    account: ConnectedAccount | None = None
    promoting: bool = False

    @property
    def provider(self) -> DeployProvider:
        """Raises ``AccountMissing``."""
        return self.engine.providers.deploys(self.deployment.provider, self.account)

    async def open_account(self) -> None:
        """Have the account at hand that the provider acts for, with access that lasts. Raises as
        ``token_connections.open_account``."""
        self.account = await open_account(
            self.engine.resources, self.deployment.connection_id, providers=self.engine.providers
        )

    @property
    def app(self) -> App:
        return app_of(self.environment)

    @property
    def plan(self) -> Plan:
        return plan_of(self.deployment)

    @property
    def is_rollback(self) -> bool:
        return self.deployment.kind == "rollback"

    @property
    def provider_title(self) -> str:
        return self.engine.providers.title(self.deployment.provider)

    @property
    def has_fixed_variables(self) -> bool:
        """Whether the app runs with the variables of its build for ever."""
        provider = self.engine.providers.get(self.deployment.provider)
        return provider.manifest.fixed_variables

    def get_repository(self) -> Repository:
        """Where the files come from. Raises ``SourceMissing``."""
        if self.repository is None:
            raise SourceMissing(
                "The repository of this project was removed.",
                remedy="Connect a repository to the project and deploy again.",
            )
        return self.repository

    @property
    def switching(self) -> bool:
        """Whether the traffic may have been moved, by this run or an earlier one."""
        return bool(self.journal.resources_of(StepName.VERIFY_HEALTH).get(_SWITCHING))

    async def begin_switching(self) -> None:
        """Note that the traffic is moved from here on: a run that ends otherwise than well gives
        it back, also where its process dies meanwhile. Raises ``LeaseLost``."""
        if not self.switching:
            await self.journal.record(StepName.VERIFY_HEALTH, {_SWITCHING: True})

    async def say(self, message: str, *, level: str = "info") -> None:
        """A line of our own in the deployment's log."""
        await self.log.write(level, "autodeploy", message)

    async def reload_variables(self) -> None:
        """Read the variables again, after a database was made or found."""
        self.variables = await load_app_environment(
            self.engine.resources, self.project, self.deployment.environment
        )
        self.log.redactor = self.variables.redactor()

    def release_request(self) -> ReleaseRequest:
        return make_release_request(self.deployment, self.environment, self.variables)


def app_of(environment: Environment) -> App:
    """How a provider knows the app of an environment.

    Providers add the environment's name to the slug themselves; the host holds both.
    """
    return make_app(
        environment.id,
        environment.number,
        environment.host,
        environment.name,
        environment.local_port,
    )


def make_app(
    environment_id: UUID, number: int, host: str, environment: str, local_port: int | None
) -> App:
    """The same, from what the environment's row has of it."""
    return App(
        environment_id=environment_id,
        number=number,
        project_slug=host.removesuffix(host_suffix(environment)),
        environment=environment,
        local_port=local_port,
    )


def plan_of(deployment: Deployment) -> Plan:
    """What was found of the deployment's commit."""
    return Plan.model_validate(deployment.plan)


def spec_of(deployment: Deployment) -> BuildSpec:
    """How the deployment is built and run."""
    return plan_of(deployment).build_spec()


def make_release_request(
    deployment: Deployment, environment: Environment, variables: AppEnvironment
) -> ReleaseRequest:
    """What a provider needs to run a deployment's artifact.

    A release that is brought back runs no release command: an older one's migrations are not
    for a newer schema.
    """
    spec = spec_of(deployment)
    spec = replace(spec, replicas=environment.replicas or spec.replicas)
    if deployment.kind == "rollback":
        spec = replace(spec, release_command=None)
    return ReleaseRequest(
        deployment_id=deployment.id,
        app=app_of(environment),
        artifact_key=deployment.artifact_key or "",
        spec=spec,
        environment=variables.for_run(deployment),
    )


async def load_context(engine: Engine, lease: Lease) -> StepContext:
    """Everything that the run begins with. Raises ``LeaseLost``."""
    resources = engine.resources
    async with resources.db.transaction() as session:
        await hold(session, lease.deployment_id, lease.fence)
        deployment = await session.get_one(Deployment, lease.deployment_id)
        project = await session.get_one(Project, deployment.project_id)
        environment = await get_environment(session, deployment)
        repository = (
            await session.get(Repository, deployment.repository_id)
            if deployment.repository_id
            else None
        )
        steps = await session.scalars(
            select(DeploymentStep)
            .where(DeploymentStep.deployment_id == deployment.id)
            .order_by(DeploymentStep.position)
        )
        journal = Journal(resources, lease, deployment.status, by_name(list(steps)))
    variables = await load_app_environment(resources, project, deployment.environment)
    return StepContext(
        engine=engine,
        lease=lease,
        deployment=deployment,
        project=project,
        environment=environment,
        repository=repository,
        variables=variables,
        log=LogPipeline(resources, lease, variables.redactor()),
        journal=journal,
    )


async def get_environment(session: AsyncSession, deployment: Deployment) -> Environment:
    """The environment that a deployment is for. Raises ``LeaseLost`` when it was deleted."""
    environment = await session.scalar(
        select(Environment).where(
            Environment.project_id == deployment.project_id,
            Environment.name == deployment.environment,
        )
    )
    if environment is None:
        raise LeaseLost
    return environment
