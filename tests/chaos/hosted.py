"""Stories of apps at Vercel with databases at Supabase: the same ones, on a stage where providers
are emulated, and with the invariants of what is there."""

import os

from tests.chaos.app import Version
from tests.chaos.elsewhere import Elsewhere
from tests.chaos.hosted_invariants import (
    check_hosted_live,
    check_nothing_left_elsewhere,
    check_one_of_each_elsewhere,
)
from tests.chaos.invariants import check_deployments, check_nothing_left
from tests.chaos.plan import CALLED
from tests.chaos.project import Project
from tests.chaos.stage import Stage
from tests.chaos.story import Story
from tests.fakes.render_api import OWNER
from tests.fakes.render_api import TOKEN as RENDER_TOKEN
from tests.fakes.supabase_api import TOKEN as SUPABASE_TOKEN
from tests.fakes.vercel_api import TEAM
from tests.fakes.vercel_api import TOKEN as VERCEL_TOKEN

_CONNECTED = {
    "render": {"token": RENDER_TOKEN, "ownerId": OWNER["id"]},
    "vercel": {"token": VERCEL_TOKEN, "ownerId": TEAM},
    "supabase": {"token": SUPABASE_TOKEN},
}
#: What the providers call a limit that is soon over.
_LIMITED = {"render": "retry_after", "vercel": "rate_limited", "supabase": "short_limit"}
#: What the builds at Vercel come to in the part of a story in which something breaks.
_OUTCOMES = {"failing": "error", "cancel": "never"}


class HostedStage(Stage):
    """A platform that goes to emulated providers, with an account of each connected."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere = Elsewhere(self.platform.folder, self.sources)

    def open(self) -> None:
        self.elsewhere.open()
        given = self.elsewhere.environment
        path = self.platform.environment.get("PYTHONPATH")
        given["PYTHONPATH"] = os.pathsep.join(filter(None, (given["PYTHONPATH"], path)))
        self.platform.environment |= given
        super().open()
        user_id = self.get("/auth/me")["id"]
        for name, account in _CONNECTED.items():
            self.put(f"/users/{user_id}/connections/{name}", account)

    def close(self) -> None:
        super().close()
        self.elsewhere.close()

    @property
    def git_url(self) -> str:
        return self.elsewhere.git_url

    def tell_pushed(self, commit: str) -> None:
        self.elsewhere.render.heads["main"] = commit

    def fail_call(self, point: str, kind: str) -> None:
        provider = point.partition(".")[0]
        fake = getattr(self.elsewhere, provider)
        fake.faults.fail(CALLED[point], _LIMITED[provider] if kind == "limited" else kind)


class HostedStory(Story):
    """One seed of the family of ``hosted_plan_of``."""

    #: A call whose answer is lost is waited for, and what it made is looked for.
    terminal_seconds = 75.0
    _stage: HostedStage

    def _prepare(self, project: Project) -> Version | None:
        self._stage.elsewhere.forget()
        return super()._prepare(project)

    def _tell(self, project: Project, live: Version | None) -> set[str]:
        vercel = self._stage.elsewhere.vercel
        vercel.outcome = _OUTCOMES.get(self._plan.scenario, "ready")
        try:
            return super()._tell(project, live)
        finally:
            vercel.outcome = "ready"

    def _check_held(self, project: Project, texts: set[str]) -> list[str]:
        return [
            *check_deployments(project),
            *check_hosted_live(self._stage.elsewhere, project, texts),
            *check_one_of_each_elsewhere(self._stage.elsewhere, project),
        ]

    def _check_next(self, project: Project, text: str) -> list[str]:
        return [
            *check_hosted_live(self._stage.elsewhere, project, {text}),
            *check_one_of_each_elsewhere(self._stage.elsewhere, project),
        ]

    def _check_gone(self, *projects: Project) -> list[str]:
        return [
            *check_nothing_left_elsewhere(self._stage.elsewhere),
            *check_nothing_left(self._stage, *projects),
        ]
