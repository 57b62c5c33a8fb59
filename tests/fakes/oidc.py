"""An OpenID Connect provider: discovery, consent, codes, keys that rotate, and ID tokens."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from tests.fakes.consent import consent_page
from tests.fakes.server import Exchange, Faults, Recorded, serving

CLIENT_ID = "autodeploy client"  # a space: it is encoded before it becomes a user name
CLIENT_SECRET = "oidc-client-secret/+0123456789"

Claims = dict[str, Any]


class Key:
    """A key pair that signs; ``jwk`` is what is published of it."""

    def __init__(self, kid: str):
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        self.jwk = {**public, "kid": kid, "use": "sig"}

    def sign(self, claims: Claims) -> str:
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.kid})


@cache
def _first_key() -> Key:
    return Key("first")  # made once a process, since that takes a while


class FakeOidc:
    """``person`` is who sits at the browser. ``forge`` makes the ID token, of the claims that a
    right one would have."""

    def __init__(self) -> None:
        self.key = _first_key()
        self.person: Claims = {"sub": "a1b2c3", "name": "Ada Lovelace", "preferred_username": "ada",
                               "email": "ada@example.org", "email_verified": True}  # fmt: skip
        self.forge: Callable[[Claims], str] = lambda claims: self.key.sign(claims)
        self.in_id_token = True
        self.document: Claims = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, Claims] = {}
        self.redirect_uri = ""
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self.url = ""

    def rotate(self) -> None:
        self.key = Key(f"key-{secrets.token_hex(4)}")

    def calls(self, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if each.path == path]

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeOidc"]:
        async with serving(Recorded(self._app(), self.faults, self.exchanges)) as self.url:
            yield self

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/.well-known/openid-configuration", self._discovery, methods=["GET"])
        app.add_api_route("/authorize", self._authorize, methods=["GET"])
        app.add_api_route("/authorize", self._decide, methods=["POST"])
        app.add_api_route("/token", self._exchange, methods=["POST"])
        app.add_api_route("/keys", self._keys, methods=["GET"])
        app.add_api_route("/userinfo", self._userinfo, methods=["GET"])
        return app

    async def _discovery(self) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "response_types_supported": ["code"],
                "authorization_response_iss_parameter_supported": True,
                **self.document,
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if (asked.get("client_id"), asked.get("redirect_uri")) != (CLIENT_ID, self.redirect_uri):
            return HTMLResponse("Unknown client or redirect_uri.", status_code=400)
        right = asked.get("code_challenge_method") == "S256" and "openid" in asked["scope"].split()
        if not right or asked.get("response_type") != "code" or not asked.get("nonce"):
            return HTMLResponse("invalid_request", status_code=400)
        return HTMLResponse(consent_page("/authorize", asked, self.person["sub"]))

    async def _decide(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        back = {"state": form["state"], "iss": self.url}
        if form["decision"] == "allow":
            code = secrets.token_urlsafe(24)
            self.codes[code] = form
            back["code"] = code
        else:
            back["error"] = "access_denied"
        return RedirectResponse(f"{form['redirect_uri']}?{urlencode(back)}", status_code=302)

    async def _exchange(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if not self._is_client(request, form):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        moment = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "sub": self.person["sub"], "iat": moment,
                  "exp": moment + 300, "nonce": asked["nonce"]}  # fmt: skip
        if self.in_id_token:
            claims |= self.person
        token = secrets.token_urlsafe(24)
        self.tokens[token] = dict(self.person)
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": 300,
             "id_token": self.forge(claims)}
        )  # fmt: skip

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        methods = self.document.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        )
        if "client_secret_basic" in methods:
            pair = f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}"
            basic = base64.b64encode(pair.encode()).decode()
            return request.headers.get("authorization") == f"Basic {basic}"
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)

    async def _keys(self) -> Response:
        return JSONResponse({"keys": [self.key.jwk]})

    async def _userinfo(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return JSONResponse({"error": "invalid_token"}, status_code=401)
        return JSONResponse(self.tokens[token])
