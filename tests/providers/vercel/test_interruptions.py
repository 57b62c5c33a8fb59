"""Whatever is lost on the way, or ends the process: nothing is made twice at Vercel."""

import asyncio
import json
from dataclasses import replace

import pytest
from tests.providers.vercel.conftest import COMMIT, HASTY, KeptNotes, Killed, Story, account

from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.providers.vercel.projects import project_name

pytestmark = pytest.mark.contract(provider="vercel")

PROJECTS = "POST /v11/projects"
DEPLOYMENTS = "POST /v13/deployments"


@pytest.fixture
def linked(story, vercel) -> Story:
    """Vercel fetches the commit: the deployment is made by one call."""
    vercel.repositories["octo/site"] = 77
    return story


@pytest.mark.parametrize("fault", ["lost", "cut"])
@pytest.mark.parametrize("call", [PROJECTS, DEPLOYMENTS])
async def test_what_was_made_is_adopted_though_its_answer_is_lost(linked, vercel, call, fault):
    vercel.faults.fail(call, fault)
    _, artifact = await linked.build(commit=COMMIT)
    assert (len(vercel.projects), len(vercel.deployments)) == (1, 1)
    assert artifact.key == vercel.deployments[0].id
    assert len(vercel.calls(*call.split())) == 1


@pytest.mark.parametrize("fault", ["silence", "500", "502"])
@pytest.mark.parametrize("call", [PROJECTS, DEPLOYMENTS])
async def test_what_was_not_made_is_said_not_to_be_known_and_made_later(
    linked, vercel, call, fault
):
    vercel.faults.fail(call, fault)
    request = linked.request(commit=COMMIT)
    with pytest.raises(OutcomeUnknown):
        await linked.deployer.build(request, linked.log)
    await linked.deployer.build(request, linked.log)
    assert (len(vercel.projects), len(vercel.deployments)) == (1, 1)


async def test_a_deployment_that_is_listed_a_moment_later_is_adopted(linked, vercel):
    vercel.faults.fail(DEPLOYMENTS, "lost")
    vercel.unlisted = 2
    await linked.build(commit=COMMIT)
    assert len(vercel.calls("GET", "/v7/deployments")) == 3
    assert len(vercel.deployments) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("note", ["project_intent", "project", "deployment_intent", "deployment"])
async def test_a_process_that_ends_at_a_note_leaves_nothing_that_is_made_twice(
    linked, vercel, note, after
):
    notes = KeptNotes(dies_at=note, after=after)
    request = linked.request(commit=COMMIT, notes=notes)
    with pytest.raises(Killed):
        await linked.deployer.build(request, linked.log)
    artifact = await linked.deployer.build(request, linked.log)
    assert (len(vercel.projects), len(vercel.deployments)) == (1, 1)
    assert artifact.key == vercel.deployments[0].id


async def test_what_a_dead_process_made_is_adopted_though_it_is_listed_a_moment_later(
    linked, vercel
):
    request = linked.request(commit=COMMIT, notes=KeptNotes(dies_at="deployment"))
    with pytest.raises(Killed):
        await linked.deployer.build(request, linked.log)
    vercel.unlisted = 2
    artifact = await linked.deployer.build(request, linked.log)
    assert [artifact.key] == [each.id for each in vercel.deployments]


async def test_what_a_dead_process_made_is_cancelled_though_it_is_listed_a_moment_later(
    linked, vercel
):
    vercel.outcome = "never"
    request = linked.request(commit=COMMIT, notes=KeptNotes(dies_at="deployment"))
    with pytest.raises(Killed):
        await linked.deployer.build(request, linked.log)
    vercel.unlisted = 4  # in two looks
    await linked.deployer.retire(linked.app, request.deployment_id)
    assert [each.state for each in vercel.deployments] == ["CANCELED"]


async def test_what_is_ready_is_looked_for_once_when_it_is_retired(linked, vercel, time):
    deployment_id, _ = await linked.build(commit=COMMIT)
    before = time.seconds
    await linked.deployer.retire(linked.app, deployment_id)
    assert time.seconds == before


async def test_an_intent_is_noted_before_each_call_that_makes_something(linked, vercel):
    known = {}

    class Watched(KeptNotes):
        async def keep(self, **values):
            known.update({name: len(vercel.exchanges) for name in values if name not in known})
            await super().keep(**values)

    await linked.build(commit=COMMIT, notes=Watched())
    paths = [(each.method, each.path) for each in vercel.exchanges]
    assert known["project_intent"] <= paths.index(("POST", "/v11/projects")) < known["project"]
    made = paths.index(("POST", "/v13/deployments"))
    assert known["deployment_intent"] <= made < known["deployment"]


@pytest.mark.parametrize("fault", [None, "lost", "cut"])
async def test_a_task_that_is_cancelled_while_it_asks_leaves_nothing_that_builds(
    linked, vercel, fault
):
    """The answer is on its way, or lost: the deployment is found by our id, and cancelled."""
    vercel.outcome = "never"
    if fault:
        vercel.faults.fail(DEPLOYMENTS, fault)
    building = asyncio.create_task(linked.build(commit=COMMIT))
    while not vercel.deployments:
        await asyncio.sleep(0)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert [each.state for each in vercel.deployments] == ["CANCELED"]


