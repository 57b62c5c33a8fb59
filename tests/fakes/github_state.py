"""What the emulated GitHub holds, and the shapes in which it shows it."""

import hashlib
import io
import itertools
import json
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

_WHEN = "2026-11-01T12:00:00Z"
_ids = itertools.count(1000)

_USER_LINKS = ("followers", "following", "gists", "starred", "subscriptions", "organizations",
               "repos", "events", "received_events")  # fmt: skip
_REPOSITORY_LINKS = (
    "archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare",
    "contents", "contributors", "deployments", "downloads", "events", "forks", "git_commits",
    "git_refs", "git_tags", "hooks", "issue_comment", "issue_events", "issues", "keys", "labels",
    "languages", "merges", "milestones", "notifications", "pulls", "releases", "stargazers",
    "statuses", "subscribers", "subscription", "tags", "teams", "trees",
)  # fmt: skip


def sha_of(*parts: str | bytes) -> str:
    """A stable id, as git's are."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
    return digest.hexdigest()


@dataclass
class Commit:
    """``modes`` are those of what is no plain file: ``120000`` a link, whose target is its content,
    ``160000`` a submodule, whose commit is."""

    files: dict[str, bytes]
    message: str
    modes: dict[str, str] = field(default_factory=dict)
    parent: str | None = None

    @property
    def sha(self) -> str:
        return sha_of(self.message, *(part for file in sorted(self.files.items()) for part in file))

    @property
    def folders(self) -> set[str]:
        found = (path.split("/")[:-1] for path in self.files)
        return {"/".join(names[:end]) for names in found for end in range(1, len(names) + 1)}

    @property
    def tree_sha(self) -> str:
        return sha_of("tree", self.sha)


@dataclass
class Repo:
    """``admin`` is whether the account may have webhooks, ``rights`` what some tokens may instead:
    ``none``, ``pull``, ``push`` or ``admin``; ``truncated`` leaves half a tree out.
    ``outgoing`` are the deliveries on their way to webhooks, which a test brings there, or not."""

    owner: str
    name: str
    id: int = field(default_factory=lambda: next(_ids))
    private: bool = False
    admin: bool = True
    rights: dict[str, str] = field(default_factory=dict)
    default_branch: str = "main"
    language: str | None = None
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    renamed_branches: dict[str, str] = field(default_factory=dict)
    hooks: dict[int, Json] = field(default_factory=dict)
    secrets: dict[int, str] = field(default_factory=dict)
    deliveries: dict[int, list[Json]] = field(default_factory=dict)
    statuses: dict[str, list[Json]] = field(default_factory=dict)
    deployments: dict[int, Json] = field(default_factory=dict)
    deployment_statuses: dict[int, list[Json]] = field(default_factory=dict)
    comments: dict[int, dict[int, Json]] = field(default_factory=dict)
    pulls: dict[int, "Pull"] = field(default_factory=dict)
    check_runs: dict[str, list[Json]] = field(default_factory=dict)
    outgoing: list["Outgoing"] = field(default_factory=list)
    payloads: dict[str, bytes] = field(default_factory=dict)
    truncated: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def right_of(self, token: str) -> str:
        return self.rights.get(token, "admin" if self.admin else "push")

    def push(
        self,
        files: dict[str, bytes],
        branch: str = "main",
        message: str = "…",
        modes: dict[str, str] | None = None,
    ) -> str:
        commit = Commit(files, message, modes or {}, self.branches.get(branch))
        self.commits.setdefault(commit.sha, commit)
        self.branches[branch] = commit.sha
        return commit.sha

    def rename_branch(self, branch: str, name: str) -> None:
        self.branches[name] = self.branches.pop(branch)
        self.renamed_branches[branch] = name

    def is_ancestor(self, sha: str, other: str) -> bool:
        seen: set[str] = set()
        at: str | None = other
        while at is not None and at not in seen:
            if at == sha:
                return True
            seen.add(at)
            at = self.commits[at].parent
        return False

    def parting(self, one: Commit, other: Commit) -> Commit:
        """The newest commit that both come from; the first of them where there is none."""
        at: str | None = one.sha
        while at is not None:
            if self.is_ancestor(at, other.sha):
                return self.commits[at]
            at = self.commits[at].parent
        return one

    def open_pull(
        self,
        number: int,
        files: dict[str, bytes],
        *,
        branch: str = "change",
        fork: bool = False,
        message: str | None = None,
    ) -> "Pull":
        """A pull request whose head is a new commit, also of one that is open; of a fork, no branch
        here has it."""
        present = self.pulls.get(number)
        parent = present.sha if present else self.branches.get(self.default_branch)
        commit = Commit(files, message or f"pull {number}", parent=parent)
        self.commits[commit.sha] = commit
        if not fork:
            self.branches[branch] = commit.sha
        self.pulls[number] = Pull(number, branch, commit.sha, fork)
        return self.pulls[number]

    def announce(self, event: str, payload: Json) -> None:
        """Send an event to the webhooks that want it."""
        body = json.dumps({**payload, "repository": {"id": self.id}}).encode()
        for hook_id, hook in self.hooks.items():
            if event in hook["events"]:
                delivery = self.deliver(hook_id, event, 0)
                self.payloads[delivery["guid"]] = body
                self.outgoing.append(Outgoing(hook_id, delivery))

    def find(self, ref: str) -> Commit | None:
        name = ref.removeprefix("heads/").removeprefix("refs/heads/")
        return self.commits.get(self.branches.get(name, ref))

    def deliver(self, hook_id: int, event: str, status_code: int = 200) -> Json:
        delivery = {
            "id": next(_ids), "guid": sha_of(str(next(_ids))),
            "delivered_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "redelivery": False, "duration": 0.3, "status": "OK" if status_code < 400 else "…",
            "status_code": status_code, "event": event, "action": None, "installation_id": None,
            "repository_id": self.id, "throttled_at": None,
        }  # fmt: skip
        self.deliveries.setdefault(hook_id, []).insert(0, delivery)
        return delivery


@dataclass
class Pull:
    number: int
    ref: str
    sha: str
    fork: bool = False
    state: str = "open"


@dataclass
class Outgoing:
    """A delivery on its way to a webhook."""

    hook_id: int
    delivery: Json


def next_id() -> int:
    return next(_ids)


def owner_id(login: str) -> int:
    """The number of who owns repositories."""
    return sum(map(ord, login))


def user_shape(login: str, user_id: int, url: str) -> Json:
    base = f"{url}/users/{login}"
    return {
        "login": login, "id": user_id, "node_id": f"U_{user_id}", "gravatar_id": "", "url": base,
        "avatar_url": f"{url}/avatars/{user_id}", "html_url": f"{url}/{login}", "type": "User",
        "site_admin": False, **{f"{each}_url": f"{base}/{each}" for each in _USER_LINKS},
    }  # fmt: skip


def private_user_shape(login: str, user_id: int, url: str) -> Json:
    return {
        **user_shape(login, user_id, url), "name": None, "company": None, "blog": None,
        "location": None, "email": None, "hireable": None, "bio": None, "twitter_username": None,
        "public_repos": 2, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": _WHEN, "updated_at": _WHEN, "private_gists": 0, "total_private_repos": 1,
        "owned_private_repos": 1, "disk_usage": 1, "collaborators": 0,
        "two_factor_authentication": True,
    }  # fmt: skip


def repository_shape(repo: Repo, url: str, *, full: bool, token: str = "") -> Json:
    """As the holder of ``token`` sees it."""
    right = repo.right_of(token)
    base = f"{url}/repos/{repo.full_name}"
    shape: Json = {
        "id": repo.id, "node_id": f"R_{repo.id}", "name": repo.name, "full_name": repo.full_name,
        "owner": user_shape(repo.owner, owner_id(repo.owner), url), "private": repo.private,
        "visibility": "private" if repo.private else "public", "description": None, "fork": False,
        "html_url": f"{url}/{repo.full_name}", "url": base, "homepage": None,
        "language": repo.language,
        "git_url": f"git://{repo.full_name}", "ssh_url": f"git@{repo.full_name}",
        "clone_url": f"{url}/{repo.full_name}.git", "svn_url": f"{url}/{repo.full_name}",
        "mirror_url": None, "default_branch": repo.default_branch, "archived": False,
        "disabled": False, "license": None, "size": 1, "pushed_at": _WHEN, "created_at": _WHEN,
        "updated_at": _WHEN, "topics": [],
        "permissions": {"admin": right == "admin", "push": right != "pull", "pull": True},
        **{f"{each}_url": f"{base}/{each}" for each in _REPOSITORY_LINKS},
        **dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count",
                         "open_issues", "open_issues_count"), 0),
        **dict.fromkeys(("has_issues", "has_projects", "has_wiki"), True),
        **dict.fromkeys(("has_pages", "has_downloads", "has_discussions"), False),
    }  # fmt: skip
    return {**shape, "subscribers_count": 0, "network_count": 0} if full else shape


def hook_shape(hook_id: int, sent: Json, base: str) -> Json:
    """The secret is not shown."""
    config = {**sent["config"], "secret": "********"}
    return {
        "type": "Repository", "id": hook_id, "name": "web", "active": sent.get("active", True),
        "events": sent.get("events", ["push"]), "config": config, "updated_at": _WHEN,
        "created_at": _WHEN, "url": f"{base}/{hook_id}", "test_url": f"{base}/{hook_id}/tests",
        "ping_url": f"{base}/{hook_id}/pings", "deliveries_url": f"{base}/{hook_id}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }  # fmt: skip


def status_shape(sent: Json, base: str, creator: Json) -> Json:
    return {
        "url": base, "avatar_url": None, "id": next_id(), "node_id": "S_1", "state": sent["state"],
        "description": sent.get("description"), "target_url": sent.get("target_url"),
        "context": sent.get("context", "default"), "created_at": _WHEN, "updated_at": _WHEN,
        "creator": creator,
    }  # fmt: skip


def deployment_shape(sent: Json, sha: str, base: str, creator: Json) -> Json:
    deployment_id = next_id()
    url = f"{base}/deployments/{deployment_id}"
    return {
        "url": url, "id": deployment_id, "node_id": "D_1", "sha": sha, "ref": sent["ref"],
        "task": sent.get("task", "deploy"), "payload": sent.get("payload", ""),
        "environment": sent.get("environment", "production"), "description": None,
        "creator": creator, "created_at": _WHEN, "updated_at": _WHEN,
        "statuses_url": f"{url}/statuses", "repository_url": base,
        "transient_environment": sent.get("transient_environment", False),
        "production_environment": sent.get("production_environment", True),
    }  # fmt: skip


def deployment_status_shape(sent: Json, deployment: Json, creator: Json) -> Json:
    return {
        "url": deployment["url"], "id": next_id(), "node_id": "DS_1", "state": sent["state"],
        "creator": creator, "description": sent.get("description", ""),
        "environment": deployment["environment"], "target_url": sent.get("target_url", ""),
        "environment_url": sent.get("environment_url", ""), "log_url": sent.get("log_url", ""),
        "created_at": _WHEN, "updated_at": _WHEN, "deployment_url": deployment["url"],
        "repository_url": deployment["repository_url"],
    }  # fmt: skip


def comment_shape(body: str, base: str, issue: int, author: Json) -> Json:
    comment_id = next_id()
    return {
        "id": comment_id, "node_id": "IC_1", "url": f"{base}/issues/comments/{comment_id}",
        "html_url": f"{base}/pull/{issue}", "body": body, "user": author, "created_at": _WHEN,
        "updated_at": _WHEN, "issue_url": f"{base}/issues/{issue}", "author_association": "OWNER",
    }  # fmt: skip


def commit_shape(commit: Commit, base: str, author: Json) -> Json:
    written = {"name": "Octo Cat", "email": "octo@example.com", "date": _WHEN}
    url = f"{base}/commits/{commit.sha}"
    return {
        "url": url, "sha": commit.sha, "node_id": "C_1", "html_url": url, "author": author,
        "comments_url": f"{url}/comments", "committer": author, "parents": [],
        "commit": {"url": url, "author": written, "committer": written, "message": commit.message,
                   "comment_count": 0, "tree": {"sha": commit.tree_sha, "url": url}},
    }  # fmt: skip


def branch_shape(name: str, commit: Json, base: str) -> Json:
    url = f"{base}/branches/{name}"
    return {
        "name": name, "commit": commit, "_links": {"self": url, "html": url}, "protected": False,
        "protection": {"enabled": False}, "protection_url": f"{url}/protection",
    }  # fmt: skip


def comparison_shape(repo: Repo, one: Commit, other: Commit, base: str, author: Json) -> Json:
    url = f"{base}/compare/{one.sha}...{other.sha}"
    ahead = repo.is_ancestor(one.sha, other.sha)
    parted = repo.parting(one, other)
    names = sorted(parted.files.keys() | other.files.keys())
    return {
        **dict.fromkeys(("url", "html_url", "permalink_url", "diff_url", "patch_url"), url),
        "base_commit": commit_shape(one, base, author),
        "merge_base_commit": commit_shape(parted, base, author),
        "status": "ahead" if ahead else "diverged", "ahead_by": 1, "behind_by": 0 if ahead else 1,
        "total_commits": 1, "commits": [commit_shape(other, base, author)],
        "files": [
            {"sha": sha_of(other.files.get(name, b"")), "filename": name, "additions": 1,
             "status": "modified", "deletions": 0, "changes": 1, "blob_url": url, "raw_url": url,
             "contents_url": url}
            for name in names if parted.files.get(name) != other.files.get(name)
        ],
    }  # fmt: skip


def check_run_shape(name: str, sha: str, conclusion: str | None, base: str) -> Json:
    number = next_id()
    url = f"{base}/check-runs/{number}"
    done = conclusion is not None
    return {
        "id": number, "node_id": "CR_1", "head_sha": sha, "name": name, "url": url, "html_url": url,
        "details_url": url, "status": "completed" if done else "in_progress",
        "conclusion": conclusion, "started_at": _WHEN, "completed_at": _WHEN if done else None,
        "external_id": "", "check_suite": None, "app": None, "pull_requests": [],
        "output": {"title": None, "summary": None, "text": None, "annotations_count": 0,
                   "annotations_url": f"{url}/annotations"},
    }  # fmt: skip


def pull_shape(pull: Pull, repo: Repo, url: str, *, full: bool) -> Json:
    base = f"{url}/repos/{repo.full_name}"
    at = f"{base}/pulls/{pull.number}"
    ours = repository_shape(repo, url, full=False)
    author = user_shape("contributor", 77, url)
    theirs = {**ours, "id": repo.id + 1_000_000, "fork": True} if pull.fork else ours
    links = ("comments", "commits", "statuses", "html", "issue", "review_comments",
             "review_comment", "self")  # fmt: skip
    shape: Json = {
        "url": at, "id": 9000 + pull.number, "node_id": "PR_1", "html_url": at, "diff_url": at,
        "patch_url": at, "issue_url": at, "commits_url": at, "review_comments_url": at,
        "review_comment_url": at, "comments_url": at, "statuses_url": at, "number": pull.number,
        "state": pull.state, "locked": False, "title": f"Change {pull.number}", "user": author,
        "body": None, "labels": [], "milestone": None, "created_at": _WHEN, "updated_at": _WHEN,
        "closed_at": None if pull.state == "open" else _WHEN, "merged_at": None,
        "merge_commit_sha": None, "assignee": None, "author_association": "NONE",
        "auto_merge": None, "draft": False,
        "_links": {each: {"href": at} for each in links},
        "head": {"label": f"x:{pull.ref}", "ref": pull.ref, "sha": pull.sha, "repo": theirs,
                 "user": author},
        "base": {"label": f"{repo.owner}:main", "ref": repo.default_branch, "repo": ours,
                 "sha": repo.branches[repo.default_branch], "user": author},
    }  # fmt: skip
    if not full:
        return shape
    counts = dict.fromkeys(("additions", "changed_files", "comments", "commits", "deletions",
                            "review_comments"), 1)  # fmt: skip
    return {**shape, **counts, "mergeable": None, "mergeable_state": "unknown", "merged": False,
            "maintainer_can_modify": False, "merged_by": None}  # fmt: skip


def archive_of(repo: Repo, commit: Commit) -> bytes:
    """The sources as GitHub packs them: a header that names the commit, then all below one
    folder; of a submodule its empty folder."""
    packed = io.BytesIO()
    top = f"{repo.owner}-{repo.name}-{commit.sha[:7]}"
    with tarfile.open(fileobj=packed, mode="w:gz", pax_headers={"comment": commit.sha}) as archive:
        for path, content in {"": b"", **commit.files}.items():
            entry = tarfile.TarInfo(f"{top}/{path}")
            mode = commit.modes.get(path, "100644" if path else "160000")
            if mode == "160000":
                entry.type = tarfile.DIRTYPE
            elif mode == "120000":
                entry.type, entry.linkname = tarfile.SYMTYPE, content.decode()
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if entry.size else None)
    return packed.getvalue()
