"""Services that stand still at Render while their app is live at another provider.

Workers and crons work by themselves, and would do so twice. So they are suspended, and resumed by
the deployment that brings the app back. What somebody has suspended in Render's dashboard stays as
it is: Render does not tell for whom a service was suspended (``suspenders`` names the kind of user
alone, render-oss/sdk, 2026-08-21), so ours are marked in a variable of theirs before they are.
"""

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.naming import LEFT, MARK
from autodeploy.providers.render.patience import look_for
from autodeploy.providers.render.services import Services, require_running
from autodeploy.providers.render.shapes import Service


class Absence:
    """Begins and ends that of a service."""

    def __init__(self, api: RenderApi, services: Services, timing: Timing):
        self._api = api
        self._services = services
        self._timing = timing

    async def begin(self, service: Service) -> None:
        """Suspend it, unless it is. Idempotent."""
        if not service.is_suspended:
            await self._mark(service.id)
            await self._suspend(service.id)

    async def end(self, service: Service) -> Service:
        """The service as it runs. One that we have suspended is resumed, and what Render starts of
        its own then is stopped: it is of an earlier release.

        Raises as ``require_ours``, and ``ProviderUnavailable`` for one that stays suspended.
        """
        if not service.is_suspended:
            return service
        await self.require_ours(service)
        newest = next(iter(await self._api.deploys(service.id, 1)), None)
        await self._resume(service.id)
        await self._services.stop_begun(service.id, newest.id if newest else None, awaited=True)
        resumed = await look_for(lambda: self._find_running(service.id), self._timing)
        if resumed is None:
            raise ProviderUnavailable(
                f"Render has not resumed the service {service.name}.",
                remedy="See in Render's dashboard why it is suspended, and deploy again.",
            )
        return resumed

    async def require_ours(self, service: Service) -> None:
        """Raise ``DeploymentFailed`` for one that somebody else has suspended."""
        if service.is_suspended and (await self._api.variables(service.id)).get(MARK) != LEFT:
            require_running(service)

    async def _find_running(self, service_id: str) -> Service | None:
        service = await self._api.service(service_id)
        return None if service.is_suspended else service

    @fault_point("render.mark_left")
    async def _mark(self, service_id: str) -> None:
        held = await self._api.variables(service_id)
        await self._api.set_variables(service_id, {**held, MARK: LEFT})

    @fault_point("render.suspend")
    async def _suspend(self, service_id: str) -> None:
        await self._api.suspend(service_id)

    @fault_point("render.resume")
    async def _resume(self, service_id: str) -> None:
        await self._api.resume(service_id)
