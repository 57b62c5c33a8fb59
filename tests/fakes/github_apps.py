"""A GitHub App at the emulated GitHub: its JWTs, where it is installed, and the tokens it gets.

It refuses as GitHub does: a JWT that is not signed with the app's key, is another app's, has
expired or would be valid for more than ten minutes; a token for a repository or a permission that
the installation does not have; and each call of a token that has expired, whose installation was
removed or suspended, or that is for another repository or lacks the permission.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response
from tests.fakes.github_faults import error_answer
from tests.fakes.github_state import Json, Repo, next_id, owner_id, repository_shape, user_shape

APP_ID = 424242
PERMISSIONS = {
    "metadata": "read", "contents": "read", "checks": "read", "statuses": "write",
    "deployments": "write", "pull_requests": "write", "repository_hooks": "write",
}  # fmt: skip
_TOKEN_LASTS, _JWT_LASTS = timedelta(hours=1), timedelta(minutes=10)
_MOST_AHEAD = timedelta(seconds=5)
_WHEN = "2026-11-01T12:00:00Z"
_LEVELS = ("read", "write")
# What a call below a repository takes, the first that matches; reading is what GET takes.
_TAKES = (
    (re.compile(r"/commits/[^/]+/status|/statuses/"), "statuses"),
    (re.compile(r"/commits/[^/]+/check-runs"), "checks"),
    (re.compile(r"/(branches|compare|commits|git|contents|tarball)(/|$)"), "contents"),
    (re.compile(r"/deployments"), "deployments"),
    (re.compile(r"/hooks"), "repository_hooks"),
    (re.compile(r"/(pulls|issues)"), "pull_requests"),
)


@dataclass
class Installed:
    """``repositories`` are the numbers of those that were selected, None for all of the owner's."""

    id: int
    owner: str
    repositories: set[int] | None
    permissions: dict[str, str]
    suspended: bool = False


@dataclass
class InstallationToken:
    installation: Installed
    repositories: set[int] | None
    permissions: dict[str, str]
    expires_at: datetime


