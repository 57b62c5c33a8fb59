"""The calls that the platform's GitHub App makes as itself, for its installations and their tokens.

They are those of docs.github.com, "Generating a JSON Web Token for a GitHub App" and
"Authenticating as a GitHub App installation", as of 2026-11 (description of version 2022-11-28). A
JWT is signed for at most ten minutes; what it gets are tokens for one repository each, valid for an
hour.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import jwt
import structlog

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.models import Lenient, Moment
from autodeploy.kernel.http.redirects import send_where_moved
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.github.refusals import expect
from autodeploy.providers.github.shapes import Access, User
from autodeploy.providers.hosted import AccountMissing

# What the work of a repository takes, at GitHub's names of permissions.
_OF_PUSH = {
    "metadata": "read",
    "contents": "read",
    "checks": "read",
    "statuses": "write",
    "deployments": "write",
    "pull_requests": "write",
}
#: By what an account may do, the permissions that the app takes to act for it.
NEEDED = {Access.PUSH: _OF_PUSH, Access.ADMIN: {**_OF_PUSH, "repository_hooks": "write"}}
_LEVELS = ("read", "write", "admin")

# GitHub refuses more than ten minutes, by its clock; ours may be a minute off in either direction.
_SKEW, _VALID_FOR = timedelta(minutes=1), timedelta(minutes=9)
# A look has half a minute for all that it asks, and an account may do where the app has no answer.
_WITHIN_SECONDS = 8.0

_log = structlog.get_logger(__name__)


class NotInstalled(AccountMissing):
    """No installation of the app stands for the repository; the message says why."""


@dataclass(frozen=True)
class AppKey:
    """The app's number, and its private key as PEM."""

    app_id: int
    private_key: str = field(repr=False)


@dataclass(frozen=True)
class ProvenRepository:
    """A repository by its number, and what was proven of it: that it was ``owner_id``'s, and that
    the account that it was added with had ``access``. ``full_name`` is what it was called last."""

    id: int
    owner_id: int
    access: Access
    full_name: str = field(compare=False)


class Installation(Lenient):
    id: int
    account: User | None = None
    permissions: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    suspended_at: datetime | None = None


class _Numbered(Lenient):
    id: int


class Issued(Lenient):
    token: str = field(repr=False)
    expires_at: Moment
    repositories: tuple[_Numbered, ...] = ()


class App:
    """The calls that the app makes as itself, with a limit of its own."""

    def __init__(self, http: HttpClient, key: AppKey, timing: Timing):
        self._http = http
        self._key = key
        self._timing = timing

    async def installation_of(self, proven: ProvenRepository) -> Installation:
        """The installation at the owner who is proven, where it may do what is needed. Raises
        ``NotInstalled``."""
        owner, _, name = proven.full_name.partition("/")
        path = "/repos/{owner}/{repo}/installation"
        parts = {"owner": owner, "repo": name}
        # Each JWT is used once, so there is no second time for which an answer would be kept.
        call = Call("GET", path, parts=parts, lasting=True, within_seconds=_WITHIN_SECONDS)
        answer = await send_where_moved(self._as_app(), call)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotInstalled(f"The platform's GitHub App is not installed on {proven.full_name}.")
        found = self._accepted(answer, HTTPStatus.OK).read(Installation)
        if found.account is None or found.account.id != proven.owner_id:
            raise NotInstalled(
                f"{proven.full_name} belongs to another owner at GitHub than when it was added: "
                "whether its new owner lets it be deployed from here was not seen yet."
            )
        if found.suspended_at is not None:
            raise NotInstalled(
                f"The installation of the platform's GitHub App at {found.account.login} is "
                "suspended."
            )
        lacking = _lacking(found.permissions, NEEDED[proven.access])
        if lacking:
            raise NotInstalled(
                f"The installation of the platform's GitHub App at {found.account.login} lacks "
                f"permissions: {', '.join(lacking)}."
            )
        return found

    async def token_for(self, installation_id: int, proven: ProvenRepository) -> Issued:
        """A token for this repository alone. Raises ``NotInstalled``.

        One whose answer was lost is nobody's and ends by itself, so it is asked for again.
        """
        call = Call(
            "POST",
            "/app/installations/{installation_id}/access_tokens",
            parts={"installation_id": str(installation_id)},
            body={"repository_ids": [proven.id], "permissions": NEEDED[proven.access]},
            safe=True,
            within_seconds=_WITHIN_SECONDS,
        )
        answer = await self._as_app().send(call)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise NotInstalled(
                f"The installation of the platform's GitHub App does not have {proven.full_name} "
                "any more, or not with the permissions that it had."
            )
        issued = self._accepted(answer, HTTPStatus.CREATED).read(Issued)
        if any(each.id != proven.id for each in issued.repositories):
            raise answer.unusable("its token is for other repositories than it was asked for")
        return issued

    def _as_app(self) -> HttpClient:
        now = self._timing.now()
        claims = {
            "iss": str(self._key.app_id),
            "iat": int((now - _SKEW).timestamp()),
            "exp": int((now + _VALID_FOR).timestamp()),
        }
        signed = jwt.encode(claims, self._key.private_key, algorithm="RS256")
        return self._http.bound(token=signed, account=f"app {self._key.app_id}")

    def _accepted(self, answer: Answer, status: HTTPStatus) -> Answer:
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            _log.warning("github_app.refused", app_id=self._key.app_id, status=answer.status)
            raise NotInstalled(
                f"GitHub refuses the platform's GitHub App (HTTP {answer.status}): its key, its "
                "number or the clock of this machine is wrong, or its installation is suspended."
            )
        return expect(answer, status)


def _lacking(granted: dict[str, str], needed: dict[str, str]) -> list[str]:
    return [
        f"{name}: {level}"
        for name, level in needed.items()
        if level not in _LEVELS[: _rank(granted.get(name)) + 1]
    ]


def _rank(level: str | None) -> int:
    return _LEVELS.index(level) if level in _LEVELS else -1
