"""A repository of the emulated GitHub that is pushed to with git."""

from dataclasses import dataclass
from pathlib import Path

from tests.fakes.github_state import Commit, Pull, Repo
from tests.kernel.git.servers import git


@dataclass
class PushedCommit(Commit):
    """A commit with the id that git has given it."""

    id: str = ""

    @property
    def sha(self) -> str:
        return self.id


class Pushed:
    """``repo`` is what GitHub shows of the bare repository ``bare``."""

    def __init__(self, repo: Repo, bare: Path):
        self.repo = repo
        self.bare = bare
        bare.mkdir(parents=True)
        git("init", "--quiet", "--bare", "--initial-branch", repo.default_branch, cwd=bare)
        git("config", "http.receivepack", "true", cwd=bare)

    def look(self) -> None:
        """Show the heads that were pushed, and announce them to the webhooks."""
        heads = git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads",
                    cwd=self.bare)  # fmt: skip
        for line in heads.splitlines():
            branch, sha = line.split()
            if self.repo.branches.get(branch) != sha:
                self._take(branch, sha)

    def open_pull(self, number: int, branch: str) -> Pull:
        """A pull request of a branch that was pushed."""
        pull = self.repo.pulls[number] = Pull(number, branch, self.repo.branches[branch])
        self.repo.announce("pull_request", {"action": "opened", "number": number})
        return pull

    def _take(self, branch: str, sha: str) -> None:
        before = self.repo.branches.get(branch, "0" * 40)
        for each in git("rev-list", "--reverse", sha, cwd=self.bare).split():
            self.repo.commits.setdefault(each, self._read(each))
        self.repo.branches[branch] = sha
        self.repo.announce("push", {"ref": f"refs/heads/{branch}", "before": before, "after": sha})
        for pull in self.repo.pulls.values():
            if pull.ref == branch and pull.state == "open":
                pull.sha = sha
                self.repo.announce("pull_request", {"action": "synchronize", "number": pull.number})

    def _read(self, sha: str) -> Commit:
        names = git("ls-tree", "-r", "--name-only", sha, cwd=self.bare).splitlines()
        return PushedCommit(
            files={name: git("show", f"{sha}:{name}", cwd=self.bare).encode() for name in names},
            message=git("show", "--no-patch", "--format=%B", sha, cwd=self.bare),
            parent=git("show", "--no-patch", "--format=%P", sha, cwd=self.bare) or None,
            id=sha,
        )
