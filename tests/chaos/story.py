"""Plays the story of a seed: what it deploys, what breaks meanwhile, and how it ends."""

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.app import Version
from tests.chaos.invariants import (
    check_deployments,
    check_live,
    check_nothing_left,
    check_one_of_each,
    check_page,
)
from tests.chaos.plan import LEASE_SECONDS, Plan
from tests.chaos.project import Project, Watched
from tests.chaos.stage import BUILD_SECONDS, HEALTH_SECONDS, Refused, Stage

#: A deployment has ended at the latest when its lease has run out and its longest steps have, too.
TERMINAL_SECONDS = LEASE_SECONDS + BUILD_SECONDS + HEALTH_SECONDS
#: What comes only after a deployment has ended: the drain before a release is removed, and so on.
_LATE = ("agent.retire", "artifact.unpack", "deployer.remove_folder", "instances.retire",
         "local.leave", "local.prepare", "local.retire", "render.leave", "render.mark_left",
         "render.retire", "render.suspend", "sandbox.start", "vercel.prepare",
         "vercel.retire")  # fmt: skip
_LATE_SECONDS = 7.0
_POLL_SECONDS = 0.1


@dataclass
class Outcome:
    """What the run of a seed showed. All invariants held when there are no ``violations``.

    ``slowest_seconds`` is from asking for a deployment to its end, of the slowest.
    """

    plan: Plan
    struck: bool = False
    statuses: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def as_row(self) -> dict[str, Any]:
        return {
            **self.plan.as_row(),
            "struck": self.struck,
            "statuses": self.statuses,
            "slowest_seconds": round(self.slowest_seconds, 2),
            "seconds": round(self.seconds, 2),
            "violations": self.violations,
        }


class Story:
    """One seed on one stage."""

    terminal_seconds = TERMINAL_SECONDS

    def __init__(self, stage: Stage, plan: Plan):
        self._stage = stage
        self._plan = plan
        self._outcome = Outcome(plan)
        self._mark = f"chaos-{plan.seed}-{stage.platform.api_port}"

    def play(self) -> Outcome:
        """Tell it to its end. What went wrong is in the outcome, and never raised."""
        begun = time.monotonic()
        try:
            self._play()
        except Exception as error:
            self._outcome.violations.append(f"{type(error).__name__}: {error}")
        finally:
            with contextlib.suppress(AssertionError):
                self._stage.points.disarm()
        self._outcome.seconds = time.monotonic() - begun
        return self._outcome

    def _play(self) -> None:
        found = self._outcome.violations
        project = Project(self._stage, self._mark, self._plan.app)
        try:
            live = self._prepare(project)
            self._stage.points.arm(self._plan)
            texts = self._tell(project, live)
            self._wait_for_strike()
            self._outcome.struck = self._stage.points.disarm()
            if self._stage.points.problem:
                found.append(f"not struck: {self._stage.points.problem}")
            following = project
            if self._plan.scenario == "delete":
                following = Project(self._stage, f"{self._mark}-next", self._plan.app)
            else:
                found += self._check_held(project, texts)
            found += self._go_on(following)
            following.delete()
            found += self._check_gone(project, following)
        finally:
            project.forget()

    def _go_on(self, project: Project) -> list[str]:
        """The next deployment works. Returns what is not as it has to be after it."""
        last = project.version("last")
        self._ended(project.deploy(last), {"ready"})
        return self._check_next(project, last.text)

    def _check_held(self, project: Project, texts: set[str]) -> list[str]:
        """What holds when all has ended; one of these is live, if there are any."""
        return [*check_deployments(project), *check_live(project, texts)]

    def _check_next(self, project: Project, text: str) -> list[str]:
        """What holds when a deployment has followed, which has to be live."""
        return [*check_page(project, text), *check_one_of_each(project)]

    def _check_gone(self, *projects: Project) -> list[str]:
        """What holds when these are deleted."""
        return check_nothing_left(self._stage, *projects)

    def _prepare(self, project: Project) -> Version | None:
        """What is live before anything breaks."""
        if self._plan.scenario == "deploy":
            return None
        versions = [project.version("first")]
        if self._plan.scenario == "rollback":
            versions.append(project.version("second"))
        for version in versions:
            self._ended(project.deploy(version), {"ready"})
        return versions[-1]

    def _tell(self, project: Project, live: Version | None) -> set[str]:
        """The part in which something breaks. Returns the texts of which one is live after it."""
        before = {live.text} if live else set()
        match self._plan.scenario:
            case "delete":
                project.delete()
                return set()
            case "rollback":
                ended = self._ended(project.roll_back(project.deployments[0]), self._good())
                return {project.version("first").text} if ended == "ready" else before
            case "failing":
                broken = project.version("broken", exit_code=1)
                self._ended(project.deploy(broken), {"error"})
                return before
            case "cancel":
                return self._cancel(project) or before
            case "burst":
                return self._burst(project) or before
        version = project.version("second")
        ended = self._ended(project.deploy(version), self._good())
        return {version.text} if ended == "ready" else before

    def _cancel(self, project: Project) -> set[str]:
        version = project.version("slow", build_seconds=2.0)
        deployment = project.deploy(version)
        time.sleep(self._plan.seconds)
        with contextlib.suppress(Refused):  # it may have ended before
            project.cancel(deployment)
        ended = self._ended(deployment, {*self._good(), "cancelled"})
        return {version.text} if ended == "ready" else set()

    def _burst(self, project: Project) -> set[str]:
        """Two at once: the newer one has the last word, where both succeed."""
        versions = [project.version("second"), project.version("third")]
        deployments = [project.deploy(version) for version in versions]
        wanted = ({*self._good(), "cancelled"}, self._good())
        ends = [self._ended(*each) for each in zip(deployments, wanted, strict=True)]
        for version, ended in zip(reversed(versions), reversed(ends), strict=True):
            if ended == "ready":
                return {version.text}
        return set()

    def _good(self) -> set[str]:
        """How a deployment may end that nothing is wrong with: nobody can build on a full disk."""
        return {"ready", "error"} if self._plan.action == "fill disk" else {"ready"}

    def _ended(self, deployment: Watched, wanted: set[str]) -> str:
        """Wait for the end, which has to come in time and to be one of these."""
        while not deployment.ended.wait(_POLL_SECONDS):
            struck_at = self._stage.points.struck_at or 0.0
            since = max(deployment.begun, struck_at, self._stage.up_since)
            assert time.monotonic() - since < self.terminal_seconds, (
                f"{deployment.id} is {deployment.status} after {self.terminal_seconds} s"
            )
        seconds = deployment.seconds or 0.0
        self._outcome.statuses.append(deployment.status)
        self._outcome.slowest_seconds = max(self._outcome.slowest_seconds, seconds)
        if deployment.status not in wanted:
            self._outcome.violations.append(
                f"{deployment.id} is {deployment.status}, not one of {sorted(wanted)}: "
                f"{deployment.error}"
            )
        return deployment.status

    def _wait_for_strike(self) -> None:
        """Give what comes late the time to come."""
        if self._plan.point in _LATE or self._plan.scenario == "delete":
            deadline = time.monotonic() + _LATE_SECONDS
            while self._stage.points.struck_at is None and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
