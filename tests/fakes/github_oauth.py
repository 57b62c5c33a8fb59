"""GitHub's pages and calls for OAuth apps, with accounts, codes that work once, and tokens."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from tests.fakes.consent import consent_page
from tests.fakes.github_faults import FAULTS
from tests.fakes.server import Exchange, Faults, Recorded, serving

CLIENT_ID = "Iv1.0123456789abcdef"
CLIENT_SECRET = "github-client-secret-0123456789abcdef"
CODE_SECONDS = 600


@dataclass
class GitHubUser:
    id: int
    login: str
    name: str | None
    emails: list[dict[str, Any]]


@dataclass
class _Code:
    user_id: int
    redirect_uri: str
    scope: str
    challenge: str | None
    issued: float = field(default_factory=time.monotonic)


@dataclass
class _Token:
    """``renewing`` is what renews it, of a GitHub App alone."""

    user_id: int
    scope: str
    renewing: str | None = None


class FakeGitHub:
    """``user_id`` is who sits at the browser; ``expiring`` issues tokens of a GitHub App;
    ``granted`` are the scopes that are granted, where they are not those asked for."""

    def __init__(self) -> None:
        self.users: dict[int, GitHubUser] = {}
        self.codes: dict[str, _Code] = {}
        self.tokens: dict[str, _Token] = {}
        self.user_id = 0
        self.expiring = False
        self.granted: str | None = None
        self.redirect_uri = ""
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.url = ""
        self.add(583231, "octocat", "octocat@example.com")

    def add(self, user_id: int, login: str, email: str, *, verified: bool = True) -> GitHubUser:
        emails = [
            {"email": f"{user_id}+{login}@users.noreply.github.com", "primary": False,
             "verified": True, "visibility": None},
            {"email": email, "primary": True, "verified": verified, "visibility": "public"},
        ]  # fmt: skip
        self.users[user_id] = GitHubUser(user_id, login, login.title(), emails)
        self.user_id = user_id
        return self.users[user_id]

    def expire_codes(self) -> None:
        for code in self.codes.values():
            code.issued -= CODE_SECONDS + 1

    def calls(self, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if each.path == path]

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeGitHub"]:
        app = Recorded(self._app(), self.faults, self.exchanges, {"cut": FAULTS["cut"]})
        async with serving(app) as self.url:
            yield self

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/login/oauth/authorize", self._authorize, methods=["GET"])
        app.add_api_route("/login/oauth/authorize", self._decide, methods=["POST"])
        app.add_api_route("/login/oauth/access_token", self._exchange, methods=["POST"])
        app.add_api_route("/user", self._user, methods=["GET"])
        app.add_api_route("/user/emails", self._emails, methods=["GET"])
        app.add_api_route("/applications/{client_id}/token", self._delete_token, methods=["DELETE"])
        app.add_api_route("/applications/{client_id}/grant", self._delete_grant, methods=["DELETE"])
        return app

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT_ID:
            return HTMLResponse("There is no such application.", status_code=404)
        if asked.get("redirect_uri") != self.redirect_uri:
            return HTMLResponse("The redirect_uri is not associated.", status_code=400)
        if asked.get("code_challenge_method") not in (None, "S256"):
            return HTMLResponse("Only S256.", status_code=400)
        return HTMLResponse(consent_page("/login/oauth/authorize", asked, str(self.user_id)))

    async def _decide(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        back = {"state": form["state"]}
        if form["decision"] == "allow":
            code = secrets.token_hex(10)
            self.codes[code] = _Code(
                self.user_id, form["redirect_uri"], form["scope"], form.get("code_challenge")
            )
            back["code"] = code
        else:
            back |= {"error": "access_denied", "error_description": "The user has denied access."}
        return RedirectResponse(f"{form['redirect_uri']}?{urlencode(back)}", status_code=302)

    async def _exchange(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _error("incorrect_client_credentials")
        if form.get("grant_type") == "refresh_token":
            return self._renew(form["refresh_token"])
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or time.monotonic() - code.issued > CODE_SECONDS:
            return _error("bad_verification_code")
        if form.get("redirect_uri") != code.redirect_uri:
            return _error("redirect_uri_mismatch")
        if code.challenge is not None and _s256(form.get("code_verifier", "")) != code.challenge:
            return _error("bad_verification_code")
        granted = code.scope if self.granted is None else self.granted
        return self._issue(code.user_id, granted)

    def _renew(self, renewing: str) -> Response:
        """Both tokens end with this, as GitHub says."""
        for value, token in list(self.tokens.items()):
            if token.renewing == renewing:
                del self.tokens[value]
                return self._issue(token.user_id, token.scope)
        return _error("bad_refresh_token")

    def _issue(self, user_id: int, scope: str) -> Response:
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens[token] = _Token(user_id, scope)
        answer: dict[str, Any] = {"access_token": token, "token_type": "bearer",
                                  "scope": scope.replace(" ", ",")}  # fmt: skip
        if self.expiring:
            renewing = self.tokens[token].renewing = f"ghr_{secrets.token_hex(38)}"
            answer |= {"expires_in": 28800, "refresh_token": renewing,
                       "refresh_token_expires_in": 15811200, "scope": ""}  # fmt: skip
        return JSONResponse(answer)

    def _caller(self, request: Request) -> GitHubUser | None:
        token = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        return self.users[token.user_id] if token else None

    async def _user(self, request: Request) -> Response:
        user = self._caller(request)
        if user is None:
            return JSONResponse({"message": "Bad credentials"}, status_code=401)
        # Escaped, as GitHub does: so a lone surrogate can be sent too.
        text = json.dumps(_public_user(user, self.url))
        token = self.tokens[request.headers["authorization"].removeprefix("Bearer ")]
        scopes = {} if token.renewing else {"X-OAuth-Scopes": token.scope.replace(" ", ", ")}
        return Response(text, media_type="application/json", headers=scopes)

    async def _emails(self, request: Request) -> Response:
        user = self._caller(request)
        if user is None:
            return JSONResponse({"message": "Bad credentials"}, status_code=401)
        return JSONResponse(user.emails)

    def _authenticated_app(self, request: Request, client_id: str) -> bool:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        return client_id == CLIENT_ID and request.headers.get("authorization") == f"Basic {basic}"

    async def _delete_token(self, request: Request, client_id: str) -> Response:
        return await self._delete(request, client_id, whole_grant=False)

    async def _delete_grant(self, request: Request, client_id: str) -> Response:
        return await self._delete(request, client_id, whole_grant=True)

    async def _delete(self, request: Request, client_id: str, *, whole_grant: bool) -> Response:
        if not self._authenticated_app(request, client_id):
            return JSONResponse({"message": "Bad credentials"}, status_code=401)
        token = self.tokens.get((await request.json())["access_token"])
        if token is None:
            return JSONResponse({"message": "Not Found"}, status_code=404)
        for value, other in list(self.tokens.items()):
            if other is token or (whole_grant and other.user_id == token.user_id):
                del self.tokens[value]
        return Response(status_code=204)


def _error(code: str) -> JSONResponse:
    """GitHub's errors of the exchange come with status 200."""
    return JSONResponse({"error": code, "error_description": "…", "error_uri": "https://…"})


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _public_user(user: GitHubUser, url: str) -> dict[str, Any]:
    base = f"{url}/users/{user.login}"
    return {
        "login": user.login, "id": user.id, "node_id": "MDQ6VXNlcg==", "name": user.name,
        "avatar_url": f"https://avatars.example.com/u/{user.id}", "gravatar_id": "", "url": base,
        "html_url": f"https://github.com/{user.login}", "followers_url": f"{base}/followers",
        "following_url": f"{base}/following", "gists_url": f"{base}/gists",
        "starred_url": f"{base}/starred", "subscriptions_url": f"{base}/subscriptions",
        "organizations_url": f"{base}/orgs", "repos_url": f"{base}/repos",
        "events_url": f"{base}/events", "received_events_url": f"{base}/received_events",
        "type": "User", "site_admin": False, "company": None, "blog": None, "location": None,
        "email": None, "hireable": None, "bio": None, "twitter_username": None,
        "public_repos": 2, "public_gists": 1, "followers": 20, "following": 0,
        "created_at": "2008-01-14T04:33:35Z", "updated_at": "2026-01-14T04:33:35Z",
        "user_view_type": "public",
    }  # fmt: skip
