"""The platform's GitHub App where it is installed: it acts there for no person.

It finds its installation at the owner of a repository, and is given tokens that are narrowed to
that repository, and to what the account that it was added with might do there: that the app is
installed gives nobody anything.
"""

import asyncio
from collections import OrderedDict
from http import HTTPStatus

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.github.app import NEEDED, App, AppKey, NotInstalled, ProvenRepository

_SPARE_SECONDS = 5 * 60.0
# An installation may be made at any time, and each look for one costs a call.
_ABSENT_SECONDS = 5 * 60.0
_MOST_KEPT = 4096


class InstallationCredential:
    """What lets the app act for one repository: a token of the moment, which is kept in memory
    alone. It is asked for once however many want it, and that there is none is known for five
    minutes."""

    def __init__(self, app: App, http: HttpClient, timing: Timing, proven: ProvenRepository):
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
        self._app = App(http, key, timing)
        self._http = http
        self._timing = timing
        self._kept: OrderedDict[ProvenRepository, InstallationCredential] = OrderedDict()

    def credential(self, proven: ProvenRepository) -> InstallationCredential | None:
        """What lets the app act for a repository; None where whoever added it may not push to it:
        the app would give more than was proven."""
        if proven.access not in NEEDED:
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
