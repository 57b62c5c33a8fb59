"""The workers and crons beside an app at Render, each a service of its own.

Render can neither make a service without starting a deploy of it, nor build one and hold it back.
So this is the order:

1. Before the app is built, services that are missing are made, and their first deploys stopped:
   what Render refuses, such as a plan that nobody pays for, is refused while all is as it was.
2. When the app is live, and its release command has been run, their deploys of the same commit
   are started, and awaited. They build what the app has built already, so that little is left
   to fail. When one fails, it goes on as it was, and the app with the others is brought back.
3. When all are live, those that the app has no more are removed.

Nothing is noted here: the services are found by their names, and what was started for a deployment
by the intent that is kept at Render (``reuse``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.providers.base import App, BuildRequest, BuildSpec, LogSink, ReleaseRequest
from autodeploy.providers.render.absence import Absence
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.blueprints import Blueprint
from autodeploy.providers.render.companions import Companion, Shared, draw_companions
from autodeploy.providers.render.following import BUILD_SECONDS, RELEASE_SECONDS, Follower
from autodeploy.providers.render.naming import MARK, names_beside
from autodeploy.providers.render.reuse import Reuse
from autodeploy.providers.render.services import Services
from autodeploy.providers.render.shapes import REACHED, Deploy, DeployStatus, Service


@dataclass(frozen=True)
class _Release:
    """``built`` is the deploy of the app whose build is used again, None where the app was built
    for this deployment."""

    deployment_id: UUID
    commit_sha: str
    built: Deploy | None


class Beside:
    """``plan`` and ``region`` are those of what none was chosen for."""

    def __init__(
        self,
        api: RenderApi,
        services: Services,
        absence: Absence,
        reuse: Reuse,
        follower: Follower,
        *,
        plan: str,
        region: str,
    ):
        self._api = api
        self._services = services
        self._absence = absence
        self._reuse = reuse
        self._follower = follower
        self._plan = plan
        self._region = region

    async def find_all(self, app: App, owner_id: str) -> dict[str, Service]:
        """Those that are there, by name, also of what the app has no more."""
        is_ours = names_beside(app)
        found = await self._api.list_services(owner_id)
        return {each.name: each for each in found if is_ours(each.name)}

    @fault_point("render.prepare_beside")
    async def prepare(
        self,
        request: BuildRequest,
        drawn: Blueprint,
        found: Service | None,
        owner_id: str,
        log: LogSink,
    ) -> None:
        """Make those that are missing, which run nothing yet, and give the others the plan that was
        chosen; the app is to be as ``drawn``, and was ``found`` so far.

        Raises ``DeploymentFailed`` for one that somebody has suspended.
        """
        if not _has_any(request.spec):
            return
        shared = Shared.of_build(request, drawn, found, plan=self._plan, region=self._region)
        companions = draw_companions(request.app, request.spec, shared)
        there = await self.find_all(request.app, owner_id)
        for each in companions:
            if each.name in there:
                await self._absence.require_ours(there[each.name])
                await self._set_plan(there[each.name], each, request.plan, log)
        await self._make_missing(companions, there, owner_id, log)

    async def release(
        self,
        request: ReleaseRequest,
        service: Service,
        live: Deploy,
        built: Deploy | None,
        log: LogSink,
    ) -> Mapping[str, str]:
        """Have all of them run the commit that the app's ``service`` runs by its deploy ``live``,
        and no others. Returns their deploys by their names: none where another deploy has taken the
        app's place meanwhile.

        Raises ``DeploymentFailed``.
        """
        if live.status is not DeployStatus.LIVE:
            return {}
        companions = await self._draw(request, service, live)
        there = await self.find_all(request.app, service.owner_id)
        await self._make_missing(companions, there, service.owner_id, log)
        release = _Release(request.deployment_id, live.commit_sha or "", built)
        started = {
            each.name: await self._start(there[each.name], each, release, log)
            for each in companions
        }
        for each in companions:
            await self._await(there[each.name], each, started[each.name], release.commit_sha, log)
        for name in sorted(there.keys() - started.keys()):
            await self._remove(there[name])
            await log("info", "render", f"Removed {name}, which the app has no more.")
        return {name: deploy.id for name, deploy in started.items()}

    async def stop(self, request: BuildRequest | ReleaseRequest, owner_id: str) -> None:
        """Cancel what goes on of a deployment."""
        if _has_any(request.spec):
            for service in (await self.find_all(request.app, owner_id)).values():
                await self._services.cancel_of(service.id, request.deployment_id)

    async def _draw(
        self, request: ReleaseRequest, service: Service, live: Deploy
    ) -> list[Companion]:
        if not _has_any(request.spec):
            return []
        if live.commit_sha is None:
            raise ProviderUnavailable(
                "Render does not tell which commit the app runs, and the workers and crons beside "
                "it are to run the same.",
                remedy="Try again in a moment.",
            )
        variables = await self._api.variables(service.id)
        variables.pop(MARK, None)
        shared = Shared.of_service(
            service, variables, live.commit_sha, plan=self._plan, region=self._region
        )
        return draw_companions(request.app, request.spec, shared)

    @fault_point("render.remove_beside")
    async def _remove(self, service: Service) -> None:
        await self._api.delete_service(service.id)

    async def _make_missing(
        self, companions: list[Companion], there: dict[str, Service], owner_id: str, log: LogSink
    ) -> None:
        """Add to ``there`` what is made. A call that died may have left the first deploy of one."""
        missing = [each for each in companions if each.name not in there]
        if missing:
            titles = ", ".join(each.title for each in missing)
            plan = missing[0].blueprint.fixed["plan"]  # that of all
            await log("info", "render", f"Beside the app, on the plan {plan}: {titles}.")
        for each in missing:
            there[each.name] = await self._services.make(each.blueprint, owner_id, log)
        for each in companions:
            service = there[each.name]
            if MARK not in await self._api.variables(service.id):
                # It began with the newest commit, before the app has prepared what that needs.
                await self._services.stop_begun(service.id, None, awaited=each in missing)

    async def _set_plan(
        self, service: Service, wanted: Companion, chosen: str | None, log: LogSink
    ) -> None:
        """One that nobody chose is left as it is found."""
        plan = wanted.blueprint.fixed["plan"]
        if chosen is not None and service.details and service.details.plan != plan:
            await self._services.change(service, {"serviceDetails": {"plan": plan}}, log)

    @fault_point("render.release_beside")
    async def _start(
        self, service: Service, wanted: Companion, release: _Release, log: LogSink
    ) -> Deploy:
        """Its deploy for a deployment: of the commit, or for an app whose build is used again, of
        what was built beside that."""
        service = await self._absence.end(service)
        await self._services.change_settings(service, wanted.blueprint, log)

        async def start(before: str) -> Deploy | None:
            built = await self._find_built(service, release)
            if built is not None:
                return await self._reuse.start_again(service.id, built, before)
            if wanted.is_cron:
                return await self._api.start_newest(service.id)
            return await self._api.start_deploy(service.id, release.commit_sha)

        return await self._reuse.begin(
            service.id, wanted.blueprint.variables, release.deployment_id, start, log
        )

    async def _find_built(self, service: Service, release: _Release) -> Deploy | None:
        """What was built beside the app's build: the first of its commit that came after that."""
        if release.built is None or release.built.created_at is None:
            return None
        since = release.built.created_at
        after = [
            each
            for each in await self._api.deploys(service.id)
            if each.commit_sha == release.commit_sha
            and each.status in REACHED
            and each.created_at is not None
            and each.created_at >= since
        ]
        return after[-1] if after else None

    async def _await(
        self, service: Service, wanted: Companion, deploy: Deploy, commit_sha: str, log: LogSink
    ) -> None:
        async def say(level: str, source: str, message: str) -> None:
            await log(level, source, f"{wanted.title}: {message}")

        try:
            ended = await self._follower.follow(
                service, deploy.id, REACHED, within_seconds=BUILD_SECONDS + RELEASE_SECONDS, log=say
            )
        except DeploymentFailed as error:
            raise DeploymentFailed(
                f"The {wanted.title} was not released at Render.",
                cause=" ".join(filter(None, (error.message, error.cause))),
                remedy="Correct it and deploy again.",
                log_tail=error.log_tail,
            ) from error
        if ended.commit_sha not in (None, commit_sha):
            await say(
                "warn",
                "render",
                f"Render builds crons from the newest commit of the branch alone: it runs "
                f"{str(ended.commit_sha)[:12]}, and the app {commit_sha[:12]}.",
            )


def _has_any(spec: BuildSpec) -> bool:
    return bool(spec.workers or spec.crons)
