"""GitHub's REST API, for one account at a time.

The calls are those of docs.github.com/rest, version 2022-11-28 (its OpenAPI description of
2026-11). One ``GitHubApi`` is kept for the process; ``account`` is cheap and made for each use.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.limits import GITHUB
from autodeploy.kernel.http.pages import linked, pages
from autodeploy.kernel.http.redirects import send_where_moved
from autodeploy.kernel.http.retries import Patience
from autodeploy.kernel.http.senders import Sender
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.github.changes import Changes
from autodeploy.providers.github.pulls import Pulls
from autodeploy.providers.github.refusals import expect
from autodeploy.providers.github.reports import Reports
from autodeploy.providers.github.service import API_URL, HEADERS, WEB_URL
from autodeploy.providers.github.shapes import Repository, User
from autodeploy.providers.github.sources import Archives, Sources
from autodeploy.providers.github.webhooks import Webhooks

_PER_PAGE = 100


@dataclass(frozen=True)
class TokenCheck:
    """Whose token it is, and its scopes; None where it has none of that kind (GitHub Apps and
    fine-grained tokens, whose rights show with each repository)."""

    user: User
    scopes: frozenset[str] | None


class GitHubApi:
    """The API at ``api_url``: GitHub's, or that of an Enterprise Server.

    ``allow_private_addresses`` is the operator's choice for archives, whose addresses GitHub names;
    at the origins of ``api_url`` and ``web_url``, which the operator named, they may be private.
    """

    def __init__(
        self,
        *,
        api_url: str = API_URL,
        web_url: str = WEB_URL,
        allow_private_addresses: bool = False,
        patience: Patience | None = None,
        timing: Timing | None = None,
    ):
        service = Service(
            name="GitHub", base_url=api_url, public_url=API_URL, headers=HEADERS, limits=GITHUB
        )
        self.http = HttpClient(service, patience=patience, timing=timing)
        archives = Service(name="GitHub archives")
        self._archives = Archives(
            HttpClient(archives, patience=patience, timing=timing),
            allow_private=allow_private_addresses,
            own_urls=(api_url, web_url),
        )

    def account(self, token: str) -> "GitHubAccount":
        """The account whose token it is. Raises ``InvalidInput`` when it cannot be one."""
        return self.acting(self.http.bound(token=token))

    def acting(self, sender: Sender) -> "GitHubAccount":
        """Whoever sends the calls."""
        return GitHubAccount(sender, self._archives)

    async def close(self) -> None:
        await self.http.close()
        await self._archives.http.close()


class GitHubAccount:
    """What an account can see and do. Everything raises what ``HttpClient.send`` and
    ``refusals.expect`` raise."""

    def __init__(self, http: Sender, archives: Archives):
        self._http = http
        self._archives = archives

    async def check(self) -> TokenCheck:
        """Whose token it is. Raises ``CredentialRefused``."""
        answer = expect(await self._http.send(Call("GET", "/user")), HTTPStatus.OK)
        told = answer.headers.get("x-oauth-scopes")
        scopes = None if told is None else frozenset(filter(None, map(str.strip, told.split(","))))
        return TokenCheck(answer.read(User), scopes)

    async def repositories(self, name: str = "", *, skip: int = 0) -> AsyncIterator[Repository]:
        """Those that the account can see, pushed to last first, without the first ``skip``; with
        ``name`` in theirs.

        GitHub has no search among them that knows private ones, so it is done here, page by page.
        """
        pages_before, in_page = divmod(skip, _PER_PAGE)
        query = {
            "affiliation": "owner,collaborator,organization_member",
            "sort": "pushed",
            "per_page": str(_PER_PAGE),
            "page": str(pages_before + 1),
        }
        sought = name.casefold()
        async for page in pages(self._http, Call("GET", "/user/repos", query=query), linked):
            for each in expect(page, HTTPStatus.OK).read_each(Repository)[in_page:]:
                if sought in each.full_name.casefold():
                    yield each
            in_page = 0

    async def repository(self, full_name: str) -> Repository:
        """By ``owner/name``, also an earlier one: GitHub tells where it went.

        Raises ``NotFound``.
        """
        call = Call("GET", "/repos/{owner}/{repo}", parts=name_parts(full_name))
        answer = await send_where_moved(self._http, call)
        return expect(answer, HTTPStatus.OK).read(Repository)

    async def known_repository(self, repository_id: int, full_name: str) -> Repository:
        """The one with this number, which stays. ``full_name`` is what it was called last: another
        may have the name by now.

        GitHub's description has no way to ask by number alone, so that is the second question.
        Raises ``NotFound``.
        """
        with suppress(NotFound):
            found = await self.repository(full_name)
            if found.id == repository_id:
                return found
        return await self._repository_by_id(repository_id)

    async def _repository_by_id(self, repository_id: int) -> Repository:
        """Where GitHub's redirects of renamed ones lead, too."""
        call = Call("GET", "/repositories/{id}", parts={"id": str(repository_id)})
        return expect(await self._http.send(call), HTTPStatus.OK).read(Repository)

    def sources(self, full_name: str) -> Sources:
        return Sources(self._http, name_parts(full_name), self._archives)

    def webhooks(self, full_name: str) -> Webhooks:
        return Webhooks(self._http, name_parts(full_name))

    def changes(self, full_name: str) -> Changes:
        return Changes(self._http, name_parts(full_name))

    def pulls(self, full_name: str) -> Pulls:
        return Pulls(self._http, name_parts(full_name))

    def reports(self, full_name: str) -> Reports:
        return Reports(self._http, name_parts(full_name))


def name_parts(full_name: str) -> dict[str, str]:
    """``owner/name`` as parts of an address. Raises ``InvalidInput``."""
    owner, _, name = full_name.partition("/")
    if not owner or not name or "/" in name:
        raise InvalidInput("Name a repository as owner/name.", field="repository")
    return {"owner": owner, "repo": name}
