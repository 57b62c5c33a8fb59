"""What works by itself stands still at the emulated Render while its app is live elsewhere."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from tests.fakes.render_state import FakeService
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    OTHER,
    SERVER,
    account,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.providers.base import Cron
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.naming import LEFT, MARK

pytestmark = pytest.mark.contract(provider="render")

BOTH = replace(
    SERVER, workers={"mail": "node mail.js"}, crons={"tidy": Cron("5 4 * * *", "node tidy.js")}
)
WORKER = replace(SERVER, kind="worker")


class Died(BaseException):
    """The process ends here: nothing of it runs any more."""


async def _built(apps, log, sha: str = COMMIT, spec=BOTH) -> str:
    request = build_request(commit=at_commit(sha), spec=spec, environment={})
    return (await apps.build(request, log)).key


async def _deployed(apps, log, sha: str = COMMIT, spec=BOTH) -> str:
    key = await _built(apps, log, sha, spec)
    await apps.deploy(release_request(key, spec=spec), log)
    return key


def _live(render, service: FakeService) -> list[str]:
    """The commits that it runs."""
    now = render.time.monotonic()
    return [each.commit for each in service.deploys if service.status_of(each, now) == "live"]


def _beside(render) -> list[FakeService]:
    return [render.beside("mail"), render.beside("tidy")]


def _running(render) -> list[list[str]]:
    return [_live(render, each) for each in _beside(render)]


def _asked(render, what: str) -> int:
    return sum(each.path.endswith(f"/{what}") for each in render.exchanges)


def _die_at(monkeypatch, call: str, moment: str, times: int = 1) -> None:
    """The process dies right before or after its n-th call of that name."""
    real = getattr(RenderApi, call)
    left = [times]

    async def dying(self, *given):
        left[0] -= 1
        if left[0] == 0 and moment == "before":
            raise Died
        answer = await real(self, *given)
        if left[0] == 0:
            raise Died
        return answer

    monkeypatch.setattr(RenderApi, call, dying)


async def test_workers_and_crons_of_an_app_that_moved_away_stand_still(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(APP)
    assert [each.suspended for each in _beside(render)] == [True, True]
    assert _running(render) == [[], []]
    assert _live(render, render.service) == [COMMIT], "a rollback goes back to it"
    await apps.leave(APP)
    assert _asked(render, "suspend") == 2


async def test_what_moved_away_and_comes_back_runs_the_new_release_once_the_app_is_live(
    apps, render, log
):
    await _deployed(apps, log)
    await apps.leave(APP)
    render.heads["main"] = OTHER
    key = await _built(apps, log, OTHER)
    assert [each.suspended for each in _beside(render)] == [True, True]
    release = await apps.deploy(release_request(key, spec=BOTH), log)
    assert _running(render) == [[OTHER], [OTHER]]
    live = render.service.deploys[-1].over
    for each in _beside(render):
        resumed, ours = each.deploys[-2:]
        assert resumed.trigger == "service_resumed"
        assert live <= resumed.created <= ours.created
        assert resumed.canceled_at is not None, "nobody has asked for the earlier release"
        assert each.variables[MARK].startswith(str(release.deployment_id))
    assert (await apps.live_status(APP, release)).state == "running"
    await apps.deploy(release_request(key, spec=BOTH), log)
    assert _asked(render, "resume") == 2


async def test_what_moved_away_is_brought_back_by_a_rollback(apps, render, log):
    key = await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    await apps.leave(APP)
    await apps.deploy(reusing(key, spec=BOTH), log)
    assert _running(render) == [[COMMIT], [COMMIT]]
    assert [each.deploys[-1].trigger for each in _beside(render)] == ["rollback", "rollback"]


async def test_what_render_starts_late_when_it_resumes_is_stopped_too(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(APP)
    render.lag = 3.0
    await _deployed(apps, log, OTHER, spec=replace(BOTH, crons={}))
    resumed = render.beside("mail").deploys[-2]
    assert (resumed.trigger, resumed.canceled_at is None) == ("service_resumed", False)
    assert _live(render, render.beside("mail")) == [OTHER]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", ["set_variables", "suspend"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_process_that_dies_while_an_app_leaves_is_taken_over(
    apps, render, log, monkeypatch, call, moment, times
):
    await _deployed(apps, log)
    with monkeypatch.context() as dying:
        _die_at(dying, call, moment, times)
        with pytest.raises(Died):
            await apps.leave(APP)
    await apps.leave(APP)
    assert [each.suspended for each in _beside(render)] == [True, True]
    render.heads["main"] = OTHER
    await _deployed(apps, log, OTHER)
    assert _running(render) == [[OTHER], [OTHER]]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("ends", ["is taken over", "has failed"])
async def test_a_process_that_dies_while_an_app_comes_back_loses_nothing(
    apps, render, log, monkeypatch, moment, times, ends
):
    await _deployed(apps, log)
    await apps.leave(APP)
    render.heads["main"] = OTHER
    request = release_request(await _built(apps, log, OTHER), spec=BOTH)
    with monkeypatch.context() as dying:
        _die_at(dying, "resume", moment, times)
        with pytest.raises(Died):
            await apps.deploy(request, log)
    if ends == "is taken over":
        await apps.deploy(request, log)
        assert _running(render) == [[OTHER], [OTHER]]
        return
    await apps.retire(APP, request.deployment_id)
    await apps.leave(APP)
    render.time.seconds += 60
    assert [each.suspended for each in _beside(render)] == [True, True]
    assert [each.variables[MARK] for each in _beside(render)] == [LEFT, LEFT]


async def test_a_worker_that_failed_to_come_back_stands_still_again(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(APP)
    key = await _built(apps, log, OTHER)
    render.outcomes = ["build_failed"]
    with pytest.raises(DeploymentFailed, match="worker mail was not released"):
        await apps.deploy(release_request(key, spec=BOTH), log)
    await apps.retire(APP, UUID(key[-36:]))
    await apps.leave(APP)
    assert _running(render) == [[], []]
    await _deployed(apps, log, OTHER)
    assert _live(render, render.beside("mail")) == [OTHER]


async def test_what_somebody_suspended_before_stays_theirs(apps, render, log):
    key = await _deployed(apps, log)
    mail = render.beside("mail")
    mail.suspend(render.time.monotonic())
    await apps.leave(APP)
    assert (mail.suspended, render.beside("tidy").suspended) == (True, True)
    with pytest.raises(DeploymentFailed, match="suspended") as raised:
        await _deployed(apps, log, OTHER)
    assert "Resume it in Render's dashboard" in raised.value.remedy
    assert len(render.service.deploys) == 1, "told before anything is built"
    with pytest.raises(DeploymentFailed, match="suspended"):
        await apps.deploy(reusing(key, spec=BOTH), log)
    assert mail.suspended


async def test_what_somebody_suspends_after_it_came_back_is_theirs(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(APP)
    await _deployed(apps, log, OTHER)
    render.beside("mail").suspend(render.time.monotonic())
    with pytest.raises(DeploymentFailed, match="suspended"):
        await _built(apps, log)


async def test_what_somebody_resumed_meanwhile_is_released_as_any_other(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(APP)
    for each in _beside(render):
        each.resume(render.time.monotonic())
    render.heads["main"] = OTHER
    await _deployed(apps, log, OTHER)
    assert _running(render) == [[OTHER], [OTHER]]
    assert _asked(render, "resume") == 0


async def test_one_that_render_does_not_resume_is_told(apps, render, log, monkeypatch):
    await _deployed(apps, log)
    await apps.leave(APP)
    monkeypatch.setattr(FakeService, "resume", lambda *_: None)  # such as for an unpaid bill
    key = await _built(apps, log, OTHER)
    with pytest.raises(ProviderUnavailable, match="not resumed") as raised:
        await apps.deploy(release_request(key, spec=BOTH), log)
    assert render.beside("mail").name in raised.value.message


async def test_what_the_app_has_no_more_is_removed_when_it_comes_back(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(APP)
    await _deployed(apps, log, OTHER, spec=SERVER)
    assert [each.name for each in render.services.values()] == [render.service.name]


async def test_an_app_that_is_a_worker_itself_stands_still_too(apps, render, log):
    await _deployed(apps, log, spec=WORKER)
    await apps.leave(APP)
    assert (render.service.suspended, _live(render, render.service)) == (True, [])
    await _deployed(apps, log, OTHER, spec=WORKER)
    assert _live(render, render.service) == [OTHER]
    _, resumed, _ = render.service.deploys
    assert resumed.canceled_at is not None


@pytest.mark.parametrize("moment", ["before", "after", "never"])
async def test_a_worker_that_was_live_last_is_released_by_a_rollback_to_it(
    apps, render, log, monkeypatch, moment
):
    """With the same variables, too: it runs no more."""
    key = await _deployed(apps, log, spec=WORKER)
    await _deployed(apps, log, OTHER, spec=WORKER)
    await apps.deploy(reusing(key, spec=WORKER), log)
    await apps.leave(APP)
    request = reusing(key, spec=WORKER)
    if moment != "never":
        with monkeypatch.context() as dying:
            _die_at(dying, "resume", moment)
            with pytest.raises(Died):
                await apps.deploy(request, log)
    release = await apps.deploy(request, log)
    assert (await apps.live_status(APP, release)).state == "running"
    assert release.resources["deploy"] == render.service.deploys[-1].id
    assert _live(render, render.service) == [COMMIT]


async def test_where_no_workspace_is_chosen_nothing_is_left(provider, render, log):
    render.owners = [*render.owners, {**render.owners[0], "id": "tea-2", "name": "Second"}]
    await provider.deploys_as(account(owner_id=None)).leave(APP)
    assert _asked(render, "suspend") == 0


async def test_what_runs_beside_other_apps_goes_on(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(replace(APP, environment_id=uuid4()))
    assert _running(render) == [[COMMIT], [COMMIT]]
