"""The service of an app at Render, and the deploy of a build: made once each, whatever gets lost.

What is noted of a build, in this order: ``creating`` (the service's name) and ``starting`` (the
commit, the newest deploy before, and whether it begins with the service) as intents, ``service``
and ``deploy`` as ids. Render takes no id of ours, so a deploy whose answer was lost is known by
what it is: newer than the one noted, and of the commit.
"""

from collections.abc import Mapping
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed, InvalidInput
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused, ProviderUnavailable
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import BuildSpec, LogSink, Notes
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.blueprints import Blueprint
from autodeploy.providers.render.builds import app_details, root_of, runtime_of
from autodeploy.providers.render.catalogue import FREE
from autodeploy.providers.render.naming import DEPLOYMENT
from autodeploy.providers.render.patience import find, look_for, outwait_limit
from autodeploy.providers.render.shapes import (
    ENDED,
    Deploy,
    DeployStatus,
    Details,
    Service,
    ServiceType,
)

# How long the first deploy of a service may take to say which commit it is of.
_COMMIT_SECONDS = 15.0
_POLL_SECONDS = 2.0
_CONFLICT = 409


async def owner_of(api: RenderApi, chosen: str | None) -> str:
    """The workspace that is meant. Raises ``InvalidInput`` where none is chosen of several."""
    if chosen:
        return chosen
    owners = await api.owners()
    if len(owners) != 1:
        raise InvalidInput(
            "The account has several workspaces at Render, or none.",
            field="owner_id",
            remedy=f"Choose one: {', '.join(each.name or each.id for each in owners) or 'none'}.",
        )
    return owners[0].id


def require_running(service: Service) -> None:
    """Raise ``DeploymentFailed`` for one that somebody has suspended."""
    if service.is_suspended:
        raise DeploymentFailed(
            f"The service {service.name} is suspended at Render.",
            remedy="Resume it in Render's dashboard and deploy again.",
        )


