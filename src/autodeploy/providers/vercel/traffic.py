"""Which deployment of a project its production addresses lead to.

A promotion and a rollback are begun by a call and done by Vercel: ``lastAliasRequest`` of the
project tells how the last one fares (SDK 1.28.35, 2026). To ask twice for the same does no harm.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from autodeploy.kernel.errors import DeploymentFailed, NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.vercel.errors import BuildTimeout
from autodeploy.providers.vercel.projects import Projects
from autodeploy.providers.vercel.refusals import expect
from autodeploy.providers.vercel.shapes import STAGED, AliasJob, AliasRequest, Deployment, Project
from autodeploy.providers.vercel.waits import poll

_PROMOTE = "/v10/projects/{project}/promote/{deployment}"
_ROLLBACK = "/v1/projects/{project}/rollback/{deployment}"
_LONGEST_SECONDS = 600.0
_BEGINS_SECONDS = 30.0
_MOST_ASKS = 3
# A plan may allow a rollback to the last deployment alone; a promotion leads to any.
_NO_ROLLBACK = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


@dataclass
class Traffic:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise."""

    http: HttpClient
    timing: Timing
    project_id: str
    deployment: Deployment

    async def give(self) -> Project:
        """The project, when its addresses lead to the deployment.

        Raises ``DeploymentFailed`` when Vercel could not, or not in time.
        """
        project = await self._until(_is_settled)
        for _ in range(_MOST_ASKS):
            if serves(project, self.deployment.id):
                return project
            before = project.last_alias_request
            if await self._ask(project):
                project = await self._done(before)
                break
            await self._begun(before)
            project = await self._until(_is_settled)
            if self._has_failed(project, before):
                break
        if serves(project, self.deployment.id):
            return project
        request = project.last_alias_request
        raise DeploymentFailed(
            "Vercel did not give the deployment the traffic"
            + (f": its {request.type} has {request.job_status.value}." if request else "."),
            remedy="Look at the domains of the project at Vercel, then deploy again.",
        )

    async def _done(self, before: AliasRequest | None) -> Project:
        """The project when what was queued there has come to its end."""
        return await self._until(
            lambda each: (
                serves(each, self.deployment.id)
                or (_is_settled(each) and self._has_failed(each, before))
            )
        )

    async def _until(self, enough: Callable[[Project], bool]) -> Project:
        """Raises ``BuildTimeout``."""
        try:
            return await poll(self.timing, self._project, enough, _LONGEST_SECONDS)
        except TimeoutError:
            raise BuildTimeout(
                f"Vercel has not moved the traffic after {_LONGEST_SECONDS / 60:.0f} minutes.",
                remedy="Look at the project's deployments at Vercel, then deploy again.",
            ) from None

    async def _begun(self, before: AliasRequest | None) -> None:
        """Wait until the project tells of what was asked for; if it does not, it is asked again."""
        with suppress(TimeoutError):
            await poll(
                self.timing,
                self._project,
                lambda each: each.last_alias_request != before or serves(each, self.deployment.id),
                _BEGINS_SECONDS,
            )

    def _has_failed(self, project: Project, before: AliasRequest | None) -> bool:
        request = project.last_alias_request
        return (
            request is not None
            and request != before
            and request.to_deployment_id == self.deployment.id
            and request.job_status is not AliasJob.SUCCEEDED
        )

    async def _project(self) -> Project:
        project = await Projects(self.http).find(self.project_id)
        if project is None:
            raise NotFound("Vercel has no such project any more.", remedy="Deploy again.")
        return project

    @fault_point("vercel.ask_for_traffic")
    async def _ask(self, project: Project) -> bool:
        """Whether it is queued: then it is not to be asked for again."""
        if not _is_earlier(self.deployment, project):
            return await self._post(_PROMOTE)
        try:
            return await self._post(_ROLLBACK)
        except ProviderRefused as error:
            if error.answered not in _NO_ROLLBACK:
                raise
            return await self._post(_PROMOTE)

    async def _post(self, path: str) -> bool:
        parts = {"project": self.project_id, "deployment": self.deployment.id}
        answer = await self.http.send(Call("POST", path, parts=parts, safe=True))
        # 202 waits behind a rolling release, 409 behind another promotion.
        expect(answer, HTTPStatus.CONFLICT)
        return answer.status == HTTPStatus.ACCEPTED


def serves(project: Project, deployment_id: str) -> bool:
    """Whether production is this deployment, and nothing is under way that changes it."""
    request = project.last_alias_request
    if not _is_settled(project):
        return False
    if request is not None and request.job_status is AliasJob.SUCCEEDED:
        return request.to_deployment_id == deployment_id
    # Nothing was ever promoted, or the last promotion has failed.
    current = project.production
    return current is not None and current.id == deployment_id and current.ready_substate != STAGED


def serves_another(project: Project, deployment_id: str) -> bool:
    """Whether production is known to be another deployment: somebody has promoted it there, or
    gone back to it."""
    request = project.last_alias_request
    has_any = project.production is not None or request is not None
    return _is_settled(project) and has_any and not serves(project, deployment_id)


def _is_settled(project: Project) -> bool:
    """Whether no promotion is under way, of whomever."""
    request = project.last_alias_request
    return request is None or request.ended


def _is_earlier(deployment: Deployment, project: Project) -> bool:
    """Whether it was made before the one that has the traffic."""
    current = project.production.created_at if project.production else None
    made = deployment.created_at
    return current is not None and made is not None and made < current
