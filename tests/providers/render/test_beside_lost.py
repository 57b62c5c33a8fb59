"""Whatever gets lost on the way, each worker and cron has one service, and one deploy for each
release; and what goes on of a deployment that has ended is cancelled."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    OTHER,
    SERVER,
    KeptNotes,
    Log,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderUnavailable
from autodeploy.providers.base import BuildRequest, Cron, ReleaseRequest

pytestmark = pytest.mark.contract(provider="render")

SPEC = replace(
    SERVER, workers={"mail": "node mail.js"}, crons={"tidy": Cron("5 4 * * *", "node tidy.js")}
)
ID = "AUTODEPLOY_DEPLOYMENT_ID"


class Died(BaseException):
    """The process ends here: nothing of it runs any more."""


class DyingLog(Log):
    """The process dies when this is said for the n-th time."""

    def __init__(self, message: str, times: int):
        super().__init__()
        self._message = message
        self._left = times

    async def __call__(self, level: str, source: str, message: str) -> None:
        await super().__call__(level, source, message)
        self._left -= self._message in message
        if self._left == 0:
            raise Died


class TakenOver(Exception):
    """Another process runs the deployment: this one writes nothing of it any more."""


class LostLog(Log):
    """Of a process that was slow, and is not the one any more."""

    async def stored(self) -> None:
        raise TakenOver


class LostNotes(KeptNotes):
    """The same, from when it is ``lost``."""

    lost = False

    async def keep(self, **values: Any) -> None:
        if self.lost:
            raise TakenOver
        await super().keep(**values)


def _build(sha: str = COMMIT, **values) -> BuildRequest:
    deployment_id = uuid4()
    run = {"KEY": "value", ID: str(deployment_id)}
    return build_request(
        deployment_id=deployment_id, commit=at_commit(sha), spec=SPEC, run_environment=run, **values
    )


def _release(key: str) -> ReleaseRequest:
    return release_request(key, spec=SPEC, environment={"KEY": "value", ID: key[-36:]})


def _again(key: str) -> ReleaseRequest:
    deployment_id = uuid4()
    environment = {"KEY": "new", ID: str(deployment_id)}
    return reusing(key, deployment_id=deployment_id, spec=SPEC, environment=environment)


async def _deployed(apps, log, sha: str = COMMIT) -> str:
    key = (await apps.build(_build(sha), log)).key
    await apps.deploy(_release(key), log)
    return key


def _wanted(service) -> list:
    """The deploys that nobody has cancelled."""
    return [each for each in service.deploys if each.canceled_at is None]


def _under_way(render) -> list:
    now = render.time.monotonic()
    return [e for each in render.services.values() for e in each.deploys if not e.ended(now)]


def _both(render) -> list:
    return [render.beside("mail"), render.beside("tidy")]


async def _cancelled(work: Callable, when: Callable[[], bool]) -> None:
    """Run ``work`` until ``when``, and cancel it there."""
    task = asyncio.ensure_future(work())
    while not when():
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_service_beside_is_made_once_though_its_answer_is_lost(
    hasty_apps, render, log, fault
):
    render.faults.fail("POST /services", fault)
    await _deployed(hasty_apps, log)
    assert len(render.calls("POST", "/services")) == len(render.services) == 3
    assert [len(_wanted(each)) for each in _both(render)] == [1, 1]


async def test_a_service_beside_that_was_not_made_is_by_the_next_call(hasty_apps, render, log):
    request = _build()
    render.faults.fail("POST /services", "ok", "502")
    with pytest.raises(OutcomeUnknown):
        await hasty_apps.build(request, log)
    assert [render.is_beside(each) for each in render.services.values()] == [True]
    await hasty_apps.build(request, log)
    assert len(render.services) == 3


async def test_a_first_deploy_that_was_left_going_is_stopped_by_the_next_call(apps, render, log):
    """The process died between the making of the service and that."""
    request = _build()
    with pytest.raises(Died):
        await apps.build(request, DyingLog("Made the service", 1))
    assert len(_under_way(render)) == 1
    key = (await apps.build(request, log)).key
    assert [_wanted(each) for each in _both(render)] == [[], []]
    await apps.deploy(_release(key), log)
    assert [len(_wanted(each)) for each in _both(render)] == [1, 1]


@pytest.mark.parametrize("fault", ["lost", "cut"])
@pytest.mark.parametrize("label", ["mail", "tidy"])
async def test_a_deploy_beside_is_started_once_though_its_answer_is_lost(
    hasty_apps, render, log, fault, label
):
    key = (await hasty_apps.build(_build(), log)).key
    render.faults.fail(f"POST /services/{render.beside(label).id}/deploys", fault)
    await hasty_apps.deploy(_release(key), log)
    assert [len(_wanted(each)) for each in _both(render)] == [1, 1]


async def test_a_release_that_is_called_again_starts_nothing_twice(hasty_apps, render, log):
    """The first call ended between the start of a deploy and its answer, and could not look."""
    key = (await hasty_apps.build(_build(), log)).key
    path = f"/services/{render.beside('mail').id}/deploys"
    render.faults.fail(f"POST {path}", "lost")
    render.faults.fail(f"GET {path}", "ok", "ok", *["500"] * 9)
    with pytest.raises(ProviderUnavailable):
        await hasty_apps.deploy(_release(key), log)
    render.faults.queued.clear()
    render.time.seconds += 60
    first = await hasty_apps.deploy(_release(key), log)
    assert [len(_wanted(each)) for each in _both(render)] == [1, 1]
    assert (await hasty_apps.deploy(_release(key), log)).resources == first.resources


@pytest.mark.parametrize(("said", "times"), [("mail: ", 1), ("mail: ", 2), ("tidy: ", 1)])
@pytest.mark.parametrize("again", [False, True])
async def test_a_process_that_dies_in_a_release_leaves_nothing_twice(
    apps, render, log, said, times, again
):
    key = await _deployed(apps, log)
    if again:
        await _deployed(apps, log, OTHER)
        request = _again(key)
    else:
        request = _release((await apps.build(_build(OTHER), log)).key)
    before = len(render.beside("mail").deploys)
    with pytest.raises(Died):
        await apps.deploy(request, DyingLog(said, times))
    await apps.deploy(request, log)
    assert [len(each.deploys) for each in _both(render)] == [before + 1] * 2
    assert len(render.services) == 3


async def test_a_build_that_is_cancelled_leaves_nothing_running_beside_it(apps, render, log):
    render.faults.fail("POST /services", "lost")
    request = _build()
    await _cancelled(lambda: apps.build(request, log), lambda: bool(render.services))
    assert _under_way(render) == []


async def test_a_release_that_is_cancelled_is_cancelled_beside_the_app(apps, render, log):
    await _deployed(apps, log)
    key = (await apps.build(_build(OTHER), log)).key
    await _cancelled(
        lambda: apps.deploy(_release(key), log),
        lambda: len(render.beside("tidy").deploys) == 3,
    )
    assert _under_way(render) == []
    assert render.status(render.service.deploys[-1]) == "live"
    release = await apps.deploy(_release(key), log)
    for each in _both(render):
        assert release.resources["beside"][each.name] == _wanted(each)[-1].id
        assert len(_wanted(each)) == 2


async def test_a_process_that_was_slow_cancels_no_build_of_the_one_that_took_over(
    apps, render, log
):
    notes = LostNotes()
    request = _build(notes=notes)

    def is_taken_over() -> bool:
        notes.lost = "Render builds it." in log.of("render")
        return notes.lost

    await _cancelled(lambda: apps.build(request, log), is_taken_over)
    (ours,) = render.service.deploys
    assert _under_way(render) == [ours]


@pytest.mark.parametrize("again", [False, True])
async def test_a_process_that_was_slow_cancels_no_release_of_the_one_that_took_over(
    apps, render, log, again
):
    key = await _deployed(apps, log)
    request = _again(key) if again else _release((await apps.build(_build(OTHER), log)).key)
    await _cancelled(
        lambda: apps.deploy(request, LostLog()), lambda: len(render.beside("tidy").deploys) == 3
    )
    assert [each.deploys[-1] for each in _both(render)] == _under_way(render)


async def _left_by_a_dead_process(apps, render, *, again: bool) -> UUID:
    """A deployment of which deploys go on, and nobody waits for them."""
    log = Log()
    key = await _deployed(apps, log)
    if not again:
        request = _build(OTHER)
        with pytest.raises(Died):
            await apps.build(request, DyingLog("Render builds it.", 1))
        return request.deployment_id
    released = _again(key)
    with pytest.raises(Died):
        await apps.deploy(released, DyingLog("mail: Render starts the new release", 1))
    return released.deployment_id


@pytest.mark.parametrize("again", [False, True])
async def test_what_goes_on_of_a_deployment_that_has_ended_is_cancelled(apps, render, again):
    deployment_id = await _left_by_a_dead_process(apps, render, again=again)
    assert _under_way(render) != []
    await apps.retire(APP, uuid4())
    assert _under_way(render) != []
    await apps.retire(APP, deployment_id)
    await apps.retire(APP, deployment_id)
    assert _under_way(render) == []


async def test_what_people_have_started_at_render_is_not_cancelled(apps, render, log):
    key = await _deployed(apps, log)
    theirs = render.service.start(render.time.monotonic(), OTHER, "manual")
    await apps.retire(APP, UUID(key[-36:]))
    assert theirs.canceled_at is None


async def test_what_a_later_deployment_starts_meanwhile_is_not_cancelled(apps, render, log):
    """It has set its variables by then."""
    key = await _deployed(apps, log)
    service = render.service
    later = service.start(render.time.monotonic(), OTHER, "api")
    service.variables[ID] = str(uuid4())
    await apps.retire(APP, UUID(key[-36:]))
    assert later.canceled_at is None
    listed = [each.path for each in render.exchanges[-2:]]
    assert listed == [f"/services/{service.id}/{kind}" for kind in ("deploys", "env-vars")]
