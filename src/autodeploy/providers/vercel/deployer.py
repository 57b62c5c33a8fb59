"""Vercel acting for one account, as a provider of deployments."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed, NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.addresses import site
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.timing import Timing
from autodeploy.kernel.redaction import Redactor
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
from autodeploy.providers.drift import Comparison, DeclaredApp
from autodeploy.providers.manifests import Manifest
from autodeploy.providers.vercel.builds import Build
from autodeploy.providers.vercel.catalog import MANIFEST
from autodeploy.providers.vercel.comparing import compare_project
from autodeploy.providers.vercel.deployments import LOOKS, Deployments
from autodeploy.providers.vercel.domains import Domains
from autodeploy.providers.vercel.errors import BuildTimeout
from autodeploy.providers.vercel.projects import Projects, project_name, target_of
from autodeploy.providers.vercel.readiness import Phase, failure, phase_of
from autodeploy.providers.vercel.runtime import watch
from autodeploy.providers.vercel.shapes import Deployment, Project, ReadyState
from autodeploy.providers.vercel.traffic import Traffic, serves_another
from autodeploy.providers.vercel.waits import poll

_LONGEST_ALIASING_SECONDS = 600.0
_STATES = {
    Phase.WAITING: "starting",
    Phase.BUILDING: "starting",
    Phase.BUILT: "starting",
    Phase.READY: "running",
    Phase.FAILED: "crashed",
    Phase.CANCELLED: "stopped",
}


class VercelDeployer:
    """``http`` acts for the team, ``person`` for the account itself, whose text shows no token."""

    def __init__(self, http: HttpClient, person: HttpClient, timing: Timing):
        self._http = http
        self._person = person
        self._timing = timing
        self._projects = Projects(http)
        self._deployments = Deployments(http)

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    @fault_point("vercel.build")
    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        """Have Vercel build the commit, or the files that only we have. Nothing is stored here."""
        built = await Build(self._http, self._person, self._timing, request, log).run()
        return Artifact(built.id, 0)

    async def has_build(self, key: str) -> bool:
        try:
            return (await self._deployments.get(key)).ready_state is ReadyState.READY
        except NotFound:
            return False

    @fault_point("vercel.deploy")
    async def deploy(self, request: ReleaseRequest, log: KeptLog) -> Release:
        """Wait until it answers at an address of its own. One for production has no other yet."""
        ready = await self._ready(request)
        address = _site(ready.url)
        if not address or not ready.project_id:
            raise ProviderUnavailable(
                "Vercel does not tell where the deployment is.", remedy="Try again in a moment."
            )
        resources = {"project": ready.project_id, "deployment": ready.id, "url": address}
        return Release(request.deployment_id, resources, (f"{address}/",))

    async def status(self, release: Release) -> RuntimeStatus:
        try:
            found = await self._deployments.get(release.resources["deployment"])
        except NotFound:
            return RuntimeStatus("absent", 0, None, ())
        return RuntimeStatus(_STATES[phase_of(found)], 0, None, ())

    @fault_point("vercel.promote")
    async def promote(self, request: ReleaseRequest, release: Release) -> Endpoint:
        """Lead the production addresses to it. One for preview has its own alone."""
        deployment = await self._get(request)
        if deployment.target != "production":
            return Endpoint(release.resources["url"], None, None)
        project_id = release.resources["project"]
        project = await Traffic(self._http, self._timing, project_id, deployment).give()
        found = _address(project, deployment) or release.resources["url"]
        return Endpoint(found, None, None)

    @fault_point("vercel.retire")
    async def retire(self, app: App, deployment_id: UUID) -> None:
        """Cancel what still builds. What is ready is kept: a rollback goes back to it."""
        project = await self._projects.find(project_name(app))
        if project is None:
            return
        for wait in LOOKS:
            await self._timing.sleep(wait)
            found = await self._find_begun(deployment_id, project.id)
            if found is not None:
                if phase_of(found).under_way:
                    await self._deployments.cancel(found.id)
                return

    @fault_point("vercel.leave")
    async def leave(self, app: App) -> None:
        """Nothing: visitors may still come by its addresses. Crons of ``vercel.json`` go on, too:
        no call switches them off among those of Vercel's SDK 1.28.35, but with the addresses."""

    @fault_point("vercel.prepare")
    async def prepare(self, app: App, artifacts: Mapping[str, BuildSpec]) -> None:
        """Vercel has everything at hand."""

    @fault_point("vercel.destroy")
    async def destroy(self, app: App) -> None:
        await self._projects.delete(project_name(app))

    @fault_point("vercel.remove_builds")
    async def remove_builds(self, app: App) -> None:
        """They are gone with the project."""

    @fault_point("vercel.ensure_domain")
    async def ensure_domain(self, app: App, name: str) -> DomainStatus:
        """Vercel leads the domains of a project to its production alone."""
        if target_of(app) != "production":
            raise DomainRefused(
                f"Vercel serves production at domains, and {app.environment} is a preview there.",
                remedy="Add the domain to production, or deploy this environment elsewhere.",
            )
        project = await self._projects.find(project_name(app))
        if project is None:
            raise NotFound("Vercel has no project of this app.", remedy="Deploy it.")
        return await Domains(self._http, project.id).serve(name)

    @fault_point("vercel.remove_domain_of_app")
    async def remove_domain(self, app: App, name: str) -> None:
        project = await self._projects.find(project_name(app))
        if project is not None:
            await Domains(self._http, project.id).remove(name)

    async def live_status(self, app: App, release: Release) -> RuntimeStatus:
        """Also whether the production addresses lead to it still, where it is for production."""
        status = await self.status(release)
        if status.state != "running" or target_of(app) != "production":
            return status
        project = await self._projects.find(release.resources["project"])
        if project is None:
            return replace(status, state="absent")
        leads_away = serves_another(project, release.resources["deployment"])
        return replace(status, state="replaced") if leads_away else status

    async def compare(self, declared: DeclaredApp) -> Comparison:
        return await compare_project(self._http, declared)

    async def runtime_lines(
        self, release: Release, cursor: str | None, wait_seconds: float
    ) -> RuntimeLines:
        """What is printed from now on. Raises ``NotFound``."""
        made = release.resources
        return await watch(self._http, made["project"], made["deployment"], cursor, wait_seconds)

    async def _find_begun(self, deployment_id: UUID, project_id: str) -> Deployment | None:
        """What is under way for one of ours, else what of the newest there was made for it."""
        begun = await self._deployments.find(deployment_id, project_id, under_way=True)
        return begun or await self._deployments.find(deployment_id, project_id, newest=True)

    async def _get(self, request: ReleaseRequest) -> Deployment:
        try:
            return await self._deployments.get(request.artifact_key)
        except NotFound:
            raise DeploymentFailed(
                "Vercel does not have this build any more.", remedy="Deploy the commit again."
            ) from None

    async def _ready(self, request: ReleaseRequest) -> Deployment:
        try:
            ended = await poll(
                self._timing,
                lambda: self._get(request),
                lambda each: phase_of(each) in (Phase.READY, Phase.FAILED, Phase.CANCELLED),
                _LONGEST_ALIASING_SECONDS,
            )
        except TimeoutError:
            raise BuildTimeout(
                "Vercel built it, and gave it no address for "
                f"{_LONGEST_ALIASING_SECONDS / 60:.0f} minutes.",
                remedy="Look at the checks of the deployment at Vercel, then deploy again.",
            ) from None
        if phase_of(ended) is not Phase.READY:
            raise failure(ended, [], Redactor(request.environment.values()))
        return ended


def _site(host: str | None) -> str | None:
    """The address of a host that Vercel tells; None where it is none."""
    name = (host or "").removeprefix("https://").rstrip("/")
    return site(f"https://{name}") if "/" not in name else None


def _address(project: Project, deployment: Deployment) -> str | None:
    """Where people find the app: a domain of its own before those that Vercel gives."""
    production = project.production.alias if project.production else ()
    known = [each.domain for each in project.alias if each.environment == "production"]
    found = filter(None, map(_site, production or known or deployment.alias))
    return min(found, key=lambda each: (each.endswith(".vercel.app"), len(each)), default=None)
