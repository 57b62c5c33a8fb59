"""Deployments at Vercel: made once for one of ours, found again by it, and cancelled."""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from uuid import UUID

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.pages import by_timestamp, pages
from autodeploy.providers.vercel.refusals import expect, failure_of
from autodeploy.providers.vercel.shapes import Deployment
from autodeploy.providers.vercel.shapes import Deployments as Page

#: Where a deployment at Vercel says which of ours it is.
OURS = "autodeployDeploymentId"

#: A deployment is in the lists a moment after it was made: the waits between looks for it.
LOOKS = (0.0, 2.0, 4.0)

_DEPLOYMENT = "/v13/deployments/{deployment}"
_UNDER_WAY = "QUEUED,INITIALIZING,BUILDING"
_LIMIT_BYTES = 8 * 1024 * 1024
# Vercel looks at the whole source before it answers.
_CREATE_SECONDS = 60.0
# What it has made after that is looked for.
_SILENT_SECONDS = 30.0


class MissingFiles(Exception):
    """Vercel wants these first, by their SHA-1."""

    def __init__(self, digests: Sequence[str]):
        super().__init__(f"{len(digests)} files are missing")
        self.digests = digests


class Deployments:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise."""

    def __init__(self, http: HttpClient):
        self._http = http

    async def get(self, deployment_id: str) -> Deployment:
        """Raises ``NotFound``."""
        parts = {"deployment": deployment_id}
        call = Call("GET", _DEPLOYMENT, parts=parts, limit_bytes=_LIMIT_BYTES)
        return expect(await self._http.send(call)).read(Deployment)

    async def find(
        self,
        ours: UUID,
        project_id: str | None,
        *,
        but: Collection[str] = (),
        under_way: bool = False,
        newest: bool = False,
    ) -> Deployment | None:
        """The newest of a project that was made for one of ours, except ``but``; with
        ``under_way`` only of those that are not built yet, with ``newest`` of the newest page. A
        project that is gone has none."""
        query = {"limit": "100"}
        if project_id is not None:
            query["projectId"] = project_id
        if under_way:
            query["state"] = _UNDER_WAY
        call = Call("GET", "/v7/deployments", query=query, limit_bytes=_LIMIT_BYTES)
        async for page in pages(self._http, call, by_timestamp("until")):
            if page.status == HTTPStatus.NOT_FOUND:
                return None
            for each in expect(page).read(Page).deployments:
                if each.meta.get(OURS) == str(ours) and each.id not in but:
                    return each
            if newest:
                break
        return None

    @fault_point("vercel.create_deployment")
    async def create(self, body: Mapping[str, object]) -> Deployment:
        """Raises ``MissingFiles``, and ``OutcomeUnknown`` when it may have been made."""
        # Without forceNew, files that were deployed before give that deployment again.
        query = {"forceNew": "1", "skipAutoDetectionConfirmation": "1"}
        call = Call(
            "POST", "/v13/deployments", query=query, body=body, limit_bytes=_LIMIT_BYTES,
            within_seconds=_CREATE_SECONDS, silent_seconds=_SILENT_SECONDS,
        )  # fmt: skip
        answer = await self._http.send(call)
        if answer.status == HTTPStatus.BAD_REQUEST:
            failure = failure_of(answer)
            if failure.code == "missing_files" and failure.missing:
                raise MissingFiles(failure.missing)
        expect(answer)
        try:
            return answer.read(Deployment)
        except AutoDeployError:
            raise answer.unusable("the deployment has no id", applied=True) from None

    @fault_point("vercel.cancel_deployment")
    async def cancel(self, deployment_id: str) -> None:
        """Idempotent: one that has ended is answered with 400."""
        parts = {"id": deployment_id}
        call = Call("PATCH", "/v12/deployments/{id}/cancel", parts=parts, safe=True,
                    limit_bytes=_LIMIT_BYTES)  # fmt: skip
        gone = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
        expect(await self._http.send(call), *gone)
