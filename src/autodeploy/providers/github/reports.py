"""What is told back to GitHub of a deployment: commit statuses, deployments, comments.

docs.github.com/rest, 2026-11: "Commit statuses" (1,000 for a commit and context), "Deployments",
"Issue comments" (which are those of pull requests too).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.kernel.http.pages import linked, pages
from autodeploy.kernel.http.senders import Sender
from autodeploy.providers.github.refusals import expect
from autodeploy.providers.github.shapes import (
    Comment,
    CommitStatus,
    CommitStatuses,
    Deployment,
    DeploymentState,
    DeploymentStatus,
)

_REPOSITORY = "/repos/{owner}/{repo}"
_DEPLOYMENTS = f"{_REPOSITORY}/deployments"
_STATUSES = f"{_DEPLOYMENTS}/{{deployment_id}}/statuses"
_COMMENTS = f"{_REPOSITORY}/issues/{{issue_number}}/comments"
_LONGEST_DESCRIPTION = 140
# Where a deployment at GitHub says which of ours it is.
_OURS = "autodeployDeploymentId"

Made = TypeVar("Made", bound=BaseModel)


class CommitState(StrEnum):
    ERROR = "error"
    FAILURE = "failure"
    PENDING = "pending"
    SUCCESS = "success"


@dataclass(frozen=True, kw_only=True)
class NewDeployment:
    """``deployment_id`` is ours: by it a deployment at GitHub is found again."""

    deployment_id: str
    sha: str
    environment: str
    production: bool
    transient: bool


class Reports:
    """What is told of one repository. Raises as ``GitHubAccount``."""

    def __init__(self, http: Sender, parts: Mapping[str, str]):
        self._http = http
        self._parts = parts

    async def set_commit_status(
        self, sha: str, state: CommitState, *, context: str, description: str, target_url: str
    ) -> None:
        """Set the state of ``context`` at a commit. The last one counts, so it is not sent again
        where its answer is lost: one that comes late would be the last.

        Raises ``OutcomeUnknown`` where it cannot be seen there then.
        """
        body = {
            "state": state.value,
            "context": context,
            "description": _shortened(description),
            "target_url": target_url,
        }
        parts = {**self._parts, "sha": sha}
        path = f"{_REPOSITORY}/statuses/{{sha}}"
        call = Call("POST", path, parts=parts, body=body)
        try:
            expect(await self._http.send(call), HTTPStatus.CREATED)
        except OutcomeUnknown:
            latest = await self._commit_status(sha, context)
            if latest is None or (latest.state, latest.target_url) != (state.value, target_url):
                raise

    async def ensure_deployment(self, wanted: NewDeployment) -> Deployment:
        """The deployment at GitHub for one of ours; made unless there is one.

        Raises ``ProviderRefused`` (409) where GitHub's own checks do not allow it.
        """
        found = await self._find_deployment(wanted)
        if found is not None:
            return found
        body = {
            "ref": wanted.sha,
            "environment": wanted.environment,
            "auto_merge": False,
            "required_contexts": [],
            "production_environment": wanted.production,
            "transient_environment": wanted.transient,
            "payload": {_OURS: wanted.deployment_id},
        }
        try:
            call = Call("POST", _DEPLOYMENTS, parts=self._parts, body=body)
            return await self._made(call, Deployment)
        except OutcomeUnknown:
            found = await self._find_deployment(wanted)
            if found is None:
                raise
            return found

    async def set_deployment_status(
        self,
        deployment_id: int,
        state: DeploymentState,
        *,
        description: str,
        log_url: str,
        environment_url: str | None = None,
    ) -> None:
        """Add a status to a deployment at GitHub. As ``set_commit_status``."""
        body = {
            "state": state.value,
            "description": _shortened(description),
            "log_url": log_url,
            **({"environment_url": environment_url} if environment_url else {}),
        }
        parts = {**self._parts, "deployment_id": str(deployment_id)}
        call = Call("POST", _STATUSES, parts=parts, body=body)
        try:
            expect(await self._http.send(call), HTTPStatus.CREATED)
        except OutcomeUnknown:
            if await self.deployment_state(deployment_id) is not state:
                raise

    async def deployment_state(self, deployment_id: int) -> DeploymentState | None:
        """The last state of a deployment at GitHub; None when it has none yet."""
        parts = {**self._parts, "deployment_id": str(deployment_id)}
        call = Call("GET", _STATUSES, parts=parts, query={"per_page": "1"})
        answer = expect(await self._http.send(call), HTTPStatus.OK)
        statuses = answer.read(list[DeploymentStatus])
        return statuses[0].state if statuses else None

    async def upsert_comment(self, pull_request: int, *, marker: str, body: str) -> Comment:
        """Our one comment on a pull request, which ``marker`` in its text tells from others.

        ``marker`` is put before ``body``: an HTML comment, which GitHub does not show.
        """
        text = {"body": f"{marker}\n{body}"}
        found = await self._find_comment(pull_request, marker)
        if found is None:
            call = Call("POST", _COMMENTS, parts=self._of(pull_request), body=text)
            try:
                return await self._made(call, Comment)
            except OutcomeUnknown:
                found = await self._find_comment(pull_request, marker)
                if found is None:
                    raise
        parts = {**self._parts, "comment_id": str(found.id)}
        path = f"{_REPOSITORY}/issues/comments/{{comment_id}}"
        call = Call("PATCH", path, parts=parts, body=text, safe=True)
        return expect(await self._http.send(call), HTTPStatus.OK).read(Comment)

    async def _commit_status(self, sha: str, context: str) -> CommitStatus | None:
        """The last status of a context at a commit."""
        parts = {**self._parts, "ref": sha}
        path = f"{_REPOSITORY}/commits/{{ref}}/status"
        call = Call("GET", path, parts=parts, query={"per_page": "100"})
        async for page in pages(self._http, call, linked):
            for each in expect(page, HTTPStatus.OK).read(CommitStatuses).statuses:
                if each.context == context:
                    return each
        return None

    async def _find_deployment(self, wanted: NewDeployment) -> Deployment | None:
        query = {"sha": wanted.sha, "environment": wanted.environment, "per_page": "100"}
        call = Call("GET", _DEPLOYMENTS, parts=self._parts, query=query)
        async for page in pages(self._http, call, linked):
            for each in expect(page, HTTPStatus.OK).read(list[Deployment]):
                ours = each.payload.get(_OURS) if isinstance(each.payload, dict) else None
                if ours == wanted.deployment_id:
                    return each
        return None

    async def _find_comment(self, pull_request: int, marker: str) -> Comment | None:
        query = {"per_page": "100"}
        call = Call("GET", _COMMENTS, parts=self._of(pull_request), query=query)
        async for page in pages(self._http, call, linked):
            for comment in expect(page, HTTPStatus.OK).read(list[Comment]):
                if (comment.body or "").startswith(marker):
                    return comment
        return None

    async def _made(self, call: Call, shape: type[Made]) -> Made:
        return expect(await self._http.send(call), HTTPStatus.CREATED).read(shape)

    def _of(self, pull_request: int) -> dict[str, str]:
        return {**self._parts, "issue_number": str(pull_request)}


def _shortened(description: str) -> str:
    """GitHub refuses longer descriptions."""
    if len(description) <= _LONGEST_DESCRIPTION:
        return description
    return description[: _LONGEST_DESCRIPTION - 1] + "…"
