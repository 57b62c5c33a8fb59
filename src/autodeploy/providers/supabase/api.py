"""Supabase's Management API, for one account at a time.

The calls are those of api.supabase.com/api/v1 (the description in supabase/cli of 2026-05).
``right`` of each is the OAuth scope that the description names for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderRefused, ProviderUnavailable
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.http.pages import by_offset, pages
from autodeploy.providers.supabase.refusals import expect, message_of
from autodeploy.providers.supabase.shapes import (
    Addon,
    Addons,
    ApiKey,
    AvailableRegions,
    CountedRequests,
    Organization,
    OrganizationPlan,
    Pooler,
    Profile,
    Project,
    ProjectPage,
    ServiceHealth,
    ServiceStatus,
)

_PROJECT = "/v1/projects/{ref}"
_PAGE = "100"
# The services without which no connection string works. Values of the query are repeated, which
# only a template can say.
_NEEDED = ("db", "pooler")
_HEALTH = f"{_PROJECT}/health?{'&'.join(f'services={each}' for each in _NEEDED)}"

_Shape = TypeVar("_Shape", bound=Lenient)


@dataclass(frozen=True)
class NewProject:
    """``region`` is what the call names ``region_selection``; ``size`` None is that of the free
    plan."""

    name: str
    organization: str
    region: Mapping[str, str]
    size: str | None


class SupabaseAccount:
    """What an account can see and do. Everything raises what ``HttpClient.send`` and
    ``refusals.expect`` raise."""

    def __init__(self, http: HttpClient):
        self._http = http

    async def profile(self) -> Profile:
        """Whose token it is. Tokens of OAuth apps may not ask."""
        answer = await self._http.send(Call("GET", "/v1/profile"))
        return expect(answer, HTTPStatus.OK, right="profile").read(Profile)

    async def organizations(self) -> list[Organization]:
        answer = await self._http.send(Call("GET", "/v1/organizations"))
        return _listed(expect(answer, HTTPStatus.OK, right="organizations:read"), Organization)

    async def organization_plan(self, slug: str) -> str | None:
        """``free``, ``pro`` …; None where Supabase does not say."""
        call = Call("GET", "/v1/organizations/{slug}", parts={"slug": slug})
        answer = expect(await self._http.send(call), HTTPStatus.OK, right="organizations:read")
        return answer.read(OrganizationPlan).plan

    async def regions(self, organization: str, size: str | None) -> AvailableRegions:
        query = {"organization_slug": organization}
        if size is not None:
            query["desired_instance_size"] = size
        call = Call("GET", "/v1/projects/available-regions", query=query)
        answer = expect(await self._http.send(call), HTTPStatus.OK, right="organizations:read")
        return answer.read(AvailableRegions)

    async def projects(self, organization: str, search: str) -> list[Project]:
        """Those whose names hold ``search``, the oldest first, without branches of others and
        without those that are leaving."""
        found: list[Project] = []
        async for page in pages(self._http, _listing(organization, search), by_offset):
            found += expect(page, HTTPStatus.OK, right="projects:read").read(ProjectPage).projects
        return [each for each in found if not each.is_branch and not each.status.is_leaving]

    async def some_projects(self, organization: str) -> list[Project]:
        """The oldest ones, whatever they are named and whether or not they are leaving."""
        answer = await self._http.send(_listing(organization, search=""))
        return expect(answer, HTTPStatus.OK, right="projects:read").read(ProjectPage).projects

    async def find_project(self, ref: str) -> Project | None:
        call = Call("GET", _PROJECT, parts={"ref": ref})
        try:
            answer = expect(await self._http.send(call), HTTPStatus.OK, right="projects:read")
        except NotFound:
            return None
        return answer.read(Project)

    @fault_point("supabase.create_project")
    async def create_project(self, new: NewProject, password: str) -> Project:
        """Begin a project, whose database has this password: no call ever answers it.

        Raises ``OutcomeUnknown`` also for a success that does not tell what was made.
        """
        body: dict[str, object] = {
            "name": new.name,
            "organization_slug": new.organization,
            "db_pass": password,
            "region_selection": dict(new.region),
        }
        if new.size is not None:
            body["desired_instance_size"] = new.size
        answer = await self._http.send(Call("POST", "/v1/projects", body=body))
        try:
            made = expect(answer, HTTPStatus.CREATED, right="projects:write", secret=password)
            return made.read(Project)
        except ProviderUnavailable:
            raise answer.unusable("it does not tell what it made", applied=True) from None

    @fault_point("supabase.pause_project")
    async def pause_project(self, ref: str) -> None:
        """Begin to pause it."""
        answer = await self._http.send(Call("POST", f"{_PROJECT}/pause", parts={"ref": ref}))
        expect(answer, HTTPStatus.OK, right="projects:write")

    @fault_point("supabase.restore_project")
    async def restore_project(self, ref: str) -> None:
        """Begin to bring a paused project back."""
        answer = await self._http.send(Call("POST", f"{_PROJECT}/restore", parts={"ref": ref}))
        expect(answer, HTTPStatus.OK, right="projects:write")

    @fault_point("supabase.delete_project")
    async def delete_project(self, ref: str) -> None:
        """One that is gone already is no error. Raises ``ProviderUnavailable`` for one that is too
        new to be deleted: Supabase wants to be asked again."""
        answer = await self._http.send(Call("DELETE", _PROJECT, parts={"ref": ref}))
        if answer.status == HTTPStatus.BAD_REQUEST and "not ready" in message_of(answer).lower():
            raise ProviderUnavailable(
                f"Supabase does not delete the project {ref} yet: it is not ready for that.",
                remedy="Try again in some minutes, when the project has come up.",
            )
        try:
            expect(answer, HTTPStatus.OK, right="projects:write")
        except NotFound:
            return

    async def lacking_services(self, ref: str) -> list[str]:
        """Which of the database and its pooler are not healthy, or not told of."""
        answer = await self._http.send(Call("GET", _HEALTH, parts={"ref": ref}))
        told = _listed(expect(answer, HTTPStatus.OK, right="projects:read"), ServiceHealth)
        healthy = {each.name for each in told if each.status is ServiceStatus.ACTIVE_HEALTHY}
        return [each for each in _NEEDED if each not in healthy]

    async def pooler(self, ref: str) -> Pooler:
        """That of the primary database, in transaction mode where there are several."""
        call = Call("GET", f"{_PROJECT}/config/database/pooler", parts={"ref": ref})
        answer = expect(await self._http.send(call), HTTPStatus.OK, right="database:read")
        primary = [each for each in _listed(answer, Pooler) if each.database_type == "PRIMARY"]
        if not primary:
            raise answer.unusable("it names no pooler of the primary database")
        return min(primary, key=lambda each: each.pool_mode != "transaction")

    async def api_keys(self, ref: str) -> list[ApiKey]:
        """Empty where the account may not read them: the database is of use without."""
        try:
            return await self.shown_api_keys(ref)
        except ProviderRefused as refused:
            if refused.answered != HTTPStatus.FORBIDDEN:
                raise
            return []

    async def shown_api_keys(self, ref: str) -> list[ApiKey]:
        """As ``api_keys``, refused where the account may not read them."""
        call = Call("GET", f"{_PROJECT}/api-keys", parts={"ref": ref}, query={"reveal": "true"})
        answer = expect(await self._http.send(call), HTTPStatus.OK, right="secrets:read")
        return _listed(answer, ApiKey)

    async def addons(self, ref: str) -> tuple[Addon, ...]:
        """Those that the project is charged for. No scope of an OAuth app is enough."""
        call = Call("GET", f"{_PROJECT}/billing/addons", parts={"ref": ref})
        answer = expect(await self._http.send(call), HTTPStatus.OK, right="infra_add_ons_read")
        return answer.read(Addons).selected

    async def request_counts(self, ref: str) -> CountedRequests:
        """The requests to its API in the last seven days. No scope of an OAuth app is enough."""
        call = Call(
            "GET",
            f"{_PROJECT}/analytics/endpoints/usage.api-counts",
            parts={"ref": ref},
            query={"interval": "7day"},
        )
        answer = expect(await self._http.send(call), HTTPStatus.OK, right="analytics_usage_read")
        return answer.read(CountedRequests)

    async def query(self, ref: str, statement: str, row: type[_Shape]) -> list[_Shape]:
        """The rows of a statement that reads. Raises ``NotFound`` without such a project."""
        call = Call(
            "POST",
            f"{_PROJECT}/database/query",
            parts={"ref": ref},
            body={"query": statement, "read_only": True},
            safe=True,
        )
        answer = expect(await self._http.send(call), HTTPStatus.CREATED, right="database:write")
        return _listed(answer, row)


def _listing(organization: str, search: str) -> Call:
    return Call(
        "GET",
        "/v1/organizations/{slug}/projects",
        parts={"slug": organization},
        query={"search": search, "sort": "created_asc", "limit": _PAGE},
    )


def _listed(answer: Answer, shape: type[_Shape]) -> list[_Shape]:
    """A list; null is an empty one."""
    return [] if answer.json() is None else answer.read(list[shape])  # type: ignore[valid-type]
