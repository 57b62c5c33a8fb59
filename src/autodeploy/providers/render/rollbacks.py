"""Rollbacks at Render: a new deploy of what an earlier one built.

A release has no notes, and Render takes no id of ours. So a rollback whose answer was lost is known
by what it is: the newest deploy that has not failed, made by a rollback to the same build. To find
one that another call has made does no harm: it has the app run exactly what is asked for.
"""

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.patience import look_for, outwait_limit
from autodeploy.providers.render.shapes import FAILED, Deploy


class Rollbacks:
    def __init__(self, api: RenderApi, timing: Timing):
        self._api = api
        self._timing = timing

    @fault_point("render.roll_back")
    async def ensure(self, service_id: str, target: Deploy, log: LogSink) -> Deploy:
        """The deploy that brings ``target`` back, started unless it is there."""
        found = await self.find(service_id, target)
        if found is not None:
            return found
        try:
            return await outwait_limit(
                lambda: self._api.roll_back(service_id, target.id),
                "starts more deploys of this service", log, self._timing,
            )  # fmt: skip
        except OutcomeUnknown:
            found = await look_for(lambda: self.find(service_id, target), self._timing)
            if found is None:
                raise
            return found

    async def find(self, service_id: str, target: Deploy) -> Deploy | None:
        """The rollback to ``target`` that is going on or was the last to have traffic."""
        for deploy in await self._api.deploys(service_id):
            if deploy.status in FAILED:
                continue
            if deploy.trigger != "rollback" or deploy.id == target.id:
                return None
            return deploy if await self._leads_to(service_id, deploy, target) else None
        return None

    async def _leads_to(self, service_id: str, deploy: Deploy, target: Deploy) -> bool:
        """By the event of its start, or where that does not tell yet, by its commit."""
        for event in await self._api.events(service_id, deploy.created_at):
            details = event.details
            if details is None or details.deploy_id != deploy.id or details.trigger is None:
                continue
            if details.trigger.rollback_target is not None:
                return details.trigger.rollback_target == target.id
        return deploy.commit_sha is not None and deploy.commit_sha == target.commit_sha
