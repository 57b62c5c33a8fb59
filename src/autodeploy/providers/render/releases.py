"""How a build at Render comes to be live: by its deploy or another one of it, and then what runs
beside the app.
"""

import asyncio
from dataclasses import dataclass

from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import KeptLog, LogSink, Release, ReleaseRequest
from autodeploy.providers.hosted import undo
from autodeploy.providers.render.absence import Absence
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.beside import Beside
from autodeploy.providers.render.blueprints import variables_of
from autodeploy.providers.render.following import RELEASE_SECONDS, Follower
from autodeploy.providers.render.instances import scale
from autodeploy.providers.render.reuse import Reuse
from autodeploy.providers.render.services import Services
from autodeploy.providers.render.shapes import (
    ENDED,
    REACHED,
    Deploy,
    DeployStatus,
    Service,
    ServiceType,
)


@dataclass(frozen=True)
class Releases:
    """The releases of the apps of one account."""

    api: RenderApi
    services: Services
    absence: Absence
    reuse: Reuse
    follower: Follower
    beside: Beside
    timing: Timing

    async def make(
        self,
        request: ReleaseRequest,
        service: Service,
        target: Deploy,
        *,
        again: bool,
        log: KeptLog,
    ) -> Release:
        """Have what ``target`` built be live, with what runs beside it; ``again`` is whether it is
        to be deployed once more.

        Raises ``DeploymentFailed``.
        """
        variables = variables_of(request.spec, request.environment)
        try:
            deploy = target
            if again:
                await self.absence.end(service)
                await self.services.set_runtime(service, request.spec, log)
                await self._set_health_path(request, service, target, log)
                deploy = await self.reuse.ensure(
                    service.id, target, variables, request.deployment_id, log
                )
            deploy = await self.follower.follow(
                service, deploy.id, REACHED, within_seconds=RELEASE_SECONDS, log=log
            )
            if deploy.status is DeployStatus.LIVE:
                await scale(self.api, service, request.spec, log, self.timing)
            built = target if again else None
            beside = await self.beside.release(request, service, deploy, built, log)
        except asyncio.CancelledError:
            await undo(lambda: self._stop(request, service, target, again, log))
            raise
        resources = {"service": service.id, "deploy": deploy.id, "owner": service.owner_id}
        return Release(
            request.deployment_id,
            {**resources, **({"beside": beside} if beside else {})},
            _check_urls(service),
        )

    async def _set_health_path(
        self, request: ReleaseRequest, service: Service, target: Deploy, log: LogSink
    ) -> None:
        """An earlier build has that which it declared, if any: a later one's may not be there. What
        is live already keeps what was set in the dashboard where it declares none."""
        path = request.spec.health_path
        if path is not None or target.status is not DeployStatus.LIVE:
            await self.services.set_health_path(service, path or "", log)

    async def _stop(
        self,
        request: ReleaseRequest,
        service: Service,
        target: Deploy,
        again: bool,
        log: KeptLog,
    ) -> None:
        """Cancel what was started. It is told first: where that cannot be stored another process
        has taken over, and the release is its own."""
        await log("info", "render", "Cancelling what goes on at Render.")
        await log.stored()
        if again:
            await self.reuse.cancel(service.id, request.deployment_id)
        else:
            deploy = await self.api.deploy(service.id, target.id)
            if deploy.status not in ENDED:
                await self.services.cancel(service.id, deploy.id)
        await self.beside.stop(request, service.owner_id)


def _check_urls(service: Service) -> tuple[str, ...]:
    """Render itself asks for a health path only where there is one, and is content with less."""
    details = service.details
    if details is None or service.type is not ServiceType.WEB or details.subdomain == "disabled":
        return ()
    return (details.site,) if details.site else ()