async def test_a_cancellation_that_vercel_does_not_answer_is_given_up(linked, vercel, monkeypatch):
    monkeypatch.setattr("autodeploy.providers.hosted._CANCEL_SECONDS", 0.2)
    vercel.outcome = "never"
    building = asyncio.create_task(linked.build(commit=COMMIT))
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    path = f"/v12/deployments/{vercel.deployments[0].id}/cancel"
    vercel.faults.fail(path, "silence")
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(building, 5)


async def test_a_project_that_another_was_faster_with_is_adopted(linked, vercel):
    """Between the look and the making: Vercel answers 409, and it is looked for again."""
    name = project_name(linked.app)
    vercel.faults.fail(f"GET /v9/projects/{name}", "not_found")
    await linked.build(commit=COMMIT)
    vercel.faults.fail(f"GET /v9/projects/{name}", "not_found")
    await linked.build(commit=COMMIT)
    assert [each.status for each in vercel.calls(*PROJECTS.split())] == [200, 409]
    assert len(vercel.projects) == 1


async def test_a_name_that_is_taken_and_not_shown_is_refused(linked, vercel):
    vercel.faults.fail(PROJECTS, "conflict")
    with pytest.raises(ProviderRefused, match=r"409.*conflict"):
        await linked.build(commit=COMMIT)


@pytest.mark.parametrize("fault", ["503", "lost", "cut"])
async def test_files_are_sent_again_after_an_upload_that_broke_off(story, vercel, fault):
    vercel.faults.fail("/v2/files", fault)
    request = story.request()
    await story.deployer.build(request, story.log)
    assert len(vercel.deployments) == 1
    assert set(vercel.files.values()) == {b"", b"{}", b"console.log(1)\n"}


async def test_a_deployment_of_a_page_far_behind_is_found(linked, vercel):
    vercel.page_size = 2
    request = linked.request(commit=COMMIT)
    await linked.deployer.build(request, linked.log)
    first = vercel.deployments[0].id
    for _ in range(5):
        await linked.build(commit=COMMIT)
    # Its id was never noted: the process ended before.
    del request.notes.values["deployment"]
    artifact = await linked.deployer.build(request, linked.log)
    assert artifact.key == first
    pages = [each for each in vercel.exchanges if each.path == "/v7/deployments"]
    assert len(pages) == 3
    assert json.loads(pages[-1].response_body)["pagination"]["next"] is None


async def test_the_account_of_another_connection_is_not_mixed_up(open_provider, vercel, folder):
    provider = open_provider(vercel.url, patience=HASTY)
    deployer = provider.deploys_as(account())
    shown = repr(deployer) + repr(vars(deployer)) + repr(account())
    assert account().token not in shown


async def test_a_task_that_has_lost_its_work_to_another_does_not_cancel_it(linked, vercel):
    """Its notes are refused: another process goes on with what it began."""
    vercel.outcome = "never"
    notes = KeptNotes(dies_at="cancelled")
    building = asyncio.create_task(linked.build(commit=COMMIT, notes=notes))
    while "deployment" not in notes.values:
        await asyncio.sleep(0.001)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert not vercel.deployments[0].canceled


async def test_a_build_that_ended_before_its_cancellation_is_gone_on_with(linked, vercel):
    request = linked.request(commit=COMMIT)
    artifact = await linked.deployer.build(request, linked.log)
    await request.notes.keep(cancelled=[artifact.key])
    assert await linked.deployer.build(request, linked.log) == artifact
    assert len(vercel.deployments) == 1


async def test_a_cancellation_that_its_process_did_not_come_to_is_made_good_for(linked, vercel):
    vercel.outcome = "never"
    request = linked.request(commit=COMMIT, notes=KeptNotes(dies_at="cancelled", after=True))
    building = asyncio.create_task(linked.deployer.build(request, linked.log))
    while "deployment" not in request.notes.values:
        await asyncio.sleep(0.001)
    building.cancel()
    await asyncio.wait({building})
    vercel.outcome = "ready"
    await linked.deployer.build(request, linked.log)
    assert [each.state for each in vercel.deployments] == ["READY", "CANCELED"]


async def test_what_was_made_after_a_cancelled_one_is_not_made_twice(linked, vercel):
    class Dying(KeptNotes):
        dies = False

        async def keep(self, **values):
            if self.dies and values.get("deployment"):
                self.dies = False
                raise Killed
            await super().keep(**values)

    vercel.outcome = "never"
    request = linked.request(commit=COMMIT, notes=Dying())
    building = asyncio.create_task(linked.deployer.build(request, linked.log))
    while "deployment" not in request.notes.values:
        await asyncio.sleep(0.001)
    building.cancel()
    await asyncio.wait({building})
    vercel.outcome, request.notes.dies = "ready", True
    with pytest.raises(Killed):
        await linked.deployer.build(request, linked.log)
    await linked.deployer.build(request, linked.log)
    assert [each.state for each in vercel.deployments] == ["READY", "CANCELED"]


async def test_a_build_with_other_inputs_is_cancelled_and_not_gone_on_with(linked, vercel):
    notes = KeptNotes(dies_at="deployment", after=True)
    before = linked.request(commit=COMMIT, fingerprint="one", notes=notes)
    with pytest.raises(Killed):
        await linked.deployer.build(before, linked.log)
    artifact = await linked.deployer.build(replace(before, fingerprint="two"), linked.log)
    made, cancelled = vercel.deployments
    assert (artifact.key, cancelled.canceled) == (made.id, True)
