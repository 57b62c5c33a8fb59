"""Secrets in headers, paths, queries and bodies of requests that are refused."""

from urllib.parse import quote
from uuid import uuid4

import pytest
from tests.security.run import Run
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

_REPOSITORIES = (
    "https://{}@git.example.com/a/b",
    "https://user:{}@git.example.com/a/b",
    "https://user:{}@git.example.com:port/a/b",
    "https://git.example.com/a/b?token={}",
    "ssh://git:{}@git.example.com/a",
    "ftp://user:{}@git.example.com/a",
    "user:{}@git.example.com:a/b",
)
_PATHS = (
    "/{}", "/projects/{}", "/projects/{}/env", "/deployments/{}/logs", "/auth/{}/url",
    "/users/{}/connections/github", "/auth/tokens/{}",
)  # fmt: skip
_WITH_PASSWORDS = (
    "/auth/login", "/auth/register", "/auth/refresh", "/auth/tokens", "/auth/second-factor",
    "/auth/password-reset/confirm", "/auth/github/callback", "/invitations/accept",
)  # fmt: skip


async def headers(run: Run) -> None:
    """Credentials that nobody accepts, where one is needed and where there is nothing."""
    calls = (("GET", "/auth/me"), ("GET", "/nothing"), ("POST", "/projects"), ("PUT", "/auth/me"))
    for method, path in calls:
        for scheme in ("Bearer ", "Basic ", "Token ", ""):
            value = scheme + run.plant(f"Authorization: {scheme}… at {path}", escaped=False)
            answer = await run.call(method, path, {}, Authorization=value)
            assert answer.is_client_error
    for name in ("Cookie", "X-Api-Key", "If-Match", "Proxy-Authorization"):
        value = run.plant(f"header {name}", escaped=False)
        if name == "Cookie":
            value = f"autodeploy-sign-in={value}"
        await run.call("POST", "/projects", {}, status=422, **{name: value})


async def handshakes(run: Run) -> None:
    """Credentials of streams that are refused."""
    url = str(run.client.base_url.copy_with(scheme="ws")).rstrip("/")
    for name, form in (
        ("Authorization", "Bearer {}"), ("Authorization", "Token {}"), ("Cookie", "session={}"),
        ("Sec-WebSocket-Protocol", "autodeploy.ticket.{}"), ("X-Api-Key", "{}"),
    ):  # fmt: skip
        value = form.format(run.plant(f"handshake {name}: {form}", escaped=False))
        with pytest.raises(InvalidStatus):
            await connect(
                f"{url}/api/v1/deployments/{uuid4()}/logs/stream?token={quote(value)}",
                additional_headers={name: value},
            )


async def addresses(run: Run) -> None:
    """Secrets in paths and queries."""
    for path in _PATHS:
        answer = await run.call("GET", path.format(quote(run.plant(f"path {path}"), safe="")))
        assert answer.is_client_error, answer.text
    for path in ("/{}", "/login/{}", "/auth/{}/callback"):
        await run.client.get(path.format(run.plant(f"page {path}", escaped=False)))
    for name in ("token", "access_token", "state", "limit", "cursor", "since", "q"):
        value = quote(run.plant(f"query {name}"))
        for path in ("/auth/me", "/auth/audit-log", "/auth/github/url", "/nothing"):
            await run.call("GET", f"{path}?{name}={value}")


async def bodies(run: Run) -> None:
    """Secrets in bodies that cannot be used."""
    value = run.plant("body")
    for body in (
        value, [value], {"name": [value]}, {"name": {"x": value}},
        {"name": "x", "repositoryId": value}, {"name": "x", "organizationId": value},
    ):  # fmt: skip
        await run.call("POST", "/projects", body, status=422)
    for content in (f'{{"name": "{value}', f"name={value}"):
        answer = await run.client.post("/api/v1/projects", content=content, headers=run.headers)
        assert answer.is_client_error
    for path in _WITH_PASSWORDS:
        value = run.plant(f"body of {path}")
        for name in ("password", "token", "refreshToken", "code", "scopes", "state", "email"):
            for wrong in ({"nested": value}, [value], value * 20):
                answer = await run.call("POST", path, {name: wrong})
                assert answer.is_client_error


async def repositories(run: Run) -> None:
    """Credentials inside the URL of a repository."""
    for url in _REPOSITORIES:
        body = {"url": url.format(run.plant(f"repository {url}", escaped=False))}
        await run.call("POST", "/repositories", body, status=422)
