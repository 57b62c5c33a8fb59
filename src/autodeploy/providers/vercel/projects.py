"""The projects that apps have at Vercel: one for each environment, named by it.

It is not linked with the repository: else Vercel would deploy each push by itself, beside us.
"""

import re
from http import HTTPStatus

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.providers.base import App, Notes
from autodeploy.providers.vercel.refusals import expect
from autodeploy.providers.vercel.shapes import Project

_PROJECT = "/v9/projects/{project}"
_LIMIT_BYTES = 4 * 1024 * 1024
# A name is also the first part of a host, which holds 63 characters, with what Vercel adds.
_LONGEST_NAME = 44


class Projects:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise."""

    def __init__(self, http: HttpClient):
        self._http = http

    async def find(self, id_or_name: str) -> Project | None:
        """None when there is none."""
        call = Call("GET", _PROJECT, parts={"project": id_or_name}, limit_bytes=_LIMIT_BYTES)
        try:
            return expect(await self._http.send(call)).read(Project)
        except NotFound:
            return None

    async def ensure(self, app: App, notes: Notes, region: str | None = None) -> Project:
        """The project of an app, which is made unless it is there. Where a region was chosen its
        functions run there, from the next build on."""
        name = project_name(app)
        project = await self.find(name) or await self._create(name, notes)
        if notes.values.get("project") != project.id:
            await notes.keep(project=project.id)
        if project.auto_assign_custom_domains is not False:
            await self._stage_production(project.id)
        if region is not None and project.function_regions != (region,):
            await self._set_region(project.id, region)
        return project

    @fault_point("vercel.delete_project")
    async def delete(self, name: str) -> None:
        """With its deployments, variables and addresses. Idempotent."""
        call = Call("DELETE", _PROJECT, parts={"project": name})
        answer = await self._http.send(call)
        if answer.status != HTTPStatus.NOT_FOUND:
            expect(answer)

    @fault_point("vercel.create_project")
    async def _create(self, name: str, notes: Notes) -> Project:
        await notes.keep(project_intent=name)
        # Else its addresses would ask visitors, and our health checks, to sign in to Vercel.
        body = {"name": name, "ssoProtection": None}
        try:
            answer = await self._http.send(Call("POST", "/v11/projects", body=body))
            return expect(answer).read(Project)
        except (OutcomeUnknown, ProviderRefused) as error:
            if isinstance(error, ProviderRefused) and error.answered != HTTPStatus.CONFLICT:
                raise
            found = await self.find(name)
            if found is None:
                raise
            return found

    @fault_point("vercel.stage_production")
    async def _stage_production(self, project_id: str) -> None:
        """Let a build for production get no traffic before it is promoted: vercel.com/docs,
        "Promoting deployments", 2026-03."""
        body = {"autoAssignCustomDomains": False}
        call = Call("PATCH", _PROJECT, parts={"project": project_id}, body=body, safe=True)
        expect(await self._http.send(call))

    @fault_point("vercel.set_region")
    async def _set_region(self, project_id: str, region: str) -> None:
        body = {"resourceConfig": {"functionDefaultRegions": [region]}}
        call = Call("PATCH", _PROJECT, parts={"project": project_id}, body=body, safe=True)
        expect(await self._http.send(call))


def project_name(app: App) -> str:
    """Such as ``shop-production-3f2a9c1b``: the same for ever, within Vercel's rules for names
    (lower case, digits and ``. _ -``, no ``---``)."""
    words = f"{app.project_slug}-{app.environment}".lower()
    readable = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:_LONGEST_NAME].strip("-")
    return "-".join(filter(None, (readable, app.environment_id.hex[-8:])))


def target_of(app: App) -> str:
    """Vercel's environment for one of ours."""
    return "production" if app.environment == "production" else "preview"
