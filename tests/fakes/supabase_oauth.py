"""Supabase's OAuth apps: the page that asks for consent, the exchange, renewals and the end."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from tests.fakes.consent import consent_page
from tests.fakes.contract import hold
from tests.fakes.server import Exchange, Faults, Recorded, serving
from tests.fakes.supabase_faults import FAULTS, error_answer

from autodeploy.providers.identity import pkce_challenge

CLIENT_ID = "7673bde9-be72-4d75-bd5e-b0dba2c49b38"
CLIENT_SECRET = "sba_0123456789abcdef0123456789abcdef"
LIFETIME_SECONDS = 3600


@dataclass
class _Grant:
    """What an organization has authorized: ``renewing`` alone is good, ``tokens`` all are."""

    organization: str
    renewing: str = ""
    tokens: set[str] = field(default_factory=set)


class FakeSupabaseOAuth:
    """``organization`` is the one that the browser consents for; ``may_read`` whether the app has
    the scope to read it. ``spent`` is how a renewal is refused that is spent."""

    def __init__(self) -> None:
        self.organization = "octo-org"
        self.names = {"octo-org": "Octo", "other-org": "Other"}
        self.may_read = True
        self.spent: tuple[int, str] = (400, "Invalid Refresh Token")
        self.redirect_uri = ""
        self.codes: dict[str, tuple[str, str]] = {}
        self.grants: list[_Grant] = []
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.url = ""

    @property
    def secrets(self) -> set[str]:
        """What no answer of ours may hold."""
        renewing = {each.renewing for each in self.grants}
        return renewing.union(*(each.tokens for each in self.grants))

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeSupabaseOAuth"]:
        """Serve it; what was exchanged is held to Supabase's description at the end."""
        app = Recorded(self._app(), self.faults, self.exchanges, {"cut": FAULTS["cut"]})
        async with serving(app) as self.url:
            yield self
        hold("supabase", [each for each in self.exchanges if each.path != "/consent"])

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/v1/oauth/authorize", self._consider, methods=["GET"])
        app.add_api_route("/consent", self._decide, methods=["POST"])
        app.add_api_route("/v1/oauth/token", self._exchange, methods=["POST"])
        app.add_api_route("/v1/oauth/revoke", self._revoke, methods=["POST"])
        app.add_api_route("/v1/organizations", self._organizations, methods=["GET"])
        return app

    async def _consider(self, request: Request) -> Response:
        query = dict(request.query_params)
        if (query["client_id"], query["redirect_uri"]) != (CLIENT_ID, self.redirect_uri):
            return HTMLResponse("There is no such app.", status_code=404)
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        return HTMLResponse(consent_page("/consent", query, "you"))

    async def _decide(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        back = {"state": form["state"]}
        if form["decision"] == "allow":
            back["code"] = secrets.token_hex(12)
            self.codes[back["code"]] = (self.organization, form["code_challenge"])
        else:
            back["error"] = "access_denied"
        return RedirectResponse(f"{self.redirect_uri}?{urlencode(back)}", status_code=302)

    async def _exchange(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if (form["client_id"], form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return error_answer(401, "Unrecognized client_id")
        if form["grant_type"] == "refresh_token":
            found = [each for each in self.grants if each.renewing == form["refresh_token"]]
            if not found:
                return error_answer(*self.spent)
            return self._tokens(found[0])
        organization, challenge = self.codes.pop(form["code"], ("", ""))
        proven = pkce_challenge(form["code_verifier"]) == challenge
        if not proven or form["redirect_uri"] != self.redirect_uri:
            return error_answer(400, "Invalid authorization code")
        self.grants.append(_Grant(organization))
        return self._tokens(self.grants[-1])

    def _tokens(self, grant: _Grant) -> Response:
        token = f"sbp_oauth_{secrets.token_hex(20)}"
        grant.tokens.add(token)
        grant.renewing = secrets.token_urlsafe(24)
        return JSONResponse(
            {"access_token": token, "refresh_token": grant.renewing,
             "expires_in": LIFETIME_SECONDS, "token_type": "Bearer"},
            status_code=201,
        )  # fmt: skip

    async def _revoke(self, request: Request) -> Response:
        sent = await request.json()
        if (sent["client_id"], sent["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return error_answer(401, "Unrecognized client_id")
        found = [each for each in self.grants if each.renewing == sent["refresh_token"]]
        if not found:
            return error_answer(404, "Refresh token not found")
        # The authorization of the organization ends, with all that came of it.
        self.grants = [each for each in self.grants if each.organization != found[0].organization]
        return Response(status_code=204)

    async def _organizations(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        found = [each for each in self.grants if token in each.tokens]
        if not found:
            return error_answer(401, "Unauthorized")
        if not self.may_read:
            return error_answer(403, "Forbidden resource")
        slug = found[0].organization
        return JSONResponse([{"id": slug, "slug": slug, "name": self.names[slug]}])
