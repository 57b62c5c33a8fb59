"""What has changed in a repository: heads of branches, files between commits, what checks say.

docs.github.com/rest, 2026-11: "Branches", "Compare two commits", "Commit statuses", "Check runs".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.errors import RefNotFound
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable, RateLimited
from autodeploy.kernel.http.models import Lenient, tell_unknown
from autodeploy.kernel.http.pages import linked, pages
from autodeploy.kernel.http.redirects import send_where_moved
from autodeploy.kernel.http.senders import Sender
from autodeploy.providers.github.refusals import expect
from autodeploy.providers.github.shapes import CommitStatuses

_REPOSITORY = "/repos/{owner}/{repo}"
# A comparison lists 300 files at most, each with its patch.
_MOST_FILES = 300
_COMPARISON_BYTES = 32 * 1024 * 1024
# A look at a branch has half a minute for all that it asks.
_COMPARISON_SECONDS = 12.0
_LONGEST_MESSAGE = 10_000


class CheckState(StrEnum):
    """What all checks of a commit say together."""

    NONE = "none"
    PENDING = "pending"
    FAILED = "failed"
    PASSED = "passed"


# What the states of a status and the conclusions of a check run say. One that GitHub has added
# since is waited for: it has neither passed nor failed.
_STATES = {
    "success": CheckState.PASSED,
    "pending": CheckState.PENDING,
    "failure": CheckState.FAILED,
    "error": CheckState.FAILED,
}
_CONCLUSIONS = {
    **dict.fromkeys(("success", "neutral", "skipped"), CheckState.PASSED),
    **dict.fromkeys(
        ("failure", "cancelled", "timed_out", "action_required", "stale", "startup_failure"),
        CheckState.FAILED,
    ),
}


@dataclass(frozen=True)
class Head:
    """The commit at the head of a branch; ``author`` is a login, else the name in the commit.
    ``branch`` is what the branch is called now, which may have been renamed."""

    sha: str
    message: str
    author: str | None
    branch: str


class Changes:
    """What has changed in one repository. Raises as ``GitHubAccount``."""

    def __init__(self, http: Sender, parts: Mapping[str, str]):
        self._http = http
        self._parts = parts

    async def head(self, branch: str) -> Head:
        """The head of a branch, also by a name that it had before: GitHub leads from there to the
        new one as long as no other branch has the old one. Raises ``RefNotFound``."""
        call = Call(
            "GET", f"{_REPOSITORY}/branches/{{branch}}", parts={**self._parts, "branch": branch}
        )
        answer = await send_where_moved(self._http, call)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise RefNotFound(f"The repository has no branch {branch}.", field="branch")
        found = expect(answer, HTTPStatus.OK).read(_Branch)
        told = found.commit
        commit = told if told.commit else await self._commit(told.sha)
        return Head(commit.sha, _message_of(commit), _author_of(commit), found.name)

    async def message(self, sha: str) -> str:
        """What a commit says. Raises ``NotFound``."""
        return _message_of(await self._commit(sha))

    async def _commit(self, sha: str) -> "_Commit":
        # A list of one: a commit that is asked for by itself comes with all its files.
        query = {"sha": sha, "per_page": "1"}
        call = Call("GET", f"{_REPOSITORY}/commits", parts=self._parts, query=query)
        found = expect(await self._http.send(call), HTTPStatus.OK).read(list[_Commit])
        if not found:
            raise NotFound("The repository has no such commit.")
        return found[0]

    async def paths_between(
        self, base: str, head: str, *, since_parting: bool = False
    ) -> frozenset[str] | None:
        """The files that differ between two commits, by their names before and after. With
        ``since_parting`` what has changed in ``base`` alone, since they parted, does not count.

        None where that is not known: there are more than GitHub lists or can compare in time, or a
        commit is gone.
        """
        call = Call(
            "GET",
            f"{_REPOSITORY}/compare/{{basehead}}",
            parts={**self._parts, "basehead": f"{base}...{head}"},
            query={"per_page": "1"},
            lasting=True,
            limit_bytes=_COMPARISON_BYTES,
            within_seconds=_COMPARISON_SECONDS,
        )
        try:
            answer = await self._http.send(call)
        except RateLimited:
            raise
        except ProviderUnavailable:
            return None
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        compared = expect(answer, HTTPStatus.OK).read(_Comparison)
        # Three dots compare with the common ancestor: behind it lie changes that are not listed.
        is_partial = compared.behind_by > 0 and not since_parting
        if len(compared.files) >= _MOST_FILES or is_partial:
            return None
        named = (
            name for file in compared.files for name in (file.filename, file.previous_filename)
        )
        return frozenset(filter(None, named))

    async def checks(self, sha: str, *, but: str) -> CheckState:
        """What the statuses and check runs of a commit say, those whose name begins with ``but``
        left out: they are ours."""
        said = [*await self._statuses(sha, but), *await self._check_runs(sha, but)]
        for state in (CheckState.FAILED, CheckState.PENDING, CheckState.PASSED):
            if state in said:
                return state
        return CheckState.NONE

    async def _statuses(self, sha: str, but: str) -> list[CheckState]:
        call = self._of_commit("status", sha)
        found = []
        async for page in pages(self._http, call, linked):
            statuses = expect(page, HTTPStatus.OK).read(CommitStatuses).statuses
            found += [
                _said(_STATES, each.state) for each in statuses if not each.context.startswith(but)
            ]
        return found

    async def _check_runs(self, sha: str, but: str) -> list[CheckState]:
        call = self._of_commit("check-runs", sha)
        found = []
        async for page in pages(self._http, call, linked):
            runs = expect(page, HTTPStatus.OK).read(_CheckRuns).check_runs
            found += [_of_run(each) for each in runs if not each.name.startswith(but)]
        return found

    def _of_commit(self, what: str, sha: str) -> Call:
        parts = {**self._parts, "ref": sha}
        path = f"{_REPOSITORY}/commits/{{ref}}/{what}"
        return Call("GET", path, parts=parts, query={"per_page": "100"})


class _Login(Lenient):
    login: str | None = None


class _Author(Lenient):
    name: str | None = None


class _Written(Lenient):
    message: str
    author: _Author | None = None


class _Commit(Lenient):
    sha: str
    commit: _Written | None = None
    author: _Login | None = None


class _Branch(Lenient):
    name: str
    commit: _Commit


class _File(Lenient):
    filename: str
    previous_filename: str | None = None


class _Comparison(Lenient):
    behind_by: int = 0
    files: tuple[_File, ...] = ()


class _CheckRun(Lenient):
    name: str
    status: str
    conclusion: str | None = None


class _CheckRuns(Lenient):
    check_runs: list[_CheckRun]


def _message_of(commit: _Commit) -> str:
    return commit.commit.message[:_LONGEST_MESSAGE] if commit.commit else ""


def _author_of(commit: _Commit) -> str | None:
    login = commit.author.login if commit.author else None
    name = commit.commit.author.name if commit.commit and commit.commit.author else None
    return login or name


def _of_run(run: _CheckRun) -> CheckState:
    if run.status != "completed" or run.conclusion is None:
        return CheckState.PENDING
    return _said(_CONCLUSIONS, run.conclusion)


def _said(known: Mapping[str, CheckState], word: str) -> CheckState:
    if word not in known:
        tell_unknown("check", word[:64])
    return known.get(word, CheckState.PENDING)
