"""Names of branches, tags and commits, and the answer of ``git ls-remote``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autodeploy.kernel.errors import InvalidInput

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(?:/|\Z)|/\.|\.\Z|/\Z")
_FULL_SHA = re.compile(r"[0-9a-fA-F]{40}\Z")
_ABBREVIATED_SHA = re.compile(r"[0-9a-fA-F]{7,39}\Z")


@dataclass(frozen=True)
class ResolvedRef:
    """A ref as asked for, the commit behind it (40 hex), and the repository's default branch."""

    ref_name: str
    commit_sha: str
    default_branch: str


@dataclass(frozen=True)
class RemoteRefs:
    """Refs by full name (``^{}`` entries included), and where HEAD points if the server says."""

    refs: Mapping[str, str]
    head_target: str | None

    def commit_of(self, full_name: str) -> str | None:
        """The commit of a ref, an annotated tag peeled."""
        return self.refs.get(f"{full_name}^{{}}") or self.refs.get(full_name)

    def default_branch(self) -> str | None:
        """HEAD's branch; for a detached HEAD the likeliest branch at its commit."""
        if self.head_target is not None:
            return self.head_target.removeprefix("refs/heads/")
        branches = {
            name.removeprefix("refs/heads/"): sha
            for name, sha in self.refs.items()
            if name.startswith("refs/heads/")
        }
        at_head = [name for name, sha in branches.items() if sha == self.refs.get("HEAD")]
        for names in (at_head, list(branches)):
            ordered = sorted(names, key=lambda name: (name not in ("main", "master"), name))
            if ordered:
                return ordered[0]
        return None


def check_ref(ref: str) -> str:
    """Refuse what git would refuse as a ref's name, and what it would take for an option.

    Raises:
        InvalidInput: the ref cannot exist.
    """
    if not ref or len(ref) > 1024 or ref[0] in "-/." or ref == "@" or _FORBIDDEN.search(ref):
        raise InvalidInput(
            "This is not a name of a branch, a tag or a commit.", field="branch",
            remedy="Give a branch, a tag or a commit, such as main, v1.2 or 3f2a9c1.",
        )  # fmt: skip
    return ref


def is_full_sha(ref: str) -> bool:
    return _FULL_SHA.match(ref) is not None


def is_abbreviated_sha(ref: str) -> bool:
    return _ABBREVIATED_SHA.match(ref) is not None


def parse_ls_remote(output: bytes) -> RemoteRefs:
    """Read ``git ls-remote --symref``: ``ref: TARGET<TAB>HEAD`` and ``SHA<TAB>NAME`` lines."""
    refs: dict[str, str] = {}
    head_target = None
    for line in output.decode(errors="replace").splitlines():
        left, _, name = line.partition("\t")
        if left.startswith("ref: "):
            head_target = left.removeprefix("ref: ") if name == "HEAD" else head_target
        elif name and is_full_sha(left):
            refs[name] = left
    return RemoteRefs(refs, head_target)
