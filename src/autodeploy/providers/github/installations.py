"""The platform's GitHub App: it acts by its installations, for no person.

The calls are those of docs.github.com, "Authenticating as a GitHub App installation" and
"Generating a JSON Web Token for a GitHub App", as of 2026-11 (description of version 2022-11-28).
The app signs a JWT for at most ten minutes, finds its installation at the owner of a repository,
and is given tokens that are valid for an hour. Each is narrowed to one repository, and to what the
account that it was added with might do there: that the app is installed gives nobody anything.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import jwt
import structlog

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.models import Lenient
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
_NEEDED = {Access.PUSH: _OF_PUSH, Access.ADMIN: {**_OF_PUSH, "repository_hooks": "write"}}
_LEVELS = ("read", "write", "admin")

# GitHub refuses more than ten minutes, by its clock; ours may be a minute off in either direction.
_SKEW, _VALID_FOR = timedelta(minutes=1), timedelta(minutes=9)
_SPARE_SECONDS = 5 * 60.0
# An installation may be made at any time, and each look for one costs a call.
_ABSENT_SECONDS = 5 * 60.0
_MOST_KEPT = 4096

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


class _Installation(Lenient):
    id: int
    account: User | None = None
    permissions: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    suspended_at: datetime | None = None


class _Numbered(Lenient):
    id: int


class _Issued(Lenient):
    token: str = field(repr=False)
    expires_at: datetime
    repositories: tuple[_Numbered, ...] = ()


class _App:
    """The calls that the app makes as itself, with a limit of its own."""

    def __init__(self, http: HttpClient, key: AppKey, timing: Timing):
        self._http = http
        self._key = key
        self._timing = timing

    async def installation_of(self, proven: ProvenRepository) -> _Installation:
        """The installation at the owner who is proven, where it may do what is needed. Raises
        ``NotInstalled``."""
        owner, _, name = proven.full_name.partition("/")
        path = "/repos/{owner}/{repo}/installation"
        # Each JWT is used once, so there is no second time for which an answer would be kept.
        call = Call("GET", path, parts={"owner": owner, "repo": name}, lasting=True)
        answer = await send_where_moved(self._as_app(), call)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NotInstalled(f"The platform's GitHub App is not installed on {proven.full_name}.")
        found = self._accepted(answer, HTTPStatus.OK).read(_Installation)
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
        lacking = _lacking(found.permissions, _NEEDED[proven.access])
        if lacking:
            raise NotInstalled(
                f"The installation of the platform's GitHub App at {found.account.login} lacks "
                f"permissions: {', '.join(lacking)}."
            )
        return found

    async def token_for(self, installation_id: int, proven: ProvenRepository) -> _Issued:
        """A token for this repository alone. Raises ``NotInstalled``.

        One whose answer was lost is nobody's and ends by itself, so it is asked for again.
        """
        call = Call(
            "POST",
            "/app/installations/{installation_id}/access_tokens",
            parts={"installation_id": str(installation_id)},
            body={"repository_ids": [proven.id], "permissions": _NEEDED[proven.access]},
            safe=True,
        )
        answer = await self._as_app().send(call)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise NotInstalled(
                f"The installation of the platform's GitHub App does not have {proven.full_name} "
                "any more, or not with the permissions that it had."
            )
        issued = self._accepted(answer, HTTPStatus.CREATED).read(_Issued)
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


class InstallationCredential:
    """What lets the app act for one repository: a token of the moment, which is kept in memory
    alone. It is asked for once however many want it, and that there is none is known for five
    minutes."""

    def __init__(self, app: _App, http: HttpClient, timing: Timing, proven: ProvenRepository):
        self._app = app
        self._http = http
        self._timing = timing
        self.proven = proven
        self._asking = asyncio.Lock()
        self._acting: HttpClient | None = None
        self._until = 0.0
        self._absent: NotInstalled | None = None
        #: The installation that stood for it last; None where none did.
        self.installation_id: int | None = None

    @property
    def why_absent(self) -> str | None:
        """Why no installation stood for the repository when it was looked for last."""
        return None if self._absent is None else self._absent.message

    def look_again(self) -> None:
        """Forget what is known: it may have changed at GitHub."""
        self._acting, self._until, self._absent = None, 0.0, None

    @property
    def service(self) -> Service:
        return self._http.service

    def give_up(self) -> None:
        """Note that the installation does not show the repository, whatever it says of itself, such
        as where its owner lets no calls in from here."""
        name = self.proven.full_name
        why = f"The installation of the platform's GitHub App does not show {name}."
        self._note_absent(NotInstalled(why))

    async def send(self, call: Call) -> Answer:
        """As ``HttpClient.send``, with a token that is valid. One that GitHub does not take any
        more, which it then has not applied, is replaced once. Raises ``NotInstalled``."""
        acting = await self._client()
        answer = await acting.send(call)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._drop(acting)
            acting = await self._client()
            answer = await acting.send(call)
        if _may_have_ended(call, answer):
            self._drop(acting)
        return answer

    def _drop(self, acting: HttpClient) -> None:
        """Forget a token; another may have replaced it meanwhile."""
        if self._acting is acting:
            self._acting = None

    async def _client(self) -> HttpClient:
        async with self._asking:
            if self._timing.monotonic() >= self._until:
                self.look_again()
            if self._absent is not None:
                raise NotInstalled(self._absent.message)
            if self._acting is None:
                try:
                    self._acting = await self._obtain()
                except NotInstalled as absent:
                    self._note_absent(absent)
                    raise
            return self._acting

    def _note_absent(self, absent: NotInstalled) -> None:
        self.installation_id, self._acting, self._absent = None, None, absent
        self._until = self._timing.monotonic() + _ABSENT_SECONDS

    async def _obtain(self) -> HttpClient:
        installation = await self._app.installation_of(self.proven)
        issued = await self._app.token_for(installation.id, self.proven)
        self.installation_id = installation.id
        left = (issued.expires_at - self._timing.now()).total_seconds()
        # One that lasts for less than is spared elsewhere is used for half of it.
        self._until = self._timing.monotonic() + left - min(_SPARE_SECONDS, left / 2)
        # The limit of calls is the installation's, whichever token they come with.
        return self._http.bound(token=issued.token, account=f"installation {installation.id}")


class Installations:
    """The credentials of the repositories that the app acts for, the ones used last."""

    def __init__(self, http: HttpClient, key: AppKey, timing: Timing):
        self._app = _App(http, key, timing)
        self._http = http
        self._timing = timing
        self._kept: OrderedDict[ProvenRepository, InstallationCredential] = OrderedDict()

    def credential(self, proven: ProvenRepository) -> InstallationCredential | None:
        """What lets the app act for a repository; None where whoever added it may not push to it:
        the app would give more than was proven."""
        if proven.access not in _NEEDED:
            return None
        kept = self._kept.get(proven)
        if kept is None:
            kept = InstallationCredential(self._app, self._http, self._timing, proven)
            self._kept[proven] = kept
        kept.proven = proven  # its name may be another by now
        self._kept.move_to_end(proven)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return kept


def _may_have_ended(call: Call, answer: Answer) -> bool:
    """Whether the installation may not stand for the repository any more. What is public can be
    read then as before: that it is at an end shows in what may not be changed."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    return call.method != "GET" and answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


def _lacking(granted: dict[str, str], needed: dict[str, str]) -> list[str]:
    return [
        f"{name}: {level}"
        for name, level in needed.items()
        if level not in _LEVELS[: _rank(granted.get(name)) + 1]
    ]


def _rank(level: str | None) -> int:
    return _LEVELS.index(level) if level in _LEVELS else -1
