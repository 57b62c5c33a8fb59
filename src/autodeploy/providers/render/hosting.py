"""Apps at Render: a service for each environment, and a deploy of it for each release.

Render builds, starts, checks and switches by itself, in one deploy: the release before serves until
the new one is healthy. So ``build`` returns when the build part is over, ``deploy`` when it is
live, and ``promote`` sees that it is; in between it is asked at its address whether it is well.
Workers and crons are services beside the app's (``beside``), which ``deploy`` releases once the app
is live. They stand still while it is live at another provider (``absence``).
"""

import asyncio
import contextlib
from collections.abc import Mapping
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed, InvalidInput, NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import (
    App,
    Artifact,
    BuildRequest,
    BuildSpec,
    Endpoint,
    KeptLog,
    LogSink,
    Release,
    ReleaseRequest,
    RuntimeLines,
    RuntimeStatus,
)
from autodeploy.providers.domains import DomainRefused, DomainStatus
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind
from autodeploy.providers.hosted import undo
from autodeploy.providers.metrics import AppMetrics
from autodeploy.providers.render.absence import Absence
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.beside import Beside
from autodeploy.providers.render.blueprints import address_of, draw, plan_of
from autodeploy.providers.render.catalogue import MANIFEST
from autodeploy.providers.render.comparing import compare_services
from autodeploy.providers.render.domains import ServiceDomains
from autodeploy.providers.render.following import (
    BUILD_SECONDS,
    BuildLines,
    Follower,
)
from autodeploy.providers.render.instances import require_instances
from autodeploy.providers.render.metrics import measure_app
from autodeploy.providers.render.naming import Build, service_name
from autodeploy.providers.render.output import read_output
from autodeploy.providers.render.patience import find
from autodeploy.providers.render.releases import Releases
from autodeploy.providers.render.reuse import Reuse
from autodeploy.providers.render.services import Services, owner_of
from autodeploy.providers.render.shapes import (
    BUILT,
    Deploy,
    DeployStatus,
    Service,
    ServiceType,
)
from autodeploy.providers.render.statuses import live_status_of, status_of
from autodeploy.providers.render.usage import charge_of_service, read_bandwidth
from autodeploy.providers.usage import Charge, Usage

_SELF_ACTING = {ServiceType.WORKER, ServiceType.CRON}
_NOT_PUBLIC = {
    ServiceType.WORKER: "a worker, which is not reached at any address",
    ServiceType.PRIVATE: "private, so that only other apps reach it",
}


