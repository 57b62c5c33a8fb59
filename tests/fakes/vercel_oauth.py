"""Vercel's integration flow: its installation page, the exchange, and the removal."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from tests.fakes.consent import consent_page
from tests.fakes.server import Exchange, Faults, Recorded, serving

CLIENT_ID = "oac_0123456789"
CLIENT_SECRET = "vercel-client-secret-0123456789"
SLUG = "autodeploy-test"


@dataclass
class _Installation:
    user_id: str
    team_id: str | None


class FakeVercel:
    """``team_id`` is the team that the browser installs for, None for the personal account."""

    def __init__(self) -> None:
        self.installations: dict[str, _Installation] = {}
        self.codes: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.team_id: str | None = None
        self.redirect_uri = ""
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.url = ""

    def calls(self, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if each.path == path]

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeVercel"]:
        async with serving(Recorded(self._app(), self.faults, self.exchanges)) as self.url:
            yield self

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/integrations/{slug}/new", self._consider, methods=["GET"])
        app.add_api_route("/integrations/{slug}/new", self._install, methods=["POST"])
        app.add_api_route("/v2/oauth/access_token", self._exchange, methods=["POST"])
        app.add_api_route("/v2/user", self._user, methods=["GET"])
        app.add_api_route("/v2/teams/{team_id}", self._team, methods=["GET"])
        app.add_api_route(
            "/v1/integrations/configuration/{installation}", self._uninstall, methods=["DELETE"]
        )
        return app

    async def _consider(self, request: Request, slug: str) -> Response:
        if slug != SLUG:
            return HTMLResponse("There is no such integration.", status_code=404)
        return HTMLResponse(
            consent_page(f"/integrations/{slug}/new", dict(request.query_params), "you")
        )

    async def _install(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        back = {"state": form["state"]}
        if form["decision"] != "allow":
            back |= {"error": "access_denied"}
            return RedirectResponse(f"{self.redirect_uri}?{urlencode(back)}", status_code=302)
        installation = self._installation()
        code = secrets.token_hex(12)
        self.codes[code] = installation
        back |= {"code": code, "configurationId": installation, "source": "marketplace",
                 "next": f"{self.url}/dashboard/integrations/done"}  # fmt: skip
        if self.team_id:
            back["teamId"] = self.team_id
        return RedirectResponse(f"{self.redirect_uri}?{urlencode(back)}", status_code=302)

    def _installation(self) -> str:
        """An account or team has one installation, however often it is installed."""
        for name, each in self.installations.items():
            if each.team_id == self.team_id:
                return name
        name = f"icfg_{secrets.token_hex(12)}"
        self.installations[name] = _Installation("user-1", self.team_id)
        return name

    async def _exchange(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, status_code=400)
        installation = self.codes.pop(form.get("code", ""), None)
        if installation is None or form.get("redirect_uri") != self.redirect_uri:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        token = f"vercel_{secrets.token_hex(16)}"
        self.tokens[token] = installation
        found = self.installations[installation]
        return JSONResponse(
            {"token_type": "Bearer", "access_token": token, "installation_id": installation,
             "user_id": found.user_id, "team_id": found.team_id}
        )  # fmt: skip

    def _caller(self, request: Request) -> _Installation | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self.installations.get(self.tokens.get(token, ""))

    async def _user(self, request: Request) -> Response:
        if self._caller(request) is None:
            return _forbidden()
        return JSONResponse(
            {"user": {"id": "user-1", "email": "ada@example.com", "name": "Ada", "username": "ada",
                      "avatar": None, "defaultTeamId": None, "limited": True}}
        )  # fmt: skip

    async def _team(self, request: Request, team_id: str) -> Response:
        caller = self._caller(request)
        if caller is None or caller.team_id != team_id:
            return _forbidden()
        return JSONResponse(
            {"id": team_id, "slug": "analytical-engines", "name": "Engines", "avatar": None,
             "billing": {"plan": "pro"}, "createdAt": 1760000000000, "updatedAt": 1760000000000,
             "creatorId": "user-1", "description": None, "stagingPrefix": "engines"}
        )  # fmt: skip

    async def _uninstall(self, request: Request, installation: str) -> Response:
        caller = self._caller(request)
        if caller is None:
            return _forbidden()
        if caller.team_id != request.query_params.get("teamId"):
            return JSONResponse({"error": {"code": "not_found", "message": "…"}}, status_code=404)
        del self.installations[installation]
        self.tokens = {key: each for key, each in self.tokens.items() if each != installation}
        return Response(status_code=204)


def _forbidden() -> JSONResponse:
    error = {"code": "forbidden", "message": "Not authorized", "invalidToken": True}
    return JSONResponse({"error": error}, status_code=403)
