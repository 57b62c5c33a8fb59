"""Builds of earlier deployments, released again: rollbacks, and redeploys with other variables.

A release has no notes, and Render takes no id of ours. So the intent is kept at Render, in a
variable of the service: which deployment it is, and the newest deploy before. What was started
since is its deploy, also when the answer was lost.
"""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.naming import LEFT, MARK
from autodeploy.providers.render.patience import look_for, outwait_limit
from autodeploy.providers.render.services import Services
from autodeploy.providers.render.shapes import ENDED, FAILED, Deploy, DeployStatus

# What does not tell who started it counts as ours: a second one would be worse.
_OURS = {None, "api", "rollback"}


class Reuse:
    """Has the app run what an earlier deploy built."""

    def __init__(self, api: RenderApi, services: Services, timing: Timing):
        self._api = api
        self._services = services
        self._timing = timing

    async def ensure(
        self,
        service_id: str,
        target: Deploy,
        variables: Mapping[str, str],
        deployment_id: UUID,
        log: LogSink,
    ) -> Deploy:
        """The deploy with what ``target`` built and these variables: that which stands, or that
        which an earlier call started, or a new one."""
        held = await self._api.variables(service_id)
        mark = held.pop(MARK, "")
        before = _marked(mark, deployment_id)
        if before is None and mark != LEFT:
            standing = await self._find_standing(service_id, target)
            if standing is not None and held == variables:
                return standing

        async def start(before: str) -> Deploy | None:
            return await self.start_again(service_id, target, before)

        if before is None:
            before = await self._mark(service_id, variables, deployment_id)
        return await self._start_once(service_id, before, start, log)

    async def begin(
        self,
        service_id: str,
        variables: Mapping[str, str],
        deployment_id: UUID,
        start: Callable[[str], Awaitable[Deploy | None]],
        log: LogSink,
    ) -> Deploy:
        """The deploy of a deployment, with these variables: that which an earlier call started, or
        what ``start`` starts, which is told the newest deploy before."""
        held = await self._api.variables(service_id)
        before = _marked(held.get(MARK, ""), deployment_id)
        if before is None:
            before = await self._mark(service_id, variables, deployment_id)
        return await self._start_once(service_id, before, start, log)

    async def _start_once(
        self,
        service_id: str,
        before: str,
        start: Callable[[str], Awaitable[Deploy | None]],
        log: LogSink,
    ) -> Deploy:
        started = await self._find_started(service_id, before)
        return started or await self._start(service_id, before, start, log)

    async def start_again(self, service_id: str, target: Deploy, before: str) -> Deploy | None:
        """Start a deploy of what ``target`` built. A rollback to the newest deploy is none: what it
        has built is deployed once more."""
        if before == target.id:
            return await self._api.start_deploy(service_id, None)
        return await self._api.roll_back(service_id, target.id)

    async def cancel(self, service_id: str, deployment_id: UUID) -> None:
        """Cancel what was started for the deployment and goes on."""
        held = await self._api.variables(service_id)
        before = _marked(held.get(MARK, ""), deployment_id)
        started = await self._find_started(service_id, before) if before is not None else None
        if started is not None and started.status not in ENDED:
            await self._services.cancel(service_id, started.id)

    @fault_point("render.mark_release")
    async def _mark(
        self, service_id: str, variables: Mapping[str, str], deployment_id: UUID
    ) -> str:
        newest = next(iter(await self._api.deploys(service_id, 1)), None)
        before = newest.id if newest else ""
        mark = {MARK: f"{deployment_id}/{before}"}
        await self._api.set_variables(service_id, {**variables, **mark})
        return before

    @fault_point("render.release_again")
    async def _start(
        self,
        service_id: str,
        before: str,
        start: Callable[[str], Awaitable[Deploy | None]],
        log: LogSink,
    ) -> Deploy:
        lost: Exception | None = None
        deploy = None
        try:
            what = "starts more deploys of this service"
            deploy = await outwait_limit(lambda: start(before), what, log, self._timing)
        except OutcomeUnknown as error:
            lost = error
        deploy = deploy or await look_for(
            lambda: self._find_started(service_id, before), self._timing
        )
        if deploy is None:
            raise lost or self._services.not_shown()
        return deploy

    async def _find_started(self, service_id: str, before: str) -> Deploy | None:
        for deploy in await self._api.deploys_since(service_id, before):
            if deploy.trigger in _OURS and deploy.status not in FAILED:
                return deploy
        return None

    async def _find_standing(self, service_id: str, target: Deploy) -> Deploy | None:
        """The deploy that has the traffic, or is about to, where that is what ``target`` built."""
        if target.status is DeployStatus.LIVE:
            return target
        newest = next(
            (each for each in await self._api.deploys(service_id) if each.status not in FAILED),
            None,
        )
        if newest is None or newest.trigger != "rollback":
            return None
        for event in await self._api.events(service_id, newest.created_at):
            details = event.details
            if details and details.deploy_id == newest.id and details.trigger:
                return newest if details.trigger.rollback_target == target.id else None
        return None


def _marked(mark: str, deployment_id: UUID) -> str | None:
    """The newest deploy before the intent; None where the mark is of another deployment."""
    deployment, _, before = mark.partition("/")
    return before if deployment == str(deployment_id) else None
