"""What Vercel holds of ours for an account: projects whose deployments name one of ours."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.pages import by_timestamp, pages
from autodeploy.providers.manifests import Manifest
from autodeploy.providers.resources import FoundResource, ResourceKind
from autodeploy.providers.vercel.catalog import MANIFEST
from autodeploy.providers.vercel.deployments import OURS
from autodeploy.providers.vercel.projects import Projects
from autodeploy.providers.vercel.refusals import expect
from autodeploy.providers.vercel.shapes import ListedProject, ListedProjects

_LIMIT_BYTES = 16 * 1024 * 1024


class VercelHoldings:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise."""

    def __init__(self, http: HttpClient):
        self._http = http

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    async def list_resources(self) -> AsyncIterator[FoundResource]:
        """Projects with a deployment of ours; one that was never deployed to tells nothing."""
        call = Call("GET", "/v10/projects", query={"limit": "100"}, limit_bytes=_LIMIT_BYTES)
        async for page in pages(self._http, call, by_timestamp("from")):
            for project in expect(page).read(ListedProjects).projects:
                made_for = _made_for(project)
                if made_for is not None:
                    yield FoundResource(
                        kind=ResourceKind.APP,
                        external_id=project.name,
                        # What tells no time counts as made now: it is looked at again.
                        made_at=project.created_at or datetime.now(UTC),
                        made_for=made_for,
                    )

    @fault_point("vercel.remove_resource")
    async def remove_resource(self, kind: ResourceKind, external_id: str) -> None:
        if kind is not ResourceKind.APP:
            raise InvalidInput(f"This is no {kind.value} of this provider.", field="externalId")
        await Projects(self._http).delete(external_id)


def _made_for(project: ListedProject) -> UUID | None:
    """The deployment of ours that is told by the newest of a project."""
    for deployment in project.latest_deployments:
        try:
            return UUID(str(deployment.meta.get(OURS)))
        except ValueError:
            continue
    return None