class Services:
    """Makes sure of services and starts their deploys."""

    def __init__(self, api: RenderApi, timing: Timing):
        self._api = api
        self._timing = timing

    async def ensure(
        self, blueprint: Blueprint, owner_id: str, notes: Notes, log: LogSink
    ) -> Service:
        """The service as drawn: found, changed where it differs, or created."""
        found = await self.find(blueprint.name, owner_id)
        if found is None:
            return await self._create(blueprint, owner_id, notes, log)
        await self._change(found, blueprint, log)
        await notes.keep(service=found.id)
        return found

    async def find(self, name: str, owner_id: str) -> Service | None:
        return next(iter(await self._api.find_services(name, owner_id)), None)

    async def find_live(self, service_id: str) -> Deploy | None:
        """The deploy that has the traffic; None where none has, or none of the newest."""
        newest = await self._api.deploys(service_id)
        return next((each for each in newest if each.status is DeployStatus.LIVE), None)

    async def start(self, service: Service, commit_sha: str, notes: Notes, log: LogSink) -> Deploy:
        """The deploy of a commit: that which an earlier call started, or a new one.

        One that was cancelled is left: a worker that stops cancels its calls, which cancel what
        they have started, and the next worker begins here.
        """
        known = notes.values.get("deploy")
        deploy = await find(self._api.deploy(service.id, known)) if known else None
        if deploy is None or deploy.status is DeployStatus.CANCELED:
            deploy = await self._find_started(service.id, commit_sha, notes)
        if deploy is None:
            deploy = await self._start(service.id, commit_sha, notes, log)
        await notes.keep(deploy=deploy.id)
        return deploy

    async def cancel_started(self, service_id: str, notes: Notes) -> None:
        """Cancel what goes on since the intent that is noted. Others start nothing there."""
        intent = notes.values.get("starting")
        for deploy in await self._api.deploys_since(service_id, intent["after"]) if intent else ():
            if deploy.status not in ENDED:
                await self.cancel(service_id, deploy.id)

    async def cancel_of(self, service_id: str, deployment_id: UUID) -> None:
        """Cancel what goes on of a deployment, which the service's variables tell.

        A later one sets its variables before it starts a deploy. So they are read last: while they
        are those of this one, nothing that was listed is of a later one.
        """
        under_way = [
            each
            for each in await self._api.deploys(service_id)
            if each.status not in ENDED and not each.is_of_others
        ]
        if not under_way:
            return
        held = await self._api.variables(service_id)
        if held.get(DEPLOYMENT) == str(deployment_id):
            for deploy in under_way:
                await self.cancel(service_id, deploy.id)

    async def stop_begun(self, service_id: str, before: str | None, *, awaited: bool) -> None:
        """Stop what has begun since the deploy ``before``, where that was Render's own doing and
        nobody has asked for it; ``awaited`` what shows only after a moment, too."""

        async def find_begun() -> list[Deploy] | None:
            return await self._api.deploys_since(service_id, before) or None

        found = await look_for(find_begun, self._timing) if awaited else await find_begun()
        for deploy in found or ():
            if deploy.status not in ENDED:
                await self.cancel(service_id, deploy.id)

    async def _create(
        self, blueprint: Blueprint, owner_id: str, notes: Notes, log: LogSink
    ) -> Service:
        await notes.keep(
            creating=blueprint.name, starting=_intent(blueprint.commit_sha, None, with_service=True)
        )
        service = await self.make(blueprint, owner_id, log)
        await notes.keep(service=service.id)
        return service

    @fault_point("render.create_service")
    async def make(self, blueprint: Blueprint, owner_id: str, log: LogSink) -> Service:
        """A new service, whose first deploy starts at once; or that which another call made
        meanwhile, or this one, whose answer was lost."""
        body = blueprint.creation(owner_id)
        try:
            service = await outwait_limit(
                lambda: self._api.create_service(body), "makes more services", log, self._timing
            )
        except (OutcomeUnknown, ProviderRefused) as error:
            # 409: another call was faster, or this one was and its answer was lost.
            if isinstance(error, ProviderRefused) and error.answered != _CONFLICT:
                raise
            found = await look_for(lambda: self.find(blueprint.name, owner_id), self._timing)
            if found is None:
                raise
            await self._change(found, blueprint, log)
            service = found
        await log("info", "render", f"Made the service {service.name} at Render.")
        return service

    @fault_point("render.change_service")
    async def _change(self, found: Service, blueprint: Blueprint, log: LogSink) -> None:
        await self.change_settings(found, blueprint, log)
        if blueprint.type is ServiceType.STATIC:
            await self._api.set_routes(found.id, blueprint.routes)
        # The service is ours alone, and so are its variables: what is not ours any more goes.
        await self._api.set_variables(found.id, blueprint.variables)

    async def change_settings(self, found: Service, blueprint: Blueprint, log: LogSink) -> None:
        """Make its settings be as drawn, but for its variables."""
        require_running(found)
        change = blueprint.change(found)
        if change is not None:
            await self.change(found, change, log)

    async def set_health_path(self, found: Service, path: str, log: LogSink) -> None:
        """Have Render ask there whether a web service is well, from its next deploy on."""
        known = (found.details and found.details.health_path) or ""
        if found.type is ServiceType.WEB and path != known:
            await self.change(found, {"serviceDetails": {"healthCheckPath": path}}, log)

    async def set_runtime(self, found: Service, spec: BuildSpec, log: LogSink) -> None:
        """Have a service that is built in another way be built as ``spec`` says, from its next
        build on. Its deploys of earlier builds are run as those were."""
        known = found.details or Details()
        if found.type is ServiceType.STATIC or known.runtime in (None, runtime_of(spec)):
            return
        details = app_details(spec, known.plan or FREE)
        await self.change(found, {"rootDir": root_of(spec), "serviceDetails": details}, log)

    async def change(self, found: Service, change: Mapping[str, object], log: LogSink) -> None:
        await outwait_limit(
            lambda: self._api.change_service(found.id, change),
            "changes this service", log, self._timing,
        )  # fmt: skip

    async def _find_started(self, service_id: str, commit_sha: str, notes: Notes) -> Deploy | None:
        """The deploy that an earlier call started, or that began with the service itself.

        The latter is of the newest commit of the branch, which it tells after a moment. When that
        is another one it is stopped, since nobody asked for it.
        """
        intent = notes.values.get("starting")
        if intent is None or not intent["with_service"]:
            return await self._find_asked(service_id, notes) if intent else None
        deadline = self._timing.monotonic() + _COMMIT_SECONDS
        while True:
            deploys = await self._api.deploys_since(service_id, None)
            ours = next((each for each in deploys if _is_of(each, commit_sha)), None)
            first = deploys[-1] if deploys else None
            settled = first is not None and first.commit_sha is not None
            if ours or settled or self._timing.monotonic() >= deadline:
                break
            await self._timing.sleep(_POLL_SECONDS)
        if ours is None and first is not None and first.status not in ENDED:
            await self.cancel(service_id, first.id)
        return ours

    async def _find_asked(self, service_id: str, notes: Notes) -> Deploy | None:
        """The deploy that was asked for since the intent that is noted."""
        intent = notes.values["starting"]
        for deploy in await self._api.deploys_since(service_id, intent["after"]):
            # One that waits in the queue tells no commit yet, and may not tell who asked for it.
            waits = deploy.commit_sha is None and deploy.trigger in (None, "api")
            if deploy.status is not DeployStatus.CANCELED and (
                waits or deploy.commit_sha == intent["commit"]
            ):
                return deploy
        return None

    @fault_point("render.start_deploy")
    async def _start(self, service_id: str, commit_sha: str, notes: Notes, log: LogSink) -> Deploy:
        await self._intend(service_id, commit_sha, notes)
        lost: ProviderUnavailable | None = None
        try:
            deploy = await outwait_limit(
                lambda: self._api.start_deploy(service_id, commit_sha),
                "starts more deploys of this service", log, self._timing,
            )  # fmt: skip
        except OutcomeUnknown as error:
            deploy, lost = None, error
        deploy = deploy or await look_for(lambda: self._find_asked(service_id, notes), self._timing)
        if deploy is None:
            raise lost or self.not_shown()
        return deploy

    async def _intend(self, service_id: str, commit_sha: str, notes: Notes) -> None:
        """Note what is to be started, and after which deploy. What stands is left as it is: a
        later place would hide what was asked for by then.

        Raises ``ProviderUnavailable`` while that may be one that does not tell what it is.
        """
        intent = notes.values.get("starting")
        if intent is not None and not intent["with_service"]:
            since = await self._api.deploys_since(service_id, intent["after"])
            if any(_is_anybodys(each) for each in since):
                raise self.not_shown()
            return
        newest = next(iter(await self._api.deploys(service_id, 1)), None)
        after = newest.id if newest else None
        await notes.keep(starting=_intent(commit_sha, after, with_service=False))

    @fault_point("render.cancel_deploy")
    async def cancel(self, service_id: str, deploy_id: str) -> None:
        """Stop a deploy; one that has ended meanwhile needs no stopping."""
        try:
            await find(self._api.cancel_deploy(service_id, deploy_id))
        except ProviderRefused:
            return

    def not_shown(self) -> ProviderUnavailable:
        return ProviderUnavailable(
            "Render has queued the deploy, and does not show it.",
            remedy="Try again in a moment: it is found then.",
        )


def _is_of(deploy: Deploy, commit_sha: str) -> bool:
    return deploy.commit_sha == commit_sha and deploy.status is not DeployStatus.CANCELED


def _is_anybodys(deploy: Deploy) -> bool:
    """Whether it may be one that was asked for here: it tells neither its commit nor who did."""
    is_told = deploy.commit_sha is not None or deploy.is_of_others
    return not is_told and deploy.status is not DeployStatus.CANCELED


def _intent(commit_sha: str, after: str | None, *, with_service: bool) -> dict[str, object]:
    return {"commit": commit_sha, "after": after, "with_service": with_service}
