"""Supabase's Management API over real HTTP, with projects that live in the time of a test.

It fails as Supabase does: ``faults.fail("POST /v1/projects", "lost")``. Beside those of
``tests/fakes/server.py`` there are ``lost`` (done, and never answered), ``cut`` (done, and the
answer breaks off), ``garbled`` (done, and the answer says nothing), ``limit``, ``null`` and
``nulls`` (where lists are promised), ``novel`` (statuses that nobody knows), ``leaky`` (quotes what
was sent) and ``drip``. ``hidden_seconds`` hides new projects from the list for a while.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from tests.fakes.contract import hold
from tests.fakes.server import Exchange, Faults, Recorded, serving
from tests.fakes.supabase_faults import FAULTS, error_answer, limit_headers
from tests.fakes.supabase_state import (
    COMES_BACK,
    GOES,
    PAUSES,
    Json,
    Organization,
    Project,
    addons_shape,
    counts_shape,
    health_shape,
    key_shapes,
    listed_shape,
    made_shape,
    organization_detail,
    organization_shape,
    pooler_shape,
    project_shape,
    regions_shape,
)

from autodeploy.kernel.clock import now

TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"
#: A token of an OAuth app: it may not ask who it is.
OAUTH_TOKEN = "sbp_oauth_0123456789abcdef0123456789abcdef"
_PROJECT = "/v1/projects/{ref}"
_COUNTS = "analytics/endpoints/usage.api-counts"
_FREE_PROJECTS = 2
_ALL = frozenset({"profile", "organizations:read", "projects:read", "projects:write",
                  "database:read", "database:write", "secrets:read"})  # fmt: skip
#: What no scope of an OAuth app reaches: the rights of personal tokens alone.
_PERSONAL = frozenset({"profile", "infra_add_ons_read", "analytics_usage_read"})

Rows = Callable[[str], Awaitable[list[Json]]]


class FakeSupabase:
    """``clock`` tells the seconds of the test; ``tokens`` have the rights that are named.

    ``full`` are regions without room; ``keys`` what a project's API has for keys; ``rows`` answers
    SQL. ``uncounted`` is why requests cannot be counted.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.tokens = {TOKEN: set(_ALL | _PERSONAL), OAUTH_TOKEN: set(_ALL - _PERSONAL)}
        self.organizations = {"octo-org": Organization("octo-org", "Octo")}
        self.projects: dict[str, Project] = {}
        self.full: set[str] = set()
        self.keys = key_shapes(new=True, legacy=True)
        self.replicas = False
        self.life = Project.life
        self.hidden_seconds = 0.0
        self.page = 100
        self.rows: Rows | None = None
        self.uncounted: str | None = None
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.url = ""

    def add(self, name: str, *, organization: str = "octo-org") -> Project:
        """A project that is there already, healthy."""
        made = Project(name, organization, "eu-west-1", "secret", self._clock() - 1000)
        self.projects[made.ref] = made
        return made

    @property
    def there(self) -> list[Project]:
        """The projects that are not deleted."""
        return [each for each in self.projects.values() if each.is_there(self._clock())]

    def calls(self, method: str, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if (each.method, each.path) == (method, path)]

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeSupabase"]:
        """Serve it; what was exchanged is held to Supabase's description at the end."""
        app = Recorded(self._app(), self.faults, self.exchanges, FAULTS)
        async with serving(app) as self.url:
            yield self
        hold("supabase", self.exchanges)

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._as_supabase)
        app.exception_handler(HTTPException)(_problem)
        for method, path, right, endpoint in (
            ("GET", "/v1/profile", "profile", self._profile),
            ("GET", "/v1/organizations", "organizations:read", self._organizations),
            ("GET", "/v1/organizations/{slug}", "organizations:read", self._organization),
            ("GET", "/v1/organizations/{slug}/projects", "projects:read", self._list),
            ("GET", "/v1/projects/available-regions", "organizations:read", self._regions),
            ("POST", "/v1/projects", "projects:write", self._make),
            ("GET", _PROJECT, "projects:read", self._show),
            ("DELETE", _PROJECT, "projects:write", self._delete),
            ("POST", f"{_PROJECT}/restore", "projects:write", self._restore),
            ("POST", f"{_PROJECT}/pause", "projects:write", self._pause),
            ("GET", f"{_PROJECT}/health", "projects:read", self._health),
            ("GET", f"{_PROJECT}/config/database/pooler", "database:read", self._pooler),
            ("GET", f"{_PROJECT}/api-keys", "secrets:read", self._api_keys),
            ("POST", f"{_PROJECT}/database/query", "database:write", self._query),
            ("GET", f"{_PROJECT}/billing/addons", "infra_add_ons_read", self._addons),
            ("GET", f"{_PROJECT}/{_COUNTS}", "analytics_usage_read", self._count),
        ):
            app.add_api_route(
                path, self._allowed(right, endpoint), methods=[method], response_model=None
            )
        return app

    async def _as_supabase(
        self, request: Request, call: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if _token(request) not in self.tokens:
            return error_answer(401, "JWT could not be decoded")
        answer = await call(request)
        answer.headers.update(limit_headers(119))
        return answer

    def _allowed(
        self, right: str, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            if right not in self.tokens[_token(request)]:
                raise HTTPException(403, "Forbidden resource")
            return await endpoint(request)

        return checked

    def _find(self, request: Request) -> Project:
        project = self.projects.get(request.path_params["ref"])
        if project is None or not project.is_there(self._clock()):
            raise HTTPException(404, "Project not found")
        return project

    def _find_organization(self, slug: str) -> Organization:
        if slug not in self.organizations:
            raise HTTPException(404, "Organization not found")
        return self.organizations[slug]

    # Accounts.

    async def _profile(self, _request: Request) -> Response:
        return JSONResponse({"gotrue_id": "0b5d1a2c-0000-4000-8000-000000000001",
                             "primary_email": "ada@example.com", "username": "ada"})  # fmt: skip

    async def _organizations(self, _request: Request) -> Response:
        return JSONResponse([organization_shape(each) for each in self.organizations.values()])

    async def _organization(self, request: Request) -> Response:
        return JSONResponse(
            organization_detail(self._find_organization(request.path_params["slug"]))
        )

    async def _regions(self, request: Request) -> Response:
        self._find_organization(request.query_params["organization_slug"])
        return JSONResponse(regions_shape(self.full))

    # Projects.

    async def _list(self, request: Request) -> Response:
        slug, query = request.path_params["slug"], request.query_params
        self._find_organization(slug)
        found = [
            each
            for each in self.there
            if each.organization == slug
            and query.get("search", "") in each.name
            and self._clock() - each.since >= self.hidden_seconds
        ]
        limit, offset = min(int(query["limit"]), self.page), int(query.get("offset", "0"))
        return JSONResponse(
            {"projects": [listed_shape(each, self._clock())
                          for each in found[offset : offset + limit]],
             "pagination": {"count": len(found), "limit": limit, "offset": offset}}
        )  # fmt: skip

    async def _make(self, request: Request) -> Response:
        sent = await request.json()
        organization = self._find_organization(sent["organization_slug"])
        size = sent.get("desired_instance_size")
        if organization.plan == "free":
            if size is not None:
                raise HTTPException(402, "Instance size cannot be set on the free plan")
            if sum(each.is_active(self._clock()) for each in self.there) >= _FREE_PROJECTS:
                raise HTTPException(
                    400,
                    "The following organization members have reached their maximum limits for the "
                    "number of active free projects: ada (2 project limit).",
                )
        region = sent["region_selection"]["code"]
        if region in self.full:
            raise HTTPException(400, f"Region {region} is at capacity")
        project = Project(
            sent["name"], organization.slug, "eu-west-1" if region == "emea" else region,
            sent["db_pass"], self._clock(), size, self.life,
        )  # fmt: skip
        self.projects[project.ref] = project
        return JSONResponse(made_shape(project, self._clock()), 201)

    async def _show(self, request: Request) -> Response:
        return JSONResponse(project_shape(self._find(request), self._clock()))

    async def _delete(self, request: Request) -> Response:
        project = self._find(request)
        if project.status(self._clock()) in ("UNKNOWN", "COMING_UP"):
            raise HTTPException(400, "Project not ready for deletion.")
        project.begin(GOES, self._clock())
        return JSONResponse({"id": project.number, "ref": project.ref, "name": project.name})

    async def _pause(self, request: Request) -> Response:
        project = self._find(request)
        if project.status(self._clock()) != "ACTIVE_HEALTHY":
            raise HTTPException(400, "Project is not active")
        project.begin(PAUSES, self._clock())
        return Response(status_code=200)

    async def _restore(self, request: Request) -> Response:
        project = self._find(request)
        if project.status(self._clock()) != "INACTIVE":
            raise HTTPException(400, "Project is not paused")
        project.begin(COMES_BACK, self._clock())
        return Response(status_code=200)

    async def _health(self, request: Request) -> Response:
        project = self._find(request)
        services = request.query_params.getlist("services")
        return JSONResponse([health_shape(project, each, self._clock()) for each in services])

    async def _pooler(self, request: Request) -> Response:
        project = self._find(request)
        kinds = ["READ_REPLICA", "PRIMARY"] if self.replicas else ["PRIMARY"]
        return JSONResponse([pooler_shape(project, kind) for kind in kinds])

    async def _api_keys(self, request: Request) -> Response:
        self._find(request)
        hidden = request.query_params.get("reveal") != "true"
        return JSONResponse([{**each, "api_key": None} if hidden else each for each in self.keys])

    async def _addons(self, request: Request) -> Response:
        return JSONResponse(addons_shape(self._find(request)))

    async def _count(self, request: Request) -> Response:
        project = self._find(request)
        if self.uncounted:
            return JSONResponse({"result": [], "error": self.uncounted})
        return JSONResponse(counts_shape(project, now()))

    async def _query(self, request: Request) -> Response:
        self._find(request)
        sent = await request.json()
        assert sent["read_only"] is True
        assert self.rows is not None
        return JSONResponse(await self.rows(sent["query"]), 201)


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, str(error.detail))
