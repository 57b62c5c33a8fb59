"""Stories of apps that move from Render to this machine and back, with what works beside them."""

from dataclasses import dataclass

from tests.chaos.app import Version
from tests.chaos.hosted import HostedStage, HostedStory
from tests.chaos.invariants import (
    check_deployments,
    check_live,
    check_no_process,
    check_one_of_each,
)
from tests.chaos.moving_invariants import check_moved, worker_of
from tests.chaos.plan import Plan
from tests.chaos.project import Project
from tests.fakes.render_state import FakeService

_RENDER, _HERE = "render", "local"
_NAMES = ("first", "second", "third")


@dataclass(frozen=True)
class _Route:
    """Where an app goes: ``before`` anything breaks, ``then`` while it does, and ``last``."""

    before: tuple[str, ...]
    then: str
    last: str


_ROUTES = {
    "deploy": _Route((), _RENDER, _HERE),
    "move": _Route((_RENDER,), _HERE, _RENDER),
    "held": _Route((_RENDER,), _HERE, _RENDER),
    "return": _Route((_RENDER, _HERE), _RENDER, _HERE),
    "refused": _Route((_RENDER, _HERE), _RENDER, _RENDER),
    "rollback": _Route((_RENDER, _HERE), _RENDER, _HERE),
    "delete": _Route((_RENDER, _HERE), "", _HERE),
}


class MovingStory(HostedStory):
    """One seed of those that strike at ``MOVING_REACH``."""

    def __init__(self, stage: HostedStage, plan: Plan):
        super().__init__(stage, plan)
        self._route = _ROUTES[plan.scenario]
        #: Whether somebody has suspended the worker: then the app does not come back.
        self._is_held = False

    def _prepare(self, project: Project) -> Version | None:
        self._stage.elsewhere.forget()
        live = None
        for name, place in zip(_NAMES, self._route.before, strict=False):
            live = project.version(name)
            self._ended(project.deploy(live, provider=place), {"ready"})
            if self._plan.scenario in ("held", "refused") and place == _RENDER:
                self._is_held = True
                self._worker(project).suspend(self._now)
        if live is not None:
            # Nothing of what goes on after that is left for what is to break.
            self._outcome.violations += self._check_moved(project, {live.text})
        return live

    def _tell(self, project: Project, live: Version | None) -> set[str]:
        if self._plan.scenario in ("delete", "rollback"):
            return super()._tell(project, live)
        name = _NAMES[len(self._route.before)]
        return self._go_to(self._route.then, project, name, {live.text} if live else set())

    def _go_to(self, place: str, project: Project, name: str, live: set[str]) -> set[str]:
        """Deploy a version there. Returns the text of what is live then: as before, where somebody
        has suspended what it would have to resume."""
        version = project.version(name)
        deployment = project.deploy(version, provider=place)
        if self._is_held and place == _RENDER:
            self._ended(deployment, {"error"})
            return live
        self._ended(deployment, {"ready"})
        return {version.text}

    def _go_on(self, project: Project) -> list[str]:
        """It moves on; what somebody has suspended keeps it until they have resumed that."""
        found = []
        if self._is_held:
            if self._plan.scenario == "held":
                live = self._go_to(_RENDER, project, "refused", {project.version("second").text})
                found += self._check_moved(project, live)
            self._worker(project).resume(self._now)
            self._is_held = False
        live = self._go_to(self._route.last, project, "last", set())
        return found + self._check_moved(project, live)

    def _check_held(self, project: Project, texts: set[str]) -> list[str]:
        return [
            *check_deployments(project),
            *self._check_moved(project, texts),
            *self._check_here(project, texts),
        ]

    def _check_here(self, project: Project, texts: set[str]) -> list[str]:
        if self._is_held or self._route.then == _HERE:
            return check_live(project, texts)
        return check_no_process(project)

    def _check_moved(self, project: Project, texts: set[str]) -> list[str]:
        return [
            *check_moved(self._stage.elsewhere.render, project, texts, held=self._is_held),
            *check_one_of_each(project),
        ]

    def _worker(self, project: Project) -> FakeService:
        return worker_of(self._stage.elsewhere.render, project)

    @property
    def _now(self) -> float:
        return self._stage.elsewhere.render.time.monotonic()
