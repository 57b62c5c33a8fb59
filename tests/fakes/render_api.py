"""Render's REST API, with services, deploys and databases that move on, over real HTTP.

It moves with the time that it is given. It fails as Render does: ``faults.fail("POST /services",
"lost")``. Beside the faults of ``tests/fakes/server.py`` there are those of ``render_faults``:
``lost`` (done, and never answered), ``cut`` (done, and the answer breaks off), ``nulls`` (each list
in the answer's objects is null), ``novel`` (statuses that nobody knows), ``drip``, ``retry_after``,
``long_limit``, ``as_200`` (done, and answered so) and ``ok`` (none, before one).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from tests.fakes.contract import hold
from tests.fakes.render_databases import DatabaseShelf, FakeKeyValue, FakePostgres, Rules
from tests.fakes.render_faults import FAULTS, error_answer, limit_answer
from tests.fakes.render_metrics import FakeMetrics
from tests.fakes.render_state import (
    FakeDeploy,
    FakeLine,
    FakeService,
    Json,
    Shapes,
    new_id,
    wrong_build,
)
from tests.fakes.server import Exchange, Faults, Recorded, serving

from autodeploy.kernel.http.timing import Timing

TOKEN = "rnd_0123456789abcdefghijklmnopqr"
OWNER: Json = {"id": "tea-acme", "name": "Acme", "email": "ops@acme.test", "type": "team"}
_SERVICE = "/services/{service_id}"
_DEPLOY = f"{_SERVICE}/deploys/{{deploy_id}}"
_DOMAIN = f"{_SERVICE}/custom-domains/{{name}}"
_CREATIONS = 20
_PAID = {"private_service", "background_worker", "cron_job"}
_HOUR = 3600.0
_LOG_LAG = 1.0
_LONG_AGO = "2000-01-01T00:00:00Z"


class FakeRenderApi:
    """``heads`` are the newest commits by branch, ``unreachable`` the repositories that Render may
    not fetch. ``records`` are the domains whose records are right. ``outcomes`` are how the next
    deploys end, in turn; ``reason`` why they fail. ``measured`` is what metrics say of every
    service and database. ``lag`` is for how many seconds lists leave out a new deploy.
    ``answers_at`` is the host and port of all services, each its own where it is empty."""

    def __init__(self, time: Timing):
        self.time = time
        self.tokens = {TOKEN}
        self.owners = [OWNER]
        self.services: dict[str, FakeService] = {}
        rules = Rules(OWNER, self._count_creation, self._paged, lambda: self._shapes)
        self.databases = DatabaseShelf("/postgres", "postgres", FakePostgres, rules)
        shown = {"dashboardUrl": "https://dashboard.render.com/r/x"}
        self.key_values = DatabaseShelf("/key-value", "keyValue", FakeKeyValue, rules, shown)
        self.heads: dict[str, str] = {"main": "a" * 40}
        self.unreachable: set[str] = set()
        self.outcomes: list[str] = []
        self.reason: Json = {"evicted": False, "nonZeroExit": 1}
        self.records: set[str] = set()
        self.pays = True
        self.lag = 0.0
        self.answers_at = ""
        self.creations: list[float] = []
        self.measured = FakeMetrics()
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.url = ""

    def calls(self, method: str, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if (each.method, each.path) == (method, path)]

    @property
    def service(self) -> FakeService:
        """The only one that there is, but for those beside it."""
        (service,) = [each for each in self.services.values() if not self.is_beside(each)]
        return service

    def beside(self, label: str) -> FakeService:
        """The only one beside an app that is named so."""
        beside = filter(self.is_beside, self.services.values())
        (found,) = [each for each in beside if f"-{label}-" in each.name]
        return found

    def is_beside(self, service: FakeService) -> bool:
        """Whether it is named as what runs beside an app."""
        return service.name.rpartition("-")[2][0] in "ws"

    def status(self, deploy: FakeDeploy) -> str:
        return self.service.status_of(deploy, self._now)

    def happen(self, kind: str, **details: Any) -> None:
        """Have something happen to the service now."""
        self.service.happened.append((self._now, kind, details))

    def say(self, message: str, level: str = "info") -> None:
        """Have the app print something now."""
        self.service.lines.append(FakeLine(self._now, "app", message, level))

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeRenderApi"]:
        """Serve it; what was exchanged is held to Render's description at the end."""
        async with serving(Recorded(self._app(), self.faults, self.exchanges, FAULTS)) as self.url:
            yield self
        hold("render", self.exchanges)

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._as_render)
        app.exception_handler(HTTPException)(_problem)
        routes: tuple[tuple[str, str, Callable[..., Any]], ...] = (
            ("GET", "/users", self._user),
            ("GET", "/owners", self._list_owners),
            ("GET", "/services", self._list_services),
            ("POST", "/services", self._create_service),
            ("GET", _SERVICE, self._show_service),
            ("PATCH", _SERVICE, self._change_service),
            ("DELETE", _SERVICE, self._delete_service),
            ("GET", f"{_SERVICE}/env-vars", self._list_variables),
            ("PUT", f"{_SERVICE}/env-vars", self._set_variables),
            ("POST", f"{_SERVICE}/scale", self._scale),
            ("POST", f"{_SERVICE}/suspend", self._suspend),
            ("POST", f"{_SERVICE}/resume", self._resume),
            ("PUT", f"{_SERVICE}/routes", self._set_routes),
            ("GET", f"{_SERVICE}/deploys", self._list_deploys),
            ("POST", f"{_SERVICE}/deploys", self._start_deploy),
            ("GET", _DEPLOY, self._show_deploy),
            ("POST", f"{_DEPLOY}/cancel", self._cancel_deploy),
            ("POST", f"{_SERVICE}/rollback", self._roll_back),
            ("GET", f"{_SERVICE}/events", self._list_events),
            ("GET", f"{_SERVICE}/custom-domains", self._list_domains),
            ("POST", f"{_SERVICE}/custom-domains", self._add_domain),
            ("GET", _DOMAIN, self._show_domain),
            ("DELETE", _DOMAIN, self._delete_domain),
            ("POST", f"{_DOMAIN}/verify", self._verify_domain),
            ("GET", "/logs", self._logs),
            *self.databases.routes(),
            *self.key_values.routes(),
            ("GET", "/metrics/{kind}", self._metrics),
        )
        for method, path, endpoint in routes:
            app.add_api_route(path, endpoint, methods=[method], response_model=None)
        return app

    # What Render does with every call.

    async def _as_render(
        self, request: Request, call: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return error_answer(401, "Unauthorized")
        answer = await call(request)
        answer.headers.setdefault("ratelimit-limit", "400")
        answer.headers.setdefault("ratelimit-remaining", "399")
        answer.headers.setdefault("ratelimit-reset", "42")
        return answer

    @property
    def _now(self) -> float:
        return self.time.monotonic()

    def _clock(self, seconds: float) -> datetime:
        return self.time.now() + timedelta(seconds=seconds - self._now)

    @property
    def _shapes(self) -> Shapes:
        return Shapes(self._clock, self._now, self.answers_at)

    def _paged(self, request: Request, name: str, items: list[Json]) -> list[Json]:
        limit = int(request.query_params.get("limit", "20"))
        start = int(request.query_params.get("cursor", "-1")) + 1
        page = items[start : start + limit]
        return [{name: each, "cursor": str(start + at)} for at, each in enumerate(page)]

    def _count_creation(self) -> JSONResponse | None:
        self.creations = [at for at in self.creations if at > self._now - _HOUR]
        if len(self.creations) >= _CREATIONS:
            return limit_answer(self.creations[0] + _HOUR - self._now)
        self.creations.append(self._now)
        return None

    def _of(self, service_id: str) -> FakeService:
        if service_id not in self.services:
            raise HTTPException(404, "not found")
        return self.services[service_id]

    def _deploy_of(self, service_id: str, deploy_id: str) -> tuple[FakeService, FakeDeploy]:
        service = self._of(service_id)
        deploy = service.deploy(deploy_id)
        if deploy is None:
            raise HTTPException(404, "not found")
        return service, deploy

    # Accounts.

    async def _user(self) -> Json:
        return {"email": "ops@acme.test", "name": "Ops"}

    async def _list_owners(self, request: Request) -> list[Json]:
        return self._paged(request, "owner", self.owners)

    # Services.

    async def _list_services(self, request: Request) -> list[Json]:
        wanted = request.query_params
        found = [
            self._shapes.service(each, self.url)
            for each in self.services.values()
            if wanted.get("name") in (None, each.name)
            and wanted.get("ownerId") in (None, each.sent["ownerId"])
        ]
        return self._paged(request, "service", found)

    async def _create_service(self, request: Request) -> Response:
        limited = self._count_creation()
        if limited:
            return limited
        sent = await request.json()
        if any(each.name == sent["name"] for each in self.services.values()):
            return error_answer(409, "name is taken", code="name_taken")
        if sent["repo"] in self.unreachable:
            return error_answer(400, "invalid or unfetchable repository")
        plan = sent["serviceDetails"].get("plan", "free")
        if sent["type"] in _PAID and plan == "free":
            return error_answer(400, "invalid plan")
        if plan != "free" and not self.pays:
            return error_answer(402, "payment information is required")
        if wrong := wrong_build(sent["type"], sent["serviceDetails"]):
            return error_answer(400, wrong)
        variables = {each["key"]: each["value"] for each in sent.pop("envVars")}
        service = FakeService(sent, self._now, variables, self.heads)
        service.routes = sent["serviceDetails"].get("routes", [])
        self.services[service.id] = service
        first = self._start(service, self.heads[sent["branch"]], "other", asked=False)
        shown = {"service": self._shapes.service(service, self.url), "deployId": first.id}
        return JSONResponse(shown, 201)

    async def _show_service(self, service_id: str) -> Json:
        return self._shapes.service(self._of(service_id), self.url)

    async def _change_service(self, service_id: str, request: Request) -> Json | Response:
        service, sent = self._of(service_id), await request.json()
        if sent.get("serviceDetails", {}).get("plan", "free") != "free" and not self.pays:
            return error_answer(402, "payment information is required")
        details = {**service.sent["serviceDetails"], **sent.pop("serviceDetails", {})}
        if wrong := wrong_build(service.sent["type"], details):
            return error_answer(400, wrong)
        service.sent = {**service.sent, **sent, "serviceDetails": details}
        return self._shapes.service(service, self.url)

    async def _scale(self, service_id: str, request: Request) -> Response:
        service = self._of(service_id)
        if service.sent["serviceDetails"].get("plan") == "free":
            return error_answer(400, "free services cannot be scaled")
        service.instances = (await request.json())["numInstances"]
        return Response(status_code=202)

    async def _suspend(self, service_id: str) -> Response:
        self._of(service_id).suspend(self._now)
        return Response(status_code=202)

    async def _resume(self, service_id: str) -> Response:
        self._of(service_id).resume(self._now)
        return Response(status_code=202)

    async def _delete_service(self, service_id: str) -> Response:
        del self.services[self._of(service_id).id]
        return Response(status_code=204)

    async def _list_variables(self, service_id: str, request: Request) -> list[Json]:
        held = self._of(service_id).variables
        shown = [{"key": key, "value": value} for key, value in held.items()]
        return self._paged(request, "envVar", shown)

    async def _set_variables(self, service_id: str, request: Request) -> list[Json]:
        sent = await request.json()
        self._of(service_id).variables = {each["key"]: each["value"] for each in sent}
        return [{"envVar": each, "cursor": each["key"]} for each in sent]

    async def _set_routes(self, service_id: str, request: Request) -> list[Json]:
        self._of(service_id).routes = sent = await request.json()
        return [{**each, "id": f"rdr-{at}", "priority": at} for at, each in enumerate(sent)]

    # Deploys.

    def _start(self, service: FakeService, commit: str, trigger: str, **values: Any) -> FakeDeploy:
        ends = self.outcomes.pop(0) if self.outcomes else "live"
        return service.start(self._now, commit, trigger, ends=ends, **values)

    async def _list_deploys(self, service_id: str, request: Request) -> list[Json]:
        service = self._of(service_id)
        told = [each for each in service.deploys if each.created + self.lag <= self._now]
        shown = [self._shapes.deploy(service, each) for each in reversed(told)]
        return self._paged(request, "deploy", shown)

    async def _start_deploy(self, service_id: str, request: Request) -> Response:
        service, sent = self._of(service_id), await request.json()
        if service.suspended:
            return error_answer(400, "service is suspended")
        if service.is_cron and "commitId" in sent:
            return error_answer(400, "cron jobs take no commit")
        if sent.get("deployMode") == "deploy_only":
            last = [each for each in service.deploys if each.built][-1]
            deploy = self._start(service, last.commit, "api", built=False)
        else:
            asked = "commitId" in sent
            commit = sent["commitId"] if asked else self.heads[service.sent["branch"]]
            deploy = self._start(service, commit, "api", asked=asked)
        if deploy.begins > self._now:
            return Response(status_code=202)
        return JSONResponse(self._shapes.deploy(service, deploy), 201)

    async def _show_deploy(self, service_id: str, deploy_id: str) -> Json:
        return self._shapes.deploy(*self._deploy_of(service_id, deploy_id))

    async def _cancel_deploy(self, service_id: str, deploy_id: str) -> Response:
        service, deploy = self._deploy_of(service_id, deploy_id)
        if deploy.ended(self._now):
            return error_answer(400, "deploy has ended")
        deploy.canceled_at = self._now
        return JSONResponse(self._shapes.deploy(service, deploy))

    async def _roll_back(self, service_id: str, request: Request) -> Response:
        service, target = self._deploy_of(service_id, (await request.json())["deployId"])
        if service.suspended:
            return error_answer(400, "service is suspended")
        if service.status_of(target, self._now) not in ("live", "deactivated"):
            return error_answer(400, "deploy cannot be rolled back to")
        deploy = service.start(self._now, target.commit, "rollback", target=target.id, built=False)
        return JSONResponse(self._shapes.deploy(service, deploy), 201)

    async def _list_events(self, service_id: str, request: Request) -> list[Json]:
        since = datetime.fromisoformat(request.query_params.get("startTime", _LONG_AGO))
        seconds = self._now + (since - self.time.now()).total_seconds()
        shown = self._shapes.events(self._of(service_id), self.reason, seconds - 0.001)
        # These items have no cursor.
        return [{"event": each} for each in shown[: int(request.query_params["limit"])]]

    # Domains.

    def _domain(self, service_id: str, name: str) -> Json:
        domains = self._of(service_id).domains
        if name not in domains:
            raise HTTPException(404, "not found")
        return domains[name]

    async def _list_domains(self, service_id: str, request: Request) -> list[Json]:
        shown = [self._shapes.domain(each) for each in self._of(service_id).domains.values()]
        return self._paged(request, "customDomain", shown)

    async def _add_domain(self, service_id: str, request: Request) -> Response:
        """An apex comes with its www, which redirects to it."""
        service, name = self._of(service_id), (await request.json())["name"]
        if any(name in each.domains for each in self.services.values()):
            return error_answer(409, "domain is in use")
        pair = {name: ""} | ({f"www.{name}": name} if name.count(".") == 1 else {})
        for each, redirects in pair.items():
            made = {"id": new_id("cdm"), "name": each, "redirects": redirects, "verified": False}
            service.domains[each] = made
        return JSONResponse([self._shapes.domain(service.domains[each]) for each in pair], 201)

    async def _show_domain(self, service_id: str, name: str) -> Json:
        return self._shapes.domain(self._domain(service_id, name))

    async def _delete_domain(self, service_id: str, name: str) -> Response:
        self._domain(service_id, name)
        del self._of(service_id).domains[name]
        return Response(status_code=204)

    async def _verify_domain(self, service_id: str, name: str) -> Response:
        self._domain(service_id, name)["verified"] = name in self.records
        return Response(status_code=202)

    # Logs.

    async def _logs(self, request: Request) -> Json:
        """Lines are stored a second after they were said; a page's last line begins the next."""
        wanted = request.query_params
        service = self._of(wanted["resource"])
        shown = [
            self._shapes.line(service, each)
            for each in sorted(service.lines, key=lambda each: each.at)
            if each.at + _LOG_LAG <= self._now and each.kind == wanted["type"]
        ]
        end = wanted.get("endTime", self._shapes.time(self._now))
        since = datetime.fromisoformat(wanted.get("startTime", _LONG_AGO))
        found = [e for e in shown if datetime.fromisoformat(e["timestamp"]) >= since]
        page = found[: int(wanted["limit"])]
        return {
            "logs": page, "hasMore": len(found) > len(page), "nextEndTime": end,
            "nextStartTime": page[-1]["timestamp"] if page else end,
        }  # fmt: skip

    # Metrics.

    async def _metrics(self, kind: str, request: Request) -> list[Json]:
        resource = request.query_params["resource"]
        if resource not in {*self.services, *self.databases.held, *self.key_values.held}:
            raise HTTPException(404, "not found")
        return self.measured.series(kind, request.query_params, self.time.now())


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, str(error.detail))
