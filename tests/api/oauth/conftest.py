"""The application with emulated providers behind it, and browsers that walk through both."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import SignUp, client_of
from tests.fakes import github_oauth, oidc, supabase_oauth, vercel_oauth
from tests.fakes.consent import consent
from tests.fakes.github_oauth import FakeGitHub
from tests.fakes.oidc import FakeOidc
from tests.fakes.supabase_oauth import FakeSupabaseOAuth
from tests.fakes.vercel_oauth import FakeVercel

from autodeploy.roles import open_identity_providers
from autodeploy.settings import Settings

PUBLIC_URL = "http://dashboard.test"


@pytest.fixture
async def github() -> AsyncIterator[FakeGitHub]:
    async with FakeGitHub().run() as fake:
        fake.redirect_uri = f"{PUBLIC_URL}/auth/github/callback"
        yield fake


@pytest.fixture
async def vercel() -> AsyncIterator[FakeVercel]:
    async with FakeVercel().run() as fake:
        fake.redirect_uri = f"{PUBLIC_URL}/auth/vercel/callback"
        yield fake


@pytest.fixture
async def supabase() -> AsyncIterator[FakeSupabaseOAuth]:
    async with FakeSupabaseOAuth().run() as fake:
        fake.redirect_uri = f"{PUBLIC_URL}/auth/supabase/callback"
        yield fake


@pytest.fixture
async def sso() -> AsyncIterator[FakeOidc]:
    async with FakeOidc().run() as fake:
        fake.redirect_uri = f"{PUBLIC_URL}/auth/oidc/callback"
        yield fake


@pytest.fixture
async def app(
    plain_app: FastAPI,
    github: FakeGitHub,
    vercel: FakeVercel,
    supabase: FakeSupabaseOAuth,
    sso: FakeOidc,
) -> AsyncIterator[FastAPI]:
    """Every role's routers, with all providers set up."""
    settings = Settings(
        public_url=PUBLIC_URL,
        providers={
            "github": {"client_id": github_oauth.CLIENT_ID,
                       "client_secret": github_oauth.CLIENT_SECRET,
                       "web_url": github.url, "api_url": github.url},
            "vercel": {"client_id": vercel_oauth.CLIENT_ID,
                       "client_secret": vercel_oauth.CLIENT_SECRET, "slug": vercel_oauth.SLUG,
                       "web_url": vercel.url, "api_url": vercel.url},
            "supabase": {"client_id": supabase_oauth.CLIENT_ID,
                         "client_secret": supabase_oauth.CLIENT_SECRET, "api_url": supabase.url},
        },
        oidc={"issuer": sso.url, "client_id": oidc.CLIENT_ID, "title": "Company login",
              "client_secret": oidc.CLIENT_SECRET, "email_domains": "example.org"},
    )  # fmt: skip
    plain_app.state.identity_providers = open_identity_providers(settings)
    yield plain_app
    await plain_app.state.identity_providers.close()


@dataclass
class Browser:
    """A browser with its own cookies, and the credential of whoever is signed in."""

    client: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def begin(self, provider: str) -> str:
        """Where the platform sends this browser."""
        answer = await self.client.get(f"/api/v1/auth/{provider}/url", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["url"])

    async def finish(self, provider: str, query: dict[str, str], **asked: str) -> httpx.Response:
        """What the dashboard's page does with the query that it was opened with."""
        names = {"code", "state", "error", "iss", "next"}
        body = {name: value for name, value in query.items() if name in names}
        if provider == "github":
            body.pop("iss", None)
        return await self.client.post(
            f"/api/v1/auth/{provider}/callback", json=body, headers=self.headers, params=asked
        )

    async def walk(self, provider: str, decision: str = "allow", **asked: str) -> httpx.Response:
        """To the consent page and back."""
        address, query = await consent(await self.begin(provider), decision)
        assert address == f"{PUBLIC_URL}/auth/{provider}/callback"
        return await self.finish(provider, query, **asked)

    async def sign_in(self, provider: str) -> dict[str, object]:
        """Walk, and be signed in from then on; returns the account."""
        answer = await self.walk(provider)
        assert answer.status_code == 200, answer.text
        self.headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
        me = await self.client.get("/api/v1/auth/me", headers=self.headers)
        return dict(me.json())

    async def connections(self) -> list[dict[str, object]]:
        me = (await self.client.get("/api/v1/auth/me", headers=self.headers)).json()
        path = f"/api/v1/users/{me['id']}/connections"
        return list((await self.client.get(path, headers=self.headers)).json()["items"])

    async def disconnect(self, provider: str) -> httpx.Response:
        me = (await self.client.get("/api/v1/auth/me", headers=self.headers)).json()
        path = f"/api/v1/users/{me['id']}/connections/{provider}"
        return await self.client.delete(path, headers=self.headers)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Browser]:
    async with client_of(app) as client:
        yield Browser(client)


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[Browser]:
    """Another browser."""
    async with client_of(app) as client:
        yield Browser(client)


@pytest.fixture
async def member(browser: Browser, sign_up: SignUp) -> Browser:
    """A browser whose user registered with a password."""
    browser.headers = await sign_up()
    return browser
