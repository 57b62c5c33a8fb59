"""Live releases: started again when their machine was restarted, run with as many replicas as they
are to have, their output collected."""

import asyncio
from dataclasses import replace
from uuid import UUID

import structlog
from sqlalchemy import update

from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.providers.base import DeployProvider, Release, RuntimeStatus
from autodeploy.services.deployer.app_environment import load_app_environment
from autodeploy.services.deployer.context import make_release_request, plan_of
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.health import Health, wait_until_healthy
from autodeploy.services.deployer.live_state import (
    LiveState,
    RuntimeState,
    record_state,
    state_of,
)
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.releases import LiveRelease, list_live, reload_live
from autodeploy.services.deployer.runtime_output import collect_output

_AT_ONCE = 8
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Upkeep:
    """The live releases of one installation, as one worker looks after them."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._pauses: dict[UUID, tuple[float, float]] = {}  # until when, and how long

    async def keep_live(self) -> None:
        """One pass: start again every live release that its provider does not have, and give each
        the number of replicas that its environment says."""
        await asyncio.gather(*map(self._keep, await self._list_ours()))

    async def collect_output(self) -> None:
        """One pass: store what the live apps have written since the last."""
        await asyncio.gather(*map(self._collect, await self._list_ours()))

    async def _keep(self, live: LiveRelease) -> None:
        environment_id = live.app.environment_id
        async with self._slots:
            clock = asyncio.get_running_loop().time()
            until, pause = self._pauses.get(environment_id, (0.0, _FIRST_PAUSE_SECONDS))
            if clock < until:
                return
            state: LiveState | None
            try:
                state = await self._restart_if_absent(live)
                self._pauses.pop(environment_id, None)
            except Exception as error:
                state = LiveState(RuntimeState.STOPPED, reason=_reason(error))
                # The next passes try again, later each time.
                longer = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                self._pauses[environment_id] = (clock + pause, longer)
                _log.warning(
                    "release.not_restarted",
                    environment_id=str(environment_id),
                    error=type(error).__name__,
                )
            if state is not None:
                db = self._engine.resources.db
                await record_state(db, environment_id, live.deployment_id, live.runtime, state)

    async def _list_ours(self) -> list[LiveRelease]:
        """What is live and needs us to stay so: a provider that hosts apps does that by itself."""
        hosted = self._engine.providers.is_hosted
        return [each for each in await list_live(self._engine) if not hosted(each.provider)]

    async def _restart_if_absent(self, live: LiveRelease) -> LiveState | None:
        """How the release fares, after it was started again where it was gone; None where
        another one is live by now."""
        provider = self._engine.providers.deploys(live.provider)
        if live.release is not None:
            status = await provider.status(live.release)
            if status.state != "absent":
                return state_of(await self._scale(live, live.release, status))
        found = await reload_live(self._engine, live)
        if found is None:
            return None
        _log.info("release.restarting", deployment_id=str(live.deployment_id))
        await self._restart(provider, *found)
        return LiveState(RuntimeState.RUNNING)

    async def _scale(
        self, live: LiveRelease, release: Release, status: RuntimeStatus
    ) -> RuntimeStatus:
        """How the release fares, after its provider was told of another number of replicas."""
        if status.replicas is None or status.replicas.wanted == live.replicas:
            return status
        try:
            await self._engine.providers.scaled_apps(live.provider).scale(release, live.replicas)
        except AutoDeployError as error:
            # It runs all the same; the next passes try again.
            _log.warning(
                "release.not_scaled", deployment_id=str(live.deployment_id), error=error.code
            )
            return replace(status, replicas=replace(status.replicas, wanted=live.replicas))
        return await self._engine.providers.deploys(live.provider).status(release)

    async def _restart(
        self,
        provider: DeployProvider,
        deployment: Deployment,
        environment: Environment,
        project: Project,
    ) -> None:
        resources = self._engine.resources
        variables = await load_app_environment(resources, project, environment.name)
        request = make_release_request(deployment, environment, variables)
        release = await provider.deploy(request, _NoLog())
        health = Health.of(plan_of(deployment), self._engine.health_timeout_seconds)
        await wait_until_healthy(provider, release, health)
        async with resources.db.transaction() as session:
            current = await session.get(Environment, environment.id, with_for_update=True)
            await session.execute(
                update(Deployment)
                .where(Deployment.id == deployment.id)
                .values(variables_version=variables.version)
            )
            # A deployment may have become live meanwhile: then the traffic is its own.
            if current is not None and current.live_deployment_id == deployment.id:
                endpoint = await provider.promote(request, release)
                current.url = endpoint.url
                current.local_url = endpoint.local_url
                current.local_port = endpoint.local_port

    async def _collect(self, live: LiveRelease) -> None:
        async with self._slots:
            try:
                await collect_output(
                    self._engine, self._engine.providers.deploys(live.provider), live
                )
            except NotFound:
                return  # not running; keep_live sees to it
            except Exception as error:
                _log.warning(
                    "output.not_read",
                    environment_id=str(live.app.environment_id),
                    error=type(error).__name__,
                )


def _reason(error: Exception) -> str:
    """Why a release is not there, in a word that is documented."""
    return error.code if isinstance(error, AutoDeployError) else AutoDeployError.code


class _NoLog:
    """The deployment's own log is closed; the app's output is collected as always."""

    async def __call__(self, level: str, source: str, message: str) -> None: ...

    async def stored(self) -> None: ...
