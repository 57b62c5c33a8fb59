"""One build at Vercel: the project, its variables, a deployment, and the wait for it.

Whatever interrupts it, the next call goes on: what was begun is in the notes of the request, and
Vercel knows our deployment by ``meta``.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from autodeploy.kernel.errors import DeploymentFailed, NotFound
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.kernel.http.timing import Timing
from autodeploy.kernel.redaction import Redactor
from autodeploy.providers.base import BuildRequest, LogSink
from autodeploy.providers.hosted import undo
from autodeploy.providers.vercel.build_log import SOURCE, BuildLog
from autodeploy.providers.vercel.deployments import LOOKS, OURS, Deployments, MissingFiles
from autodeploy.providers.vercel.errors import BuildTimeout
from autodeploy.providers.vercel.files import Uploads, read_files
from autodeploy.providers.vercel.projects import Projects, target_of
from autodeploy.providers.vercel.readiness import Phase, failure, phase_of
from autodeploy.providers.vercel.repositories import Repositories
from autodeploy.providers.vercel.settings import settings_of
from autodeploy.providers.vercel.shapes import Deployment, Project, ReadyState
from autodeploy.providers.vercel.variables import ProjectVariables
from autodeploy.providers.vercel.waits import poll

# Vercel ends a build after 45 minutes (vercel.com/docs/limits, 2026-03-02), and others may come
# before it.
_LONGEST_SECONDS = 2 * 3600.0
_MOST_UPLOADS = 3


@dataclass(frozen=True)
class Build:
    """``http`` acts for the team, ``person`` for the account itself."""

    http: HttpClient
    person: HttpClient
    timing: Timing
    request: BuildRequest
    log: LogSink

    async def run(self) -> Deployment:
        """The deployment, built. Raises ``DeploymentFailed``; cancelling it cancels that."""
        settings = settings_of(self.request.spec)
        await self._warn_of_crons()
        try:
            request = self.request
            project = await Projects(self.http).ensure(request.app, request.notes, request.region)
            target = target_of(self.request.app)
            await ProjectVariables(self.http, project.id).set(target, self._variables)
            deployment = await self._find(project) or await self._make(project, settings)
            return await self._built(deployment)
        except asyncio.CancelledError:
            await undo(self._cancel)
            raise

    @property
    def _deployments(self) -> Deployments:
        return Deployments(self.http)

    @property
    def _variables(self) -> dict[str, str]:
        """A project has one set for both times; when an app runs matters more."""
        return {**self.request.environment, **self.request.run_environment}

    async def _warn_of_crons(self) -> None:
        if self.request.spec.crons:
            names = ", ".join(self.request.spec.crons)
            await self.log(
                "warn", SOURCE, f"Vercel runs only the crons of vercel.json: not {names}."
            )

    # The deployment, made once.

    async def _find(self, project: Project) -> Deployment | None:
        """What an earlier call made, unless it also cancelled it, before it was built."""
        made: str | None = self.request.notes.values.get("deployment")
        is_cancelled = made in self._cancelled
        if made is not None and is_cancelled:  # by a call that may be lost
            await self._deployments.cancel(made)
        if self._intent not in (None, self.request.fingerprint):
            await self._cancel()  # it was begun with variables that have changed since
            return None
        if made is None:
            return None if self._intent is None else await self._look_for(project.id)
        try:
            found = await self._deployments.get(made)
        except NotFound:
            return None
        return None if is_cancelled and not _is_built(found) else found

    @property
    def _intent(self) -> str | None:
        """With which fingerprint a deployment was asked for, if one was."""
        intent: str | None = self.request.notes.values.get("deployment_intent")
        return intent

    @property
    def _cancelled(self) -> list[str]:
        return self.request.notes.values.get("cancelled") or []

    @property
    def _noted(self) -> str | None:
        noted: str | None = self.request.notes.values.get("deployment")
        return None if noted in self._cancelled else noted

    async def _adopt(self, project_id: str) -> Deployment | None:
        found = await self._deployments.find(
            self.request.deployment_id, project_id, but=self._cancelled
        )
        if found is not None:
            await self.request.notes.keep(deployment=found.id)
        return found

    async def _make(self, project: Project, settings: Mapping[str, object]) -> Deployment:
        body: dict[str, object] = {
            "name": project.name,
            "project": project.id,
            "meta": {OURS: str(self.request.deployment_id)},
            "projectSettings": settings,
        }
        target = target_of(self.request.app)
        if target == "production":
            body["target"] = target
        source = await Repositories(self.http, self.person).git_source(self.request.commit)
        if source is not None:
            try:
                return await self._post(project, {**body, "gitSource": source})
            except (NotFound, ProviderRefused) as error:
                await self.log(
                    "warn", SOURCE, f"Vercel does not fetch the commit: {error.message} "
                    "It is sent the files.",
                )  # fmt: skip
        return await self._make_of_files(project, body)

    async def _make_of_files(self, project: Project, body: Mapping[str, object]) -> Deployment:
        files = await read_files(await self.request.fetch())
        if not files:
            raise DeploymentFailed(
                "There is no file for Vercel.",
                remedy="Look at the .vercelignore and the .gitignore of the app.",
            )
        whole = {**body, "files": [each.as_json() for each in files]}
        for _ in range(_MOST_UPLOADS):
            try:
                return await self._post(project, whole)
            except MissingFiles as missing:
                await self.log("info", SOURCE, f"Uploading {len(missing.digests)} files to Vercel.")
                await Uploads(self.http).send(files, missing.digests)
        raise DeploymentFailed(
            "Vercel still lacks files that it was sent.", remedy="Deploy again in a moment."
        )

    async def _post(self, project: Project, body: Mapping[str, object]) -> Deployment:
        notes = self.request.notes
        earlier = {"deployment": None} if "deployment" in notes.values else {}  # is cancelled
        await notes.keep(deployment_intent=self.request.fingerprint, **earlier)
        try:
            made = await self._deployments.create(body)
        except OutcomeUnknown:
            found = await self._look_for(project.id)
            if found is None:
                raise
            return found
        await notes.keep(deployment=made.id)
        return made

    async def _look_for(self, project_id: str) -> Deployment | None:
        """What a call has made whose answer was lost, or whose process was while it asked."""
        for wait in LOOKS:
            await self.timing.sleep(wait)
            found = await self._adopt(project_id)
            if found is not None:
                return found
        return None

    # The wait.

    async def _built(self, deployment: Deployment) -> Deployment:
        request = self.request
        log = BuildLog(self.http, self.timing, deployment.id, request.notes, self.log)
        following = asyncio.create_task(log.follow())
        try:
            ended = await poll(
                self.timing,
                lambda: self._deployments.get(deployment.id),
                lambda each: not phase_of(each).under_way,
                _LONGEST_SECONDS,
            )
        except TimeoutError:
            await self._cancel()
            raise BuildTimeout(
                f"The build at Vercel has not ended after {_LONGEST_SECONDS / 3600:.0f} hours; it "
                "was cancelled.",
                remedy="Look at the builds of the account at Vercel, then deploy again.",
            ) from None
        finally:
            following.cancel()
            await asyncio.wait({following})
        if not following.cancelled():
            following.result()  # what the sink raised
        await log.catch_up()
        if phase_of(ended) in (Phase.FAILED, Phase.CANCELLED):
            redactor = Redactor(self._variables.values())
            raise failure(ended, log.tail(redactor), redactor)
        return ended

    async def _cancel(self) -> None:
        """Cancel what was begun. It is noted first, so that a later call begins anew; where that
        is refused another process has taken over, and the deployment is its own."""
        notes = self.request.notes
        deployment_id = self._noted
        if deployment_id is None and self._intent is not None:
            found = await self._look_for(notes.values["project"])
            deployment_id = found.id if found else None
        if deployment_id is not None:
            await notes.keep(cancelled=[*self._cancelled, deployment_id])
            await self._deployments.cancel(deployment_id)


def _is_built(deployment: Deployment) -> bool:
    return deployment.ready_state is ReadyState.READY
