"""A project on a stage, its deployments as somebody saw them who followed them."""

import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.app import Version
from tests.chaos.plan import MOVING_APPS
from tests.chaos.stage import Refused, Stage
from tests.e2e.platform import Json

TERMINAL = ("ready", "error", "cancelled")
#: What is asked for with a deployment of each kind of app.
WISHES: dict[str, Json] = {
    "database": {"configuration": {"database": {}}},
    "vercel": {"provider": "vercel"},
    "supabase": {
        "provider": "vercel",
        "configuration": {"database": {"provider": "supabase", "plan": "free"}},
    },
}
_FROM_GIT = ("git", *MOVING_APPS)
_POLL_SECONDS = 0.2


@dataclass
class Watched:
    """A deployment, and the lines that were shown of it while it went on."""

    id: str
    status: str = "queued"
    error: str = ""
    shown: list[Json] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    gone: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self, stage: Stage) -> None:
        """Read its lines and status until it ends, or is deleted."""
        while not self.ended.is_set():
            try:
                self._look(stage)
            except Refused as refused:
                self.gone = refused.status == 404
                self.error = str(refused)
                self.ended.set()
            time.sleep(_POLL_SECONDS)

    def _look(self, stage: Stage) -> None:
        deployment = stage.get(f"/deployments/{self.id}")
        after = self.shown[-1]["sequence"] if self.shown else 0
        self.shown += stage.get(f"/deployments/{self.id}/logs?after={after}")["items"]
        self.status = deployment["status"]
        if self.status in TERMINAL:
            self.error = str(deployment["error"] or "")
            self.seconds = time.monotonic() - self.begun
            self.ended.set()


def commit(folder: Path, text: str) -> str:
    """Make the files of a folder the newest commit of its repository. Returns its id."""
    identity = ("-c", "user.name=Chaos", "-c", "user.email=chaos@example.com")
    commands = (("add", "--all"), ("commit", "--quiet", "--allow-empty", "-m", text))
    if not (folder / ".git").exists():
        commands = (("init", "--quiet", "--initial-branch=main"), *commands)
    for command in commands:
        whole = ["git", *identity, "-C", str(folder), *command]
        subprocess.run(whole, check=True, start_new_session=True)
    told = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.check_output(told, text=True, start_new_session=True).strip()


class Project:
    """An app of its own. ``mark`` is on the command lines of all its processes; ``commits`` are
    the texts of its versions, of those that come from git."""

    def __init__(self, stage: Stage, mark: str, kind: str):
        self.stage = stage
        self.mark = mark
        self.kind = kind
        self.deployments: list[Watched] = []
        self.ports: set[int] = set()
        self.commits: dict[str, str] = {}
        self._folder: Path = stage.sources / mark
        self._repository: str | None = None
        self._repository = self._offer(self.version("first"))
        made = stage.post("/projects", {"name": mark, "repositoryId": self._repository})
        self.id: str = made["id"]
        self.slug: str = made["slug"]

    def version(self, name: str, *, build_seconds: float = 0.15, exit_code: int = 0) -> Version:
        text = f"{self.mark}-{name}"
        return Version(self.kind, self.mark, text, build_seconds, exit_code)

    def deploy(self, version: Version, **wishes: str) -> Watched:
        """Have a version deployed; it goes on by itself."""
        self._offer(version)
        return self._follow(self.stage.deploy(self.id, WISHES.get(self.kind, {}) | wishes))

    def roll_back(self, to: Watched) -> Watched:
        return self._follow(self.stage.deploy(self.id, path=f"/deployments/{to.id}/rollback"))

    def cancel(self, deployment: Watched) -> None:
        self.stage.post(f"/deployments/{deployment.id}/cancel")

    def forget(self) -> None:
        """Follow nothing more of it."""
        for deployment in self.deployments:
            deployment.ended.set()

    def delete(self) -> None:
        for environment in self.stage.get(f"/projects/{self.id}")["environments"]:
            if address := environment["localUrl"]:
                self.ports.add(int(address.rpartition(":")[2].rstrip("/")))
        try:
            self.stage.delete(f"/projects/{self.id}")
        except Refused as refused:
            if refused.status != 404:  # a repetition, and it is gone already
                raise

    def _offer(self, version: Version) -> str:
        """Put a version where the platform takes it from. Returns the repository's id."""
        folder = version.write(self._folder)
        if self.kind not in _FROM_GIT:
            uploaded: str = self.stage.upload(folder, self._repository)["repository"]["id"]
            return uploaded
        newest = commit(folder, version.text)
        self.commits[newest] = version.text
        self.stage.tell_pushed(newest)
        if self._repository is None:
            url = f"{self.stage.git_url}/{self.mark}/.git"
            self._repository = self.stage.post("/repositories", {"url": url})["id"]
        return self._repository

    def _follow(self, deployment: Json) -> Watched:
        watched = Watched(deployment["id"])
        self.deployments.append(watched)
        threading.Thread(target=watched.follow, args=(self.stage,), daemon=True).start()
        return watched