@dataclass
class FakeApp:
    """``repos`` and ``url`` are those of the emulated GitHub; ``now`` is its clock."""

    repos: dict[int, Repo]
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    installations: dict[int, Installed] = field(default_factory=dict)
    tokens: dict[str, InstallationToken] = field(default_factory=dict)
    url: str = ""

    def install(
        self, owner: str, *selected: Repo, permissions: dict[str, str] | None = None
    ) -> Installed:
        """Install it at an owner: for the selected repositories, or all of the owner's."""
        chosen = {each.id for each in selected} if selected else None
        made = Installed(next_id(), owner, chosen, dict(permissions or PERMISSIONS))
        self.installations[made.id] = made
        return made

    def uninstall(self, installation: Installed) -> None:
        del self.installations[installation.id]

    def expire_tokens(self) -> None:
        for token in self.tokens.values():
            token.expires_at = self.now()

    # As the app itself.

    def refuse_as_app(self, request: Request) -> Response | None:
        """The refusal of a call that is not signed as the app's are to be."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        public = private_key().public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        try:
            claims = jwt.decode(
                given,
                pem,
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_iss": False},
            )
        except jwt.InvalidTokenError:
            return error_answer(401, "A JSON web token could not be decoded")
        if str(claims["iss"]) != str(APP_ID):
            return error_answer(401, "'Issuer' claim ('iss') must be the app's")
        issued, expires = (datetime.fromtimestamp(claims[each], UTC) for each in ("iat", "exp"))
        if expires <= self.now() or issued > self.now() + _MOST_AHEAD:
            return error_answer(401, "'Expiration time' claim ('exp') must be in the future")
        if expires > self.now() + _JWT_LASTS or expires - issued > _JWT_LASTS:
            return error_answer(401, "'Expiration time' claim ('exp') is too far in the future")
        return None

    def shown(self, repo: Repo) -> Response:
        """The installation that has a repository."""
        for each in self.installations.values():
            if _has(each, repo):
                return JSONResponse(_shape(each, self.url))
        raise HTTPException(404, "Not Found")

    async def issue(self, request: Request, installation_id: int) -> Response:
        installation = self.installations.get(installation_id)
        if installation is None:
            raise HTTPException(404, "Not Found")
        if installation.suspended:
            raise HTTPException(403, "This installation has been suspended")
        asked: Json = await request.json()
        wanted = asked.get("repository_ids")
        repos = [self.repos.get(each) for each in wanted or ()]
        if not all(each is not None and _has(installation, each) for each in repos):
            return error_answer(422, "There is at least one repository that does not exist or is "
                                "not accessible to the parent installation.")  # fmt: skip
        permissions = asked.get("permissions") or dict(installation.permissions)
        if not _covers(installation.permissions, permissions.items()):
            return error_answer(
                422, "The permissions requested are not granted to this installation."
            )
        value = f"ghs_{secrets.token_hex(18)}"
        made = InstallationToken(
            installation, set(wanted) if wanted else None, permissions, self.now() + _TOKEN_LASTS
        )
        self.tokens[value] = made
        answer: Json = {
            "token": value, "expires_at": made.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": permissions, "repository_selection": "selected" if wanted else "all",
        }  # fmt: skip
        if wanted:
            shapes = [repository_shape(each, self.url, full=False) for each in repos if each]
            answer["repositories"] = shapes
        return JSONResponse(answer, 201)

    # By an installation.

    def refuse_token(self, token: InstallationToken) -> Response | None:
        """The refusal of a token whatever it is used for."""
        if token.expires_at <= self.now():
            return error_answer(401, "Bad credentials")
        if token.installation.id not in self.installations:
            return error_answer(401, "Bad credentials")
        if token.installation.suspended:
            return error_answer(403, "This installation has been suspended")
        return None

    def check(self, token: InstallationToken, request: Request, repo: Repo) -> None:
        """Raise what GitHub answers where the token is not for this."""
        selected = token.repositories is None or repo.id in token.repositories
        if not selected or not _has(token.installation, repo):
            public_read = request.method == "GET" and not repo.private
            if not public_read or "/hooks" in request.url.path:
                raise HTTPException(404, "Not Found")
            return
        name = next((name for each, name in _TAKES if each.search(request.url.path)), "metadata")
        level = "read" if request.method == "GET" else "write"
        if not _covers(token.permissions, [(name, level)]):
            raise HTTPException(403, "Resource not accessible by integration")


def _has(installation: Installed, repo: Repo) -> bool:
    chosen = installation.repositories
    return repo.owner == installation.owner and (chosen is None or repo.id in chosen)


def _covers(granted: dict[str, str], wanted: Iterable[tuple[str, str]]) -> bool:
    return all(
        name in granted and _LEVELS.index(granted[name]) >= _LEVELS.index(level)
        for name, level in wanted
    )


def _shape(installation: Installed, url: str) -> Json:
    number = owner_id(installation.owner)
    base = f"{url}/app/installations/{installation.id}"
    suspended: dict[str, Any] = {"suspended_by": None, "suspended_at": None}
    if installation.suspended:
        suspended = {"suspended_by": user_shape("boss", 1, url), "suspended_at": _WHEN}
    return {
        "id": installation.id, "account": user_shape(installation.owner, number, url),
        "app_id": APP_ID, "app_slug": "autodeploy", "target_id": number,
        "target_type": "Organization", "single_file_name": None, "events": [],
        "repository_selection": "all" if installation.repositories is None else "selected",
        "access_tokens_url": f"{base}/access_tokens", "html_url": f"{url}/settings/installations",
        "repositories_url": f"{url}/installation/repositories", "created_at": _WHEN,
        "updated_at": _WHEN, "permissions": installation.permissions, **suspended,
    }  # fmt: skip


@cache
def private_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def private_key_pem() -> str:
    """As GitHub gives it."""
    made = private_key().private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    return made.decode()
