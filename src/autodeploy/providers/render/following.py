"""A deploy at Render, followed to where it is to come, with what it says on the way."""

from collections import deque
from collections.abc import Set

from autodeploy.kernel.errors import AutoDeployError, DeploymentFailed
from autodeploy.kernel.http.outages import outlast
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink, Notes
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.failures import explain
from autodeploy.providers.render.patience import find, poll_seconds
from autodeploy.providers.render.shapes import FAILED, Deploy, DeployStatus, Service
from autodeploy.providers.render.trails import Trail

BUILD_SECONDS = 3600.0
RELEASE_SECONDS = 1800.0
_TAIL = 30
_PHASES = {
    DeployStatus.CREATED: "Render has accepted the deploy.",
    DeployStatus.QUEUED: "The deploy waits at Render.",
    DeployStatus.BUILDING: "Render builds it.",
    DeployStatus.PREPARING: "Render runs the release command.",
    DeployStatus.UPDATING: "Render starts the new release and checks its health.",
    DeployStatus.LIVE: "The release is live at Render.",
}


class BuildLines:
    """The lines of a build, told once each; ``tail`` are the last of them."""

    def __init__(
        self, api: RenderApi, service: Service, deploy: Deploy, notes: Notes, log: LogSink
    ):
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self._trail = Trail(api, service.owner_id, service.id, "build")
        self._notes = notes
        self._log = log
        state = notes.values.get("log")
        if state:
            self._trail.resume(state)
        elif deploy.created_at is not None:
            # The log of a service does not tell its deploys apart, but by their times.
            self._trail.begin(deploy.created_at)

    async def relay(self) -> None:
        """Tell what is new. A log that cannot be read for now ends no build."""
        try:
            lines = await self._trail.fresh()
        except AutoDeployError:
            return
        for line in lines:
            self.tail.append(line.message)
            level = "error" if line.label("level") == "error" else "info"
            await self._log(level, "build", line.message)
        if lines:
            await self._notes.keep(log=self._trail.state)


class Follower:
    """Asks how a deploy fares until it has come to where it is to come."""

    def __init__(self, api: RenderApi, timing: Timing):
        self._api = api
        self._timing = timing

    async def follow(
        self,
        service: Service,
        deploy_id: str,
        until: Set[DeployStatus],
        *,
        within_seconds: float,
        log: LogSink,
        lines: BuildLines | None = None,
    ) -> Deploy:
        """The deploy with one of these statuses; one that nobody knows ends nothing.

        Raises ``DeploymentFailed`` when it fails, is cancelled or gone, or takes too long.
        """
        begun = self._timing.monotonic()
        told = None
        while True:
            deploy = await outlast(
                lambda: find(self._api.deploy(service.id, deploy_id)), self._timing
            )
            if lines:
                await lines.relay()
            if deploy is None:
                raise DeploymentFailed(
                    "The deploy is no longer at Render: its service was removed.",
                    remedy="Deploy again, which makes it anew.",
                )
            if deploy.status is not told and deploy.status in _PHASES:
                await log("info", "render", _PHASES[deploy.status])
            told = deploy.status
            if deploy.status in until:
                return deploy
            if deploy.status in FAILED:
                raise await self._failure(service, deploy, lines)
            waited = self._timing.monotonic() - begun
            if waited >= within_seconds:
                raise DeploymentFailed(
                    f"Render has not come to an end with it within {within_seconds / 60:.0f} min "
                    f"(its status is {deploy.status.value}).",
                    remedy="See in Render's dashboard what it waits for, and deploy again.",
                )
            await self._timing.sleep(poll_seconds(waited))

    async def _failure(
        self, service: Service, deploy: Deploy, lines: BuildLines | None
    ) -> DeploymentFailed:
        # The last lines, which say why, are stored a little after they were said.
        await self._timing.sleep(poll_seconds(0))
        if lines:
            await lines.relay()
            tail = list(lines.tail)
        else:
            tail = await self._read_tail(service, deploy)
        return await explain(self._api, service.id, deploy, tail)

    async def _read_tail(self, service: Service, deploy: Deploy) -> list[str]:
        """The last that its build has said, or else that the app has since the deploy began, the
        release before included."""
        kind = "build" if deploy.status is DeployStatus.BUILD_FAILED else "app"
        trail = Trail(self._api, service.owner_id, service.id, kind)
        if deploy.created_at is not None:
            trail.begin(deploy.created_at)
        try:
            return [line.message for line in await trail.fresh()][-_TAIL:]
        except AutoDeployError:
            return []
