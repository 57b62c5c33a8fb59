"""Pull requests of a repository. docs.github.com/rest/pulls, 2026-11."""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.http.pages import linked, pages
from autodeploy.kernel.http.senders import Sender
from autodeploy.providers.github.refusals import expect

_PULLS = "/repos/{owner}/{repo}/pulls"
_PULLS_BYTES = 8 * 1024 * 1024


class _Numbered(Lenient):
    id: int


class _Login(Lenient):
    login: str


class Side(Lenient):
    """A branch and its commit; ``repo`` is None where the repository is deleted."""

    ref: str
    sha: str
    repo: _Numbered | None = None


class PullRequest(Lenient):
    """``head`` is what is to be merged into ``base``."""

    number: int
    state: str
    title: str
    head: Side
    base: Side
    user: _Login | None = None

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    @property
    def is_from_fork(self) -> bool:
        """Whether what it holds comes from elsewhere: also where that is not there any more."""
        return self.base.repo is None or self.head.repo != self.base.repo


class Pulls:
    """The pull requests of one repository. Raises as ``GitHubAccount``."""

    def __init__(self, http: Sender, parts: Mapping[str, str]):
        self._http = http
        self._parts = parts

    async def open(self) -> AsyncIterator[PullRequest]:
        """All that are open, page by page."""
        query = {"state": "open", "per_page": "100"}
        call = Call("GET", _PULLS, parts=self._parts, query=query, limit_bytes=_PULLS_BYTES)
        async for page in pages(self._http, call, linked):
            for pull in expect(page, HTTPStatus.OK).read(list[PullRequest]):
                yield pull

    async def get(self, number: int) -> PullRequest:
        """One of them, open or not. Raises ``NotFound``."""
        parts = {**self._parts, "pull_number": str(number)}
        call = Call("GET", f"{_PULLS}/{{pull_number}}", parts=parts)
        return expect(await self._http.send(call), HTTPStatus.OK).read(PullRequest)
