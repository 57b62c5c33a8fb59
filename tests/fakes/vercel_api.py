"""Vercel's REST API, with projects and deployments that change with the time, over real HTTP.

It fails as Vercel does: ``faults.fail("POST /v13/deployments", "lost")``. Beside the faults of
``tests/fakes/server.py`` there are those of ``vercel_faults.py``. ``outcome`` is what the next
deployments come to, ``job_outcome`` what the next promotions do, which begin after ``queued_for``
seconds; ``unlisted`` is how many of the next lists are empty still; ``records`` are the domains
whose records are right. With ``lists_events`` the events of a build that are asked for at once are
a list, else lines. ``answers_at`` is the host of deployments that are to answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from tests.fakes.contract import hold
from tests.fakes.server import Exchange, Faults, Recorded, serving
from tests.fakes.vercel_faults import FAULTS, error_answer
from tests.fakes.vercel_state import (
    EPOCH_MS,
    AliasJob,
    Deployment,
    Json,
    Project,
    Seconds,
    alias_shape,
    domain_shape,
    new_id,
    repository_shape,
    sha1,
    team_shape,
    variable_shape,
)

TOKEN = "vcp_0123456789abcdefghijklmnopqrstuvwxyz"
TEAM = "team_0123456789"
USER = "user-1"
LINES = [
    (2.5, "delimiter", ""),
    (3.0, "command", "npm install"),
    (4.0, "stdout", "added 12 packages"),
    (6.0, "stderr", "warning: a peer is missing"),
    (8.0, "stdout", "compiled\nin 3 s"),
]


class FakeVercelApi:
    """``repositories`` are those that Vercel's GitHub app may read: ids by owner and name."""

    def __init__(self, time: Seconds) -> None:
        self.time = time
        self.teams = [(TEAM, "engines", False), ("team_other", "looms", True)]
        self.repositories: dict[str, int] = {}
        self.projects: list[Project] = []
        self.deployments: list[Deployment] = []
        self.files: dict[str, bytes] = {}
        self.lines = list(LINES)
        self.outcome = "ready"
        self.job_outcome = "succeeded"
        self.rolls_back = True
        self.lists_events = True
        self.queued_for = 0.0
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.printed: list[Json] = []
        self.page_size = 100
        self.url = ""
        self.unlisted = 0
        self.records: set[str] = set()
        self.recommended: Json = {
            "recommendedIPv4": [{"rank": 1, "value": ["76.76.21.21"]}],
            "recommendedCNAME": [{"rank": 1, "value": "cname.vercel-dns.com"}],
        }
        self.owned_elsewhere: set[str] = set()
        self.answers_at = ""
        self._closing = False

    def calls(self, method: str, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if (each.method, each.path) == (method, path)]

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeVercelApi"]:
        """Serve it; what was exchanged is held to Vercel's description at the end."""
        async with serving(Recorded(self._app(), self.faults, self.exchanges, FAULTS)) as self.url:
            try:
                yield self
            finally:
                self._closing = True
        hold("vercel", [each for each in self.exchanges if each.status or each.fault])

    def print_line(self, message: str, level: str = "info") -> None:
        """What a running app prints: only who listens hears it."""
        number = len(self.printed)
        self.printed.append({
            "rowId": f"row-{number}", "timestampInMs": EPOCH_MS + number, "level": level,
            "message": message, "messageTruncated": False, "source": "serverless",
            "domain": "x.vercel.app", "requestMethod": "GET", "requestPath": "/",
            "responseStatusCode": 200,
        })  # fmt: skip

    def _app(self) -> FastAPI:
        app = FastAPI(dependencies=[Depends(self._authorize)])
        app.exception_handler(HTTPException)(_problem)
        project = "/v9/projects/{name}"
        for method, path, endpoint in (
            ("GET", "/v2/user", self._user),
            ("GET", "/v2/teams", self._teams),
            ("GET", project, self._project),
            ("PATCH", project, self._change_project),
            ("DELETE", project, self._delete_project),
            ("GET", "/v10/projects", self._list_projects),
            ("POST", "/v11/projects", self._make_project),
            ("GET", "/v10/projects/{name}/env", self._variables),
            ("POST", "/v10/projects/{name}/env", self._set_variables),
            ("DELETE", "/v1/projects/{name}/env", self._delete_variables),
            ("DELETE", f"{project}/env/{{variable}}", self._delete_variable),
            ("GET", "/v1/projects/{name}/env/{variable}", self._open_variable),
            ("GET", "/v1/integrations/git-namespaces", self._namespaces),
            ("GET", "/v1/integrations/search-repo", self._search),
            ("POST", "/v2/files", self._upload),
            ("POST", "/v13/deployments", self._deploy),
            ("GET", "/v13/deployments/{id}", self._deployment),
            ("GET", "/v7/deployments", self._list),
            ("PATCH", "/v12/deployments/{id}/cancel", self._cancel),
            ("GET", "/v3/deployments/{id}/events", self._events),
            ("POST", "/v10/projects/{name}/promote/{id}", self._promote),
            ("POST", "/v1/projects/{name}/rollback/{id}", self._rollback),
            ("GET", "/v1/projects/{name}/deployments/{id}/runtime-logs", self._runtime_logs),
            ("POST", "/v10/projects/{name}/domains", self._add_domain),
            ("GET", f"{project}/domains/{{domain}}", self._domain),
            ("DELETE", f"{project}/domains/{{domain}}", self._remove_domain),
            ("POST", f"{project}/domains/{{domain}}/verify", self._verify_domain),
            ("GET", "/v6/domains/{domain}/config", self._domain_records),
            ("GET", "/v4/aliases/{alias}", self._alias),
        ):
            app.add_api_route(path, endpoint, methods=[method], response_model=None)
        return app

    async def _authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise HTTPException(403, {"code": "forbidden", "invalidToken": True})

    def _find_project(self, request: Request) -> Project:
        owner, name = _owner(request), request.path_params["name"]
        for each in self.projects:
            if each.owner == owner and name in (each.id, each.name):
                return each
        raise HTTPException(404, {"code": "not_found"})

    def _find_deployment(self, request: Request) -> Deployment:
        for each in self.deployments:
            if each.id == request.path_params["id"] and each.project.owner == _owner(request):
                return each
        raise HTTPException(404, {"code": "not_found"})

    # Accounts.

    async def _user(self) -> Response:
        user = {"id": USER, "email": "ada@example.com", "name": "Ada", "username": "ada",
                "avatar": None, "defaultTeamId": None, "limited": True}  # fmt: skip
        return JSONResponse({"user": user})

    async def _teams(self, request: Request) -> Response:
        shapes = [
            team_shape(team_id, slug, EPOCH_MS - number, limited=limited)
            for number, (team_id, slug, limited) in enumerate(self.teams)
        ]
        return self._paged(request, "teams", shapes)

    def _paged(self, request: Request, name: str, items: list[Json]) -> Response:
        """Newest first; ``next`` is the time of the last of a page."""
        until = float(request.query_params.get("until", "inf"))
        size = min(int(request.query_params.get("limit", "20")), self.page_size)
        left = [each for each in items if each["createdAt"] < until]
        page = left[:size]
        following = page[-1]["createdAt"] if len(left) > size else None
        pagination = {"count": len(page), "next": following, "prev": None}
        return JSONResponse({name: page, "pagination": pagination})

    # Projects and their variables.

    async def _project(self, request: Request) -> Response:
        return JSONResponse(self._find_project(request).shape())

    async def _list_projects(self, request: Request) -> Response:
        """Newest first; ``next`` is where the next page begins."""
        owned = [each for each in reversed(self.projects) if each.owner == _owner(request)]
        start, size = int(request.query_params.get("from", "0")), self.page_size
        shown = []
        for project in owned[start : start + size]:
            made = [each for each in self.deployments if each.project is project]
            newest = [
                {**project.target_shape(each), "meta": each.body.get("meta", {})}
                for each in made[:1]
            ]
            listed = {**project.shape(), "createdAt": EPOCH_MS, "latestDeployments": newest}
            listed.pop("lastAliasRequest", None)
            shown.append(listed)
        following = start + size if len(owned) > start + size else None
        pagination = {"count": len(shown), "next": following, "prev": None}
        return JSONResponse({"projects": shown, "pagination": pagination})

    async def _make_project(self, request: Request) -> Response:
        body = await request.json()
        owner = _owner(request)
        if any(each.owner == owner and each.name == body["name"] for each in self.projects):
            return error_answer(409, "conflict")
        project = Project(owner, body["name"])
        if "ssoProtection" in body:
            project.sso_protection = body["ssoProtection"]
        self.projects.append(project)
        return JSONResponse(project.shape())

    async def _change_project(self, request: Request) -> Response:
        project = self._find_project(request)
        body = await request.json()
        project.auto_assign = body.get("autoAssignCustomDomains", project.auto_assign)
        if "resourceConfig" in body:
            project.regions = body["resourceConfig"]["functionDefaultRegions"]
        return JSONResponse(project.shape())

    async def _delete_project(self, request: Request) -> Response:
        project = self._find_project(request)
        self.projects.remove(project)
        self.deployments = [each for each in self.deployments if each.project is not project]
        return Response(status_code=204)

    async def _variables(self, request: Request) -> Response:
        shapes = [
            {**variable_shape(each), "securityIssues": []}
            for each in self._find_project(request).variables.values()
        ]
        return JSONResponse({"envs": shapes, "hiddenProductionEnvCount": 0})

    async def _set_variables(self, request: Request) -> Response:
        project = self._find_project(request)
        created, failed = [], []
        for each in await request.json():
            if each["key"].startswith("VERCEL_"):
                error = {"code": "RESERVED_ENV_VARIABLE", "envVarKey": each["key"],
                         "message": f"{each['key']}={each['value']} is reserved"}  # fmt: skip
                failed.append({"error": error})
                continue
            there = [one for one in project.variables.values() if one["key"] == each["key"]]
            assert not there or request.query_params.get("upsert") == "true"
            name = there[0]["id"] if there else new_id("env")
            project.variables[name] = {"id": name, **each}
            created.append(variable_shape(project.variables[name]))
        return JSONResponse({"created": created, "failed": failed}, 201)

    async def _delete_variables(self, request: Request) -> Response:
        project, ids = self._find_project(request), (await request.json())["ids"]
        deleted = [each for each in ids if project.variables.pop(each, None)]
        return JSONResponse({"deleted": len(deleted), "ids": deleted})

    async def _delete_variable(self, request: Request) -> Response:
        held = self._find_project(request).variables.pop(request.path_params["variable"], None)
        return (
            error_answer(404, "not_found") if held is None else JSONResponse(variable_shape(held))
        )

    async def _open_variable(self, request: Request) -> Response:
        held = self._find_project(request).variables.get(request.path_params["variable"])
        if held is None:
            return error_answer(404, "not_found")
        if held["type"] == "sensitive":
            return JSONResponse({**variable_shape(held), "value": "", "decrypted": False})
        return JSONResponse({**variable_shape(held), "value": held["value"], "decrypted": True})

    # Sources.

    async def _namespaces(self) -> Response:
        owners = {name.partition("/")[0] for name in self.repositories}
        return JSONResponse([
            {"id": number, "slug": owner, "name": owner, "ownerType": "user", "provider": "github",
             "installationId": number}
            for number, owner in enumerate(sorted(owners), 1)
        ])  # fmt: skip

    async def _search(self, request: Request) -> Response:
        sought = request.query_params["query"].lower()
        repos = [
            repository_shape(number, *name.split("/"))
            for name, number in self.repositories.items()
            if sought in name.lower()
        ]
        namespace = request.query_params["namespaceId"]
        account = {"namespaceId": namespace, "provider": "github"}
        return JSONResponse({"gitAccount": account, "repos": repos})

    async def _upload(self, request: Request) -> Response:
        content = await request.body()
        if sha1(content) != request.headers["x-vercel-digest"]:
            return error_answer(400, "invalid_sha")
        self.files[sha1(content)] = content
        return JSONResponse({"urls": []})

    # Deployments.

    async def _deploy(self, request: Request) -> Response:
        assert request.query_params["forceNew"] == "1"
        body = await request.json()
        request.path_params["name"] = body["project"]
        project = self._find_project(request)
        digests = [each["sha"] for each in body.get("files", ())]
        missing = [each for each in dict.fromkeys(digests) if each not in self.files]
        if missing:
            return error_answer(400, "missing_files", missing=missing)
        source = body.get("gitSource")
        if source is not None and source["repoId"] not in self.repositories.values():
            return error_answer(400, "incorrect_git_source_info")
        staged = body.get("target") == "production" and not project.auto_assign
        made = Deployment(
            self.time, project, body, self.outcome, self.lines, staged=staged,
            answers_at=self.answers_at,
            variables=project.variables_for(body.get("target") or "preview"),
        )  # fmt: skip
        self.deployments.insert(0, made)
        return JSONResponse(made.shape())

    async def _deployment(self, request: Request) -> Response:
        return JSONResponse(self._find_deployment(request).shape())

    async def _list(self, request: Request) -> Response:
        project, owner = request.query_params.get("projectId"), _owner(request)
        states = request.query_params.get("state")
        self.unlisted -= 1
        if self.unlisted >= 0:
            return self._paged(request, "deployments", [])
        shapes = [
            each.list_shape()
            for each in self.deployments
            if each.project.owner == owner
            and project in (None, each.project.id)
            and (states is None or each.state in states.split(","))
        ]
        return self._paged(request, "deployments", shapes)

    async def _cancel(self, request: Request) -> Response:
        deployment = self._find_deployment(request)
        if deployment.ended:
            return error_answer(400, "bad_request")
        deployment.canceled = True
        return JSONResponse(deployment.shape())

    async def _events(self, request: Request) -> Response:
        deployment = self._find_deployment(request)
        since = float(request.query_params.get("since", "0"))
        if request.query_params.get("follow") != "1":
            found = [e for e in deployment.events() if e["created"] >= since]
            if not self.lists_events:
                return Response(
                    b"\n".join(bytes(JSONResponse(each).body) for each in found),
                    media_type=_Lines.media_type,
                )
            return JSONResponse(found)

        async def follow() -> AsyncIterator[Json]:
            sent = 0
            while not self._closing:
                ended = deployment.ended
                for event in deployment.events()[sent:]:
                    sent += 1
                    if event["created"] >= since:
                        yield event
                if ended:
                    return
                await asyncio.sleep(0.002)

        return _Lines(follow())

    # Traffic.

    async def _promote(self, request: Request) -> Response:
        return self._begin(request, "promote")

    async def _rollback(self, request: Request) -> Response:
        if not self.rolls_back:
            return error_answer(402, "payment_required")
        return self._begin(request, "rollback")

    def _begin(self, request: Request, kind: str) -> Response:
        project, deployment = self._find_project(request), self._find_deployment(request)
        if deployment.target != "production" or deployment.state != "READY":
            return error_answer(422, "not_promotable")
        current = project.production
        if project.job is not None and project.job.status in ("pending", "in-progress"):
            return error_answer(409, "conflict")
        previous = current.id if current else None
        job = AliasJob(self.time, kind, deployment, self.job_outcome, previous)
        if self.queued_for:
            job.requested += self.queued_for
            project.queued = job
            return Response(status_code=202)
        project.job = job
        return Response(status_code=201)

    async def _runtime_logs(self, request: Request) -> Response:
        self._find_project(request)
        self._find_deployment(request)
        begun = len(self.printed)

        async def follow() -> AsyncIterator[Json]:
            for number in count(begun):
                while number >= len(self.printed):
                    if self._closing:
                        return
                    await asyncio.sleep(0.002)
                yield self.printed[number]

        return _Lines(follow())

    # Domains.

    def _find_domain(self, request: Request) -> tuple[Project, str]:
        project, name = self._find_project(request), request.path_params["domain"]
        if name not in project.domains:
            raise HTTPException(404, {"code": "not_found"})
        return project, name

    async def _add_domain(self, request: Request) -> Response:
        project, name = self._find_project(request), (await request.json())["name"]
        if any(name in each.domains for each in self.projects):
            return error_answer(409, "domain_already_in_use")
        project.domains[name] = name not in self.owned_elsewhere
        return JSONResponse(domain_shape(project, name))

    async def _domain(self, request: Request) -> Response:
        return JSONResponse(domain_shape(*self._find_domain(request)))

    async def _remove_domain(self, request: Request) -> Response:
        project, name = self._find_domain(request)
        del project.domains[name]
        return JSONResponse({})

    async def _verify_domain(self, request: Request) -> Response:
        project, name = self._find_domain(request)
        if name not in self.records:
            return error_answer(400, "missing_txt_record")
        project.domains[name] = True
        return JSONResponse(domain_shape(project, name))

    async def _alias(self, request: Request) -> Response:
        name, owner = request.path_params["alias"], _owner(request)
        for project in self.projects:
            if name in project.domains and project.owner == owner:
                return JSONResponse(alias_shape(project, name))
        return error_answer(404, "not_found")

    async def _domain_records(self, domain: str) -> Response:
        return JSONResponse({
            "acceptedChallenges": [], "configuredBy": "A" if domain in self.records else None,
            "misconfigured": domain not in self.records,
            **self.recommended,
        })  # fmt: skip


class _Lines(Response):
    """Newline-delimited JSON, as it comes; it takes no notice of a listener that leaves."""

    media_type = "application/stream+json"

    def __init__(self, values: AsyncIterator[Json]):
        super().__init__()
        self._values = values
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for value in self._values:
            line = bytes(JSONResponse(value).body) + b"\n"
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _owner(request: Request) -> str:
    """The team that a call names, else the account itself."""
    return request.query_params.get("teamId", USER)


async def _problem(_request: Request, error: Any) -> Response:
    return error_answer(error.status_code, **error.detail)