class RenderDeploys:
    """``plan`` is that of web services, and ``region`` that of services, that are yet to be made
    and for which none was chosen."""

    manifest = MANIFEST

    def __init__(
        self,
        api: RenderApi,
        *,
        owner_id: str | None,
        plan: str,
        region: str,
        timing: Timing,
    ):
        self._api = api
        self._owner_id = owner_id
        self._plan = plan
        self._region = region
        self._timing = timing
        self._services = Services(api, timing)
        self._absence = Absence(api, self._services, timing)
        self._reuse = Reuse(api, self._services, timing)
        self._follower = Follower(api, timing)
        self._beside = Beside(
            api,
            self._services,
            self._absence,
            self._reuse,
            self._follower,
            plan=plan,
            region=region,
        )
        self._releases = Releases(
            api, self._services, self._absence, self._reuse, self._follower, self._beside, timing
        )

    @fault_point("render.build")
    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        """Have Render build the commit. Raises ``DeploymentFailed`` for an upload, among others."""
        blueprint = draw(request, plan=self._plan, region=self._region)
        if blueprint.type is ServiceType.STATIC and (request.plan or request.region):
            await log("warn", "render", "Static sites have no plan and no region at Render.")
        owner_id = await owner_of(self._api, self._owner_id)
        notes = request.notes
        found = await self._services.find(blueprint.name, owner_id)
        found_plan = found.details.plan if found and found.details else None
        usual = plan_of(blueprint.type, self._plan)
        require_instances(request.spec, request.plan or found_plan or usual)
        try:
            await self._beside.prepare(request, blueprint, found, owner_id, log)
            if found is not None:
                await self._absence.end(found)
            service = await self._services.ensure(blueprint, owner_id, notes, log)
            deploy = await self._services.start(service, blueprint.commit_sha, notes, log)
            lines = BuildLines(self._api, service, deploy, notes, log)
            await self._follower.follow(
                service, deploy.id, BUILT, within_seconds=BUILD_SECONDS, log=log, lines=lines
            )
        except asyncio.CancelledError:
            await undo(lambda: self._stop_build(request, blueprint.name, owner_id))
            raise
        return Artifact(Build(service.id, deploy.id, request.deployment_id).key, 0)

    async def has_build(self, key: str) -> bool:
        """Whether Render still has the deploy, and built it."""
        try:
            build = Build.of(key)
        except DeploymentFailed:
            return False
        deploy = await find(self._api.deploy(build.service, build.deploy))
        return deploy is not None and deploy.status in BUILT

    @fault_point("render.deploy")
    async def deploy(self, request: ReleaseRequest, log: KeptLog) -> Release:
        """Wait until the deploy of the build is live. One of an earlier deployment is released
        again: by a rollback, or where it is live with other variables, by another deploy. So is
        one that was cancelled, since a worker that stops cancels what the next one goes on with.

        It gets as many processes as it asks for. Then the same is done for what runs beside it,
        whose failure leaves the app as it is until it is brought back.

        Raises ``DeploymentFailed``.
        """
        build = Build.of(request.artifact_key)
        target = await self._deploy_of(build.service, build.deploy)
        service = await self._api.service(build.service)
        if service.name != service_name(request.app):
            raise DeploymentFailed(
                "Render built this for another environment, and builds for each by itself.",
                remedy="Deploy the commit to this environment.",
            )
        again = (
            build.deployment_id != request.deployment_id or target.status is DeployStatus.CANCELED
        )
        return await self._releases.make(request, service, target, again=again, log=log)

    @fault_point("render.bring_back")
    async def bring_back(self, request: ReleaseRequest, release: Release, log: KeptLog) -> Release:
        """By another deploy of the build, with what runs beside it. What somebody has started in
        Render's dashboard is left.

        Raises ``DeploymentFailed``.
        """
        build = Build.of(request.artifact_key)
        live = await self._services.find_live(build.service)
        if live is None or live.is_of_others or live.id == release.resources["deploy"]:
            return release
        target = await self._deploy_of(build.service, build.deploy)
        service = await self._api.service(build.service)
        await log("info", "render", "Bringing the release before back.")
        return await self._releases.make(request, service, target, again=True, log=log)

    async def status(self, release: Release) -> RuntimeStatus:
        """As ``statuses`` tells; absent where the service or deploy is gone."""
        resources = release.resources
        try:
            deploy = await self._api.deploy(resources["service"], resources["deploy"])
            return await status_of(self._api, resources["service"], deploy)
        except NotFound:
            return RuntimeStatus("absent", 0, None, ())

    async def live_status(self, app: App, release: Release) -> RuntimeStatus:
        """Also whether another deploy has taken its place."""
        resources = release.resources
        try:
            deploy = await self._api.deploy(resources["service"], resources["deploy"])
            return await live_status_of(self._api, resources["service"], deploy)
        except NotFound:
            return RuntimeStatus("absent", 0, None, ())

    @fault_point("render.promote")
    async def promote(self, request: ReleaseRequest, release: Release) -> Endpoint:
        """See that the release has the traffic. A worker has no address: its endpoint is empty.
        That of a private service is for the other services of its workspace and region."""
        resources = release.resources
        deploy = await self._deploy_of(resources["service"], resources["deploy"])
        if deploy.status is not DeployStatus.LIVE:
            raise DeploymentFailed(
                f"The release is not live at Render (its status is {deploy.status.value}).",
                remedy="A newer deploy has taken its place, or it was stopped there. Deploy again.",
            )
        service = await self._api.service(resources["service"])
        return Endpoint(address_of(service, request.spec, request.environment), None, None)

    @fault_point("render.retire")
    async def retire(self, app: App, deployment_id: UUID) -> None:
        """Cancel what still goes on of a deployment whose process died. Render drains and stops a
        release by itself when the next is live."""
        with contextlib.suppress(InvalidInput):  # of several workspaces none is chosen, nor used
            for service in await self._all_services_of(app):
                await self._services.cancel_of(service.id, deployment_id)

    @fault_point("render.leave")
    async def leave(self, app: App) -> None:
        """Suspend what works by itself. A site, web or private service goes on: visitors and other
        apps may come by its address, and a rollback to it takes no build."""
        with contextlib.suppress(InvalidInput):  # as above
            for service in await self._all_services_of(app):
                if service.type in _SELF_ACTING:
                    await self._absence.begin(service)

    @fault_point("render.prepare")
    async def prepare(self, app: App, artifacts: Mapping[str, BuildSpec]) -> None:
        """Nothing: Render keeps its builds itself."""

    @fault_point("render.destroy")
    async def destroy(self, app: App) -> None:
        """Delete the services, with their deploys, variables and address."""
        with contextlib.suppress(InvalidInput):  # of several workspaces none was chosen, nor used
            for service in await self._all_services_of(app):
                await self._api.delete_service(service.id)

    @fault_point("render.remove_builds")
    async def remove_builds(self, app: App) -> None:
        """Nothing: builds belong to the service and go with it."""

    @fault_point("render.ensure_domain")
    async def ensure_domain(self, app: App, name: str) -> DomainStatus:
        service = next(iter(await self._services_of(app)), None)
        if service is None:
            raise _not_there()
        if service.type in _NOT_PUBLIC:
            raise DomainRefused(
                f"The app is {_NOT_PUBLIC[service.type]}.",
                remedy="Add the domain to the environment of an app that everybody may reach.",
            )
        return await ServiceDomains(self._api, service).serve(name)

    @fault_point("render.remove_domain_of_app")
    async def remove_domain(self, app: App, name: str) -> None:
        for service in await self._services_of(app):
            await ServiceDomains(self._api, service).remove(name)

    async def compare(self, declared: DeclaredApp) -> Comparison:
        service = next(iter(await self._services_of(declared.app)), None)
        if service is None:
            return Comparison((Drift(DriftKind.APP, declared=service_name(declared.app)),))
        beside = await self._beside.find_all(declared.app, service.owner_id)
        return await compare_services(
            self._api, service, beside, declared, plan=self._plan, region=self._region
        )

    async def app_charges(self, app: App) -> tuple[Charge, ...]:
        """Of its service, and of what runs beside it."""
        return tuple(map(charge_of_service, await self._services_there(app)))

    async def app_usage(self, app: App) -> tuple[Usage, ...]:
        return await read_bandwidth(self._api, await self._services_there(app), self._timing.now())

    async def runtime_lines(
        self, release: Release, cursor: str | None, wait_seconds: float
    ) -> RuntimeLines:
        return await read_output(self._api, release, cursor, wait_seconds, self._timing)

    async def measure_app(self, app: App, release: Release) -> AppMetrics:
        return await measure_app(self._api, release.resources["service"], self._timing.now())

    async def _services_of(self, app: App) -> list[Service]:
        owner_id = await owner_of(self._api, self._owner_id)
        return await self._api.find_services(service_name(app), owner_id)

    async def _all_services_of(self, app: App) -> list[Service]:
        """What runs beside the app at first: none of it is left without the app."""
        owner_id = await owner_of(self._api, self._owner_id)
        beside = await self._beside.find_all(app, owner_id)
        return [*beside.values(), *await self._api.find_services(service_name(app), owner_id)]

    async def _services_there(self, app: App) -> list[Service]:
        """All of an app whose own is there. Raises ``NotFound``."""
        found = await self._all_services_of(app)
        if service_name(app) not in {each.name for each in found}:
            raise _not_there()
        return found

    async def _deploy_of(self, service_id: str, deploy_id: str) -> Deploy:
        deploy = await find(self._api.deploy(service_id, deploy_id))
        if deploy is None:
            raise DeploymentFailed(
                "Render has this build no more.",
                remedy="Deploy the commit again.",
            )
        return deploy

    async def _stop_build(self, request: BuildRequest, name: str, owner_id: str) -> None:
        """Cancel what was started, also where the answer with its id did not come any more. Where
        nothing may be noted another process has taken over, and the build is its own."""
        notes = request.notes
        await notes.keep()
        service_id = notes.values.get("service")
        if service_id is None and "creating" in notes.values:
            service = await self._services.find(name, owner_id)
            service_id = service.id if service else None
        if service_id is not None:
            await self._services.cancel_started(service_id, notes)
        await self._beside.stop(request, owner_id)


def _not_there() -> NotFound:
    return NotFound("Render has no service of this app.", remedy="Deploy it.")
