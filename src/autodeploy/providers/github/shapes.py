"""What GitHub's API answers, as far as it is used (version 2022-11-28). Lenient throughout."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from autodeploy.kernel.http.models import Lenient, MaybeMoment, Moment, Open, known


class User(Lenient):
    id: int
    login: str


class Visibility(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    INTERNAL = "internal"


class Access(StrEnum):
    """How much an account may do with a repository, from less to more."""

    PULL = "pull"
    PUSH = "push"
    ADMIN = "admin"


class Permissions(Lenient):
    """What the account may do; ``admin`` is needed for webhooks."""

    admin: bool = False
    push: bool = False
    pull: bool = False

    @property
    def access(self) -> Access:
        return Access.ADMIN if self.admin else Access.PUSH if self.push else Access.PULL


class Repository(Lenient):
    """``id`` stays when it is renamed or moved, ``full_name`` does not. ``owner`` is a person or an
    organization, whose number stays when they are renamed."""

    id: int
    full_name: str
    owner: User | None = None
    private: bool
    default_branch: str
    visibility: Open[Visibility] | None = None
    archived: bool = False
    language: str | None = None
    pushed_at: MaybeMoment = None
    permissions: Permissions = Permissions()


class Pointer(Lenient):
    sha: str


class Branch(Lenient):
    name: str
    commit: Pointer


class EntryKind(StrEnum):
    BLOB = "blob"
    TREE = "tree"
    COMMIT = "commit"  # a submodule


class TreeEntry(Lenient):
    """``size`` in bytes, of blobs alone."""

    path: str
    mode: str
    type: Open[EntryKind]
    sha: str
    size: int | None = None


class Tree(Lenient):
    """``truncated`` when GitHub left entries out: then it is not the whole tree."""

    sha: str
    tree: list[TreeEntry]
    truncated: bool


class Blob(Lenient):
    sha: str
    content: str = Field(repr=False)
    encoding: str


class Content(Lenient):
    """A file; ``encoding`` is ``none`` where it is larger than 1 MB, and has to be read as blob."""

    type: str
    path: str
    sha: str
    content: str = Field(default="", repr=False)
    encoding: str = "none"


class WebhookConfig(Lenient):
    """The secret is never answered, only that there is one."""

    url: str | None = None


class Webhook(Lenient):
    id: int
    active: bool
    events: list[str]
    config: WebhookConfig


class Delivery(Lenient):
    """``status`` is text for people, ``status_code`` what our side answered, 0 for nothing."""

    id: int
    guid: str
    delivered_at: Moment
    redelivery: bool
    event: str
    status: str = ""
    status_code: int = 0


class DeploymentState(StrEnum):
    """``UNKNOWN`` stands for one that GitHub has added since."""

    ERROR = "error"
    FAILURE = "failure"
    INACTIVE = "inactive"
    IN_PROGRESS = "in_progress"
    QUEUED = "queued"
    PENDING = "pending"
    SUCCESS = "success"
    UNKNOWN = "unknown"


class Deployment(Lenient):
    """``payload`` is what its maker wrote: an object, or text."""

    id: int
    sha: str
    environment: str
    payload: dict[str, Any] | str | None = None


class DeploymentStatus(Lenient):
    id: int
    state: Annotated[DeploymentState, known(DeploymentState)]


class CommitStatus(Lenient):
    context: str
    state: str
    target_url: str | None = None


class CommitStatuses(Lenient):
    """The last one of each context."""

    statuses: list[CommitStatus]


class Comment(Lenient):
    id: int
    body: str | None = None
