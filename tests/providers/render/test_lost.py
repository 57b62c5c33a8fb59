"""Whatever gets lost on the way, an app has one service, and a build one deploy: answers, the
process, the patience of whoever waits."""

import asyncio
from collections.abc import Callable

import pytest
from tests.fakes import render_state
from tests.fakes.render_state import Shapes
from tests.providers.render.conftest import (
    COMMIT,
    OTHER,
    KeptNotes,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderUnavailable, RateLimited
from autodeploy.kernel.http.retries import Patience

pytestmark = pytest.mark.contract(provider="render")


class Died(BaseException):
    """The process ends here: nothing of it runs any more."""


def _die() -> None:
    raise Died


def _wanted(render) -> list:
    """The deploys that nobody has cancelled."""
    return [each for each in render.service.deploys if each.canceled_at is None]


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_service_is_made_once_though_its_answer_is_lost(hasty_apps, render, log, fault):
    render.faults.fail("POST /services", fault)
    await hasty_apps.build(build_request(), log)
    assert len(render.calls("POST", "/services")) == 1
    assert len(render.service.deploys) == 1


@pytest.mark.parametrize("fault", ["silence", "502", "500"])
async def test_a_service_that_was_not_made_is_made_by_the_next_call(hasty_apps, render, log, fault):
    request = build_request()
    render.faults.fail("POST /services", fault)
    with pytest.raises(OutcomeUnknown):
        await hasty_apps.build(request, log)
    assert render.services == {}
    await hasty_apps.build(request, log)
    assert len(render.service.deploys) == 1


async def test_a_service_that_another_call_makes_meanwhile_is_adopted(apps, render, log):
    """Between the look and the making: Render answers 409."""
    await apps.build(build_request(), log)
    hidden = dict(render.services)
    render.services.clear()
    request = build_request()
    request.notes.at["creating", "after"] = lambda: render.services.update(hidden)
    await apps.build(request, log)
    assert [each.status for each in render.calls("POST", "/services")] == [201, 409]
    assert len(render.services) == 1


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_deploy_is_started_once_though_its_answer_is_lost(hasty_apps, render, log, fault):
    await hasty_apps.build(build_request(), log)
    path = f"/services/{render.service.id}/deploys"
    render.faults.fail(f"POST {path}", fault)
    await hasty_apps.build(build_request(commit=at_commit(OTHER)), log)
    assert len(render.calls("POST", path)) == 1
    assert [each.commit for each in render.service.deploys] == [COMMIT, OTHER]


async def test_a_deploy_that_was_not_started_is_by_the_next_call(hasty_apps, render, log):
    await hasty_apps.build(build_request(), log)
    request = build_request(commit=at_commit(OTHER))
    render.faults.fail(f"POST /services/{render.service.id}/deploys", "502")
    with pytest.raises(OutcomeUnknown):
        await hasty_apps.build(request, log)
    await hasty_apps.build(request, log)
    assert [each.commit for each in render.service.deploys] == [COMMIT, OTHER]


async def test_a_deploy_of_the_same_commit_is_not_taken_for_the_one_before(hasty_apps, render, log):
    one = await hasty_apps.build(build_request(), log)
    render.faults.fail(f"POST /services/{render.service.id}/deploys", "lost")
    two = await hasty_apps.build(build_request(), log)
    assert one.key != two.key
    assert len(render.service.deploys) == 2


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_build_is_used_again_once_though_the_answer_is_lost(
    hasty_apps, render, log, fault, live
):
    key = await _releases(hasty_apps, log, live)
    before = len(render.service.deploys)
    render.faults.fail(_reuse(render, live), fault)
    release = await hasty_apps.deploy(reusing(key, environment={"KEY": "new"}), log)
    assert len(render.service.deploys) == before + 1
    assert release.resources["deploy"] == render.service.deploys[-1].id


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("fault", ["500", "lost"])
async def test_a_reuse_that_is_called_again_is_made_once(hasty_apps, render, log, fault, live):
    """Also when the first call ended between the mark and what it is for."""
    key = await _releases(hasty_apps, log, live)
    before = len(render.service.deploys)
    request = reusing(key, environment={"KEY": "new"})
    path = f"/services/{render.service.id}/deploys"
    render.faults.fail(_reuse(render, live), fault)
    # What would tell of it is away, too.
    render.faults.fail(f"GET {path}", *["ok", "ok"][: 1 if live else 2], *["500"] * 9)
    with pytest.raises(ProviderUnavailable):
        await hasty_apps.deploy(request, log)
    render.faults.queued.clear()
    render.time.seconds += 60
    first = await hasty_apps.deploy(request, log)
    again = await hasty_apps.deploy(request, log)
    assert len(render.service.deploys) == before + 1
    assert first.resources == again.resources
    assert render.service.variables["KEY"] == "new"


@pytest.fixture
def untold(monkeypatch) -> None:
    """Render tells of no deploy who asked for it, which its description does not promise."""
    shown = Shapes.deploy

    def show(self, service, deploy):
        return {**shown(self, service, deploy), "trigger": None}

    monkeypatch.setattr(Shapes, "deploy", show)


@pytest.mark.usefixtures("untold")
async def test_a_deploy_that_does_not_tell_who_asked_for_it_is_started_once(apps, render, log):
    await apps.build(build_request(), log)
    busy = render.service.start(render.time.monotonic(), "c" * 40, "manual")
    artifact = await apps.build(build_request(commit=at_commit(OTHER)), log)
    queued = render.service.deploys[-1]
    assert f"/{queued.id}/" in artifact.key
    assert render.service.deploys[1:] == [busy, queued]
    render.exchanges.clear()  # it is described as always there


@pytest.mark.usefixtures("untold")
async def test_a_rollback_that_does_not_tell_who_asked_for_it_is_made_once(hasty_apps, render, log):
    key = await _two_releases(hasty_apps, log)
    render.faults.fail(_reuse(render, live=False), "lost")
    await hasty_apps.deploy(reusing(key), log)
    assert len(render.service.deploys) == 3
    render.exchanges.clear()


async def test_nothing_is_started_beside_a_deploy_that_may_be_the_one_asked_for(apps, render, log):
    """It tells neither its commit nor a trigger that is known."""
    await apps.build(build_request(), log)
    render.time.seconds += 60
    request = build_request(commit=at_commit(OTHER))
    before = render.service.deploys[-1].id
    await request.notes.keep(starting={"commit": OTHER, "after": before, "with_service": False})
    render.service.start(render.time.monotonic(), OTHER, "novel", asked=False)
    with pytest.raises(ProviderUnavailable, match="does not show it"):
        await apps.build(request, log)
    assert request.notes.values["starting"]["after"] == before
    render.time.seconds += 5
    await apps.build(request, log)
    assert len(render.service.deploys) == 2
    render.exchanges.clear()


async def _releases(apps, log, live: bool) -> str:
    """The key of a build that is live, or of one that was."""
    if not live:
        return await _two_releases(apps, log)
    key = (await apps.build(build_request(environment={}), log)).key
    await apps.deploy(release_request(key), log)
    return key


def _reuse(render, live: bool) -> str:
    """The call that starts it."""
    return f"POST /services/{render.service.id}/{'deploys' if live else 'rollback'}"


async def _two_releases(apps, log) -> str:
    """Two that were live, one after the other. Returns the key of the first."""
    keys = []
    for sha in (COMMIT, OTHER):
        keys.append((await apps.build(build_request(commit=at_commit(sha)), log)).key)
        await apps.deploy(release_request(keys[-1]), log)
    return keys[0]


@pytest.mark.parametrize("sha", [COMMIT, OTHER])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("key", ["creating", "service", "starting", "deploy", "log"])
async def test_a_process_that_dies_at_any_note_of_a_first_build_leaves_nothing_twice(
    apps, render, log, key, moment, sha
):
    request = build_request(commit=at_commit(sha))
    request.notes.at[key, moment] = _die
    with pytest.raises(Died):
        await apps.build(request, log)
    artifact = await apps.build(request, log)
    assert len(render.services) == 1
    (ours,) = [each for each in _wanted(render) if each.commit == sha]
    assert f"/{ours.id}/" in artifact.key
    assert _wanted(render) == [ours]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("key", ["service", "starting", "deploy", "log"])
async def test_a_process_that_dies_at_any_note_of_a_later_build_leaves_nothing_twice(
    apps, render, log, key, moment
):
    await apps.build(build_request(), log)
    request = build_request()
    request.notes.at[key, moment] = _die
    with pytest.raises(Died):
        await apps.build(request, log)
    artifact = await apps.build(request, log)
    assert len(render.service.deploys) == 2
    assert f"/{render.service.deploys[-1].id}/" in artifact.key


async def test_a_deploy_whose_commit_render_never_tells_is_known_by_its_id(
    apps, render, log, monkeypatch
):
    await apps.build(build_request(), log)
    monkeypatch.setattr(render_state, "COMMIT_TOLD_AFTER", 1e9)
    request = build_request(commit=at_commit(OTHER))

    def die() -> None:
        ours = render.service.deploys[-1]
        ours.asked, ours.trigger = False, "other"
        raise Died

    request.notes.at["deploy", "after"] = die
    with pytest.raises(Died):
        await apps.build(request, log)
    await apps.build(request, log)
    assert len(render.service.deploys) == 2


async def test_a_first_deploy_whose_commit_is_never_told_is_stopped_for_ours(
    apps, render, log, monkeypatch
):
    monkeypatch.setattr(render_state, "COMMIT_TOLD_AFTER", 1e9)
    await apps.build(build_request(), log)
    first, ours = render.service.deploys
    assert (ours.asked, ours.commit) == (True, COMMIT)
    assert render.status(first) == "canceled"


async def test_a_build_that_is_resumed_tells_no_line_twice(apps, render, log):
    request = build_request()
    request.notes.at["log", "after"] = _die
    with pytest.raises(Died):
        await apps.build(request, log)
    told = len(log.of("build"))
    assert 0 < told < 9
    await apps.build(request, log)
    assert log.of("build") == [f"{render.service.deploys[0].id} line {n}" for n in range(9)]


async def _cancelled(work: Callable, when: Callable[[], bool]) -> None:
    """Run ``work`` until ``when``, and cancel it there."""
    task = asyncio.ensure_future(work())
    while not when():
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_build_that_is_cancelled_is_cancelled_at_render(apps, render, log):
    request = build_request()
    await _cancelled(lambda: apps.build(request, log), lambda: bool(log.of("build")))
    assert _wanted(render) == []


@pytest.mark.parametrize("later", [False, True])
async def test_a_build_that_a_stopping_worker_hands_over_is_begun_again(apps, render, log, later):
    if later:
        await apps.build(build_request(), log)
    request = build_request()
    told = len(log.of("build"))
    await _cancelled(lambda: apps.build(request, log), lambda: len(log.of("build")) > told)
    artifact = await apps.build(request, log)
    assert f"/{_wanted(render)[-1].id}/" in artifact.key
    assert len(_wanted(render)) == 1 + later


async def test_a_build_that_is_cancelled_while_its_service_is_made_leaves_none_running(
    apps, render, log
):
    render.faults.fail("POST /services", "lost")
    request = build_request()
    await _cancelled(lambda: apps.build(request, log), lambda: bool(render.services))
    assert _wanted(render) == []


async def test_a_build_that_is_cancelled_while_its_deploy_is_started_leaves_none_running(
    apps, render, log
):
    await apps.deploy(release_request((await apps.build(build_request(), log)).key), log)
    render.faults.fail(f"POST /services/{render.service.id}/deploys", "lost")
    request = build_request(commit=at_commit(OTHER))
    await _cancelled(lambda: apps.build(request, log), lambda: len(render.service.deploys) == 2)
    live, ours = render.service.deploys
    assert (render.status(live), render.status(ours)) == ("live", "canceled")


async def test_a_cancellation_that_render_does_not_answer_ends_all_the_same(
    apps, render, log, monkeypatch
):
    monkeypatch.setattr("autodeploy.providers.hosted._CANCEL_SECONDS", 0.3)
    request = build_request()

    def silent() -> bool:
        if not log.of("build"):
            return False
        deploy = render.service.deploys[0]
        render.faults.fail(f"/services/{render.service.id}/deploys/{deploy.id}/cancel", "silence")
        return True

    await _cancelled(lambda: apps.build(request, log), silent)


async def test_a_rollback_that_is_cancelled_is_cancelled_at_render(apps, render, log):
    key = await _two_releases(apps, log)
    await _cancelled(
        lambda: apps.deploy(reusing(key), log), lambda: len(render.service.deploys) == 3
    )
    first, second, back = render.service.deploys
    assert render.status(back) == "canceled"
    assert render.status(second) == "live"
    assert first.canceled_at is None


async def test_a_release_that_is_live_is_left_alone_by_a_cancellation(apps, render, log):
    key = (await apps.build(build_request(), log)).key
    await apps.deploy(release_request(key), log)
    deploy = f"/services/{render.service.id}/deploys/{render.service.deploys[0].id}"
    render.faults.fail(f"GET {deploy}", "ok", "silence")
    seen = len(render.exchanges)
    await _cancelled(
        lambda: apps.deploy(release_request(key), log), lambda: len(render.exchanges) > seen + 2
    )
    assert render.status(render.service.deploys[0]) == "live"
    assert render.calls("POST", f"{deploy}/cancel") == []


async def test_a_release_that_is_not_live_yet_is_cancelled_at_render(apps, render, log):
    key = (await apps.build(build_request(), log)).key
    seen = len(render.exchanges)
    await _cancelled(
        lambda: apps.deploy(release_request(key), log), lambda: len(render.exchanges) > seen + 2
    )
    assert _wanted(render) == []


async def test_a_release_that_a_stopping_worker_hands_over_is_begun_again(apps, render, log):
    key = (await apps.build(build_request(), log)).key
    for _ in range(2):
        seen = len(render.exchanges)
        await _cancelled(
            lambda: apps.deploy(release_request(key), log),
            lambda seen=seen: (
                "deploys" in render.exchanges[-1].path and len(render.exchanges) > seen + 2
            ),
        )
    release = await apps.deploy(release_request(key), log)
    (ours,) = _wanted(render)
    assert release.resources["deploy"] == ours.id
    assert render.status(ours) == "live"
    assert not ours.built


async def test_the_hourly_limit_of_creations_is_waited_for_visibly(apps, render, log, time):
    render.creations = [time.monotonic() - 3000] * 20
    await apps.build(build_request(), log)
    (said,) = [each for each in log.lines if each[0] == "warn"]
    assert "makes more services only from 12:10:00 UTC on" in said[2]
    assert 600 in time.slept
    assert len(render.services) == 1


async def test_a_limit_that_lasts_too_long_says_when_to_come_back(apps, render, log, time):
    render.faults.fail("POST /services", "long_limit")
    with pytest.raises(RateLimited) as raised:
        await apps.build(build_request(), log)
    assert raised.value.retry_after_seconds == 3700
    assert time.slept == []
    assert render.services == {}


async def test_a_short_limit_of_any_call_is_waited_for(apps, render, log, time):
    for path in ("GET /services", "POST /services", "/logs"):
        render.faults.fail(path, "retry_after")
    await apps.build(build_request(), log)
    assert len(render.services) == 1
    assert sum(7 <= each < 8 for each in time.slept) == 3


async def test_a_status_that_nobody_knows_is_waited_for(apps, render, log):
    request = build_request()

    def fail() -> None:
        render.faults.fail(_first_deploy(render), "novel", "nulls", "novel")

    request.notes.at["deploy", "after"] = fail
    await apps.build(request, log)
    assert render.faults.queued[_first_deploy(render)] == []
    assert len(render.service.deploys) == 1


async def test_nulls_and_news_in_lists_do_no_harm(apps, render, log):
    await apps.build(build_request(), log)
    service = f"/services/{render.service.id}"
    for path in ("GET /services", f"GET {service}/deploys", "/logs"):
        render.faults.fail(path, "nulls")
    await apps.build(build_request(commit=at_commit(OTHER)), log)
    assert len(render.service.deploys) == 2


@pytest.mark.parametrize("fault", ["500", "truncated", "html", "empty", "list", "404", "403"])
async def test_a_log_that_cannot_be_read_ends_no_build(apps, render, log, fault):
    render.faults.fail("/logs", fault)
    await apps.build(build_request(), log)
    assert len(log.of("build")) == 9


@pytest.mark.parametrize("fault", ["500", "truncated", "html", "long_limit"])
async def test_render_that_does_not_answer_for_long_lets_the_build_be_resumed(
    apps, render, log, time, fault
):
    request = build_request()

    def fail() -> None:
        render.faults.fail(_first_deploy(render), *[fault] * 60 * Patience.attempts)

    request.notes.at["deploy", "after"] = fail
    with pytest.raises(ProviderUnavailable):
        await apps.build(request, log)
    assert sum(time.slept) < 330
    render.faults.queued.clear()
    time.seconds += 60  # after which a service that did not answer is asked again
    await apps.build(request, log)
    assert len(render.service.deploys) == 1


@pytest.mark.parametrize("fault", ["500", "truncated", "retry_after"])
async def test_render_that_does_not_answer_for_a_moment_ends_no_build(apps, render, log, fault):
    request = build_request()
    request.notes.at["deploy", "after"] = lambda: render.faults.fail(
        _first_deploy(render), *[fault] * 4
    )
    await apps.build(request, log)
    assert len(render.service.deploys) == 1


def _first_deploy(render) -> str:
    """The call that asks how it fares."""
    return f"GET /services/{render.service.id}/deploys/{render.service.deploys[0].id}"


async def test_notes_hold_ids_and_no_secret(apps, render, log):
    notes = KeptNotes()
    await apps.build(build_request(notes=notes, run_environment={"KEY": "hunter2"}), log)
    assert set(notes.values) == {"creating", "starting", "service", "deploy", "log"}
    assert "hunter2" not in str(notes.values)
    assert "hunter2" not in str(log.lines)
