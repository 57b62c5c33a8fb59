"""The shapes of push to deploy: its settings, what becomes of them, and previews."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from autodeploy.kernel.schema import Input, Schema, Update
from autodeploy.services.deployer.schemas import CreatorView, EnvironmentName
from autodeploy.services.deployer.states import DeploymentStatus

_MOST_BRANCHES = 20
_MOST_PATTERNS = 50


def _as_path(value: str) -> str:
    names = value.removeprefix("!").removesuffix("/").split("/")
    if any(name in ("", ".", "..") for name in names):
        raise ValueError("a pattern is relative to the root of the repository")
    return value


# As git-check-ref-format(1) has it, as far as what it refuses could mean something else.
BranchName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\x00-\x20\x7f~^:?*\[\\/.-][^\x00-\x20\x7f~^:?*\[\\]*$", max_length=255
    ),
]
PathPattern = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=255),
    AfterValidator(_as_path),
]
CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class PushToDeployUpdate(Update):
    """What is left out stays as it is, or is the default where it was off.

    ``branches`` maps a branch to the environment that its head is deployed to; where none is
    named, that is the default branch to production. ``paths`` are patterns of the files that
    count, null for those below the project's root directory. With ``wait_for_ci`` a commit is
    deployed once its checks have passed. With ``previews`` each open pull request has an
    environment of its own.
    """

    enabled: bool = True
    branches: Annotated[
        dict[BranchName, EnvironmentName] | None, Field(max_length=_MOST_BRANCHES)
    ] = None
    paths: Annotated[list[PathPattern] | None, Field(max_length=_MOST_PATTERNS)] = None
    wait_for_ci: bool | None = None
    previews: bool | None = None


class PushToDeployView(Schema):
    """``acts_as`` is in whose name pushes are deployed: who changed the settings last."""

    enabled: bool
    branches: dict[str, str]
    paths: list[str] | None
    wait_for_ci: bool
    previews: bool
    acts_as: CreatorView | None


class WebhookState(StrEnum):
    """Without a webhook, branches and pull requests are looked at from time to time."""

    OFF = "off"
    PENDING = "pending"
    REGISTERED = "registered"
    UNAVAILABLE = "unavailable"


class GitHubWebhookView(Schema):
    """``note`` says why GitHub does not call; ``delivered_at`` is when it did last."""

    state: WebhookState
    note: str | None
    delivered_at: datetime | None


class WatchedBranchView(Schema):
    """``head`` is the newest commit of the branch that is known, ``deployed`` the last that was
    deployed, or is being; where they differ, ``note`` says why."""

    branch: str
    environment: str
    head: str | None
    deployed: str | None
    note: str | None


class PushToDeployStatusView(Schema):
    enabled: bool
    webhook: GitHubWebhookView
    branches: list[WatchedBranchView]
    previews_note: str | None


class PreviewView(Schema):
    """A pull request and its environment. One of a ``fork`` is built at each commit only once that
    is ``approved``, and gets no secrets."""

    number: int
    title: str
    branch: str
    author: str | None
    commit: str | None
    fork: bool
    approved: bool
    environment: str
    deployment_id: UUID | None
    status: DeploymentStatus | None
    url: str | None
    note: str | None
    closed_at: datetime | None


class ApprovalInput(Input):
    """``commit`` is the one that was looked at: a newer one is not approved with it."""

    commit: CommitId
