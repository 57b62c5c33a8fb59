"""Whatever is lost, and wherever a call ends, one project is made, and with the kept password."""

import asyncio
from uuid import uuid4

import pytest
from tests.fakes.supabase_api import TOKEN
from tests.providers.supabase.conftest import PASSWORD, Killed, Notes, request_of

from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.hosted import ConnectedAccount

pytestmark = pytest.mark.contract(provider="supabase")

MAKE = "POST /v1/projects"
HASTY = Patience(attempts=2, read_seconds=1.0)


@pytest.fixture
def hasty(supabase, open_provider):
    """An account that soon knows a silence."""
    provider = open_provider(supabase.url, patience=HASTY)
    return provider.databases_as(ConnectedAccount(uuid4(), TOKEN))


@pytest.mark.parametrize("fault", ["lost", "cut", "garbled"])
@pytest.mark.parametrize("hidden_seconds", [0, 5])
async def test_an_answer_that_is_lost_after_the_effect_makes_no_second_one(
    hasty, supabase, notes, log, fault, hidden_seconds
):
    supabase.hidden_seconds = hidden_seconds
    supabase.faults.fail(MAKE, fault)
    handle = await hasty.ensure_database(request_of(uuid4(), notes), log)
    assert [handle.external_id] == list(supabase.projects)
    assert notes.values["ref"] == handle.external_id
    assert len(supabase.calls("POST", "/v1/projects")) == 1


@pytest.mark.parametrize("fault", ["silence", "500", "503", "truncated"])
async def test_one_that_is_lost_before_it_is_said_and_the_next_call_makes_one(
    hasty, supabase, notes, log, fault
):
    supabase.faults.fail(MAKE, fault)
    request = request_of(uuid4(), notes)
    with pytest.raises(OutcomeUnknown):
        await hasty.ensure_database(request, log)
    assert supabase.projects == {}
    handle = await hasty.ensure_database(request, log)
    assert [handle.external_id] == list(supabase.projects)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kill_at", [1, 2])
async def test_a_caller_that_is_killed_at_a_note_goes_on(databases, supabase, log, kill_at, late):
    notes, database_id = Notes(kill_at=kill_at, late=late), uuid4()
    with pytest.raises(Killed):
        await databases.ensure_database(request_of(database_id, notes), log)
    assert len(supabase.projects) == kill_at - 1
    supabase.hidden_seconds = 5
    again = Notes(notes.values)
    handle = await databases.ensure_database(request_of(database_id, again), log)
    assert [handle.external_id] == list(supabase.projects)
    assert again.values["ref"] == handle.external_id


async def test_a_caller_that_is_killed_before_the_password_is_kept_sends_none(
    databases, supabase, notes, log
):
    async def killed() -> str:
        raise Killed

    database_id = uuid4()
    with pytest.raises(Killed):
        await databases.ensure_database(request_of(database_id, notes, password=killed), log)
    assert supabase.projects == {}
    await databases.ensure_database(request_of(database_id, notes), log)
    assert [each.password for each in supabase.there] == [PASSWORD]


@pytest.mark.parametrize("path", [
    "/v1/organizations", "/v1/organizations/octo-org/projects", "/v1/projects/available-regions",
    "/v1/projects", "/health", "/pooler", "/api-keys",
])  # fmt: skip
async def test_a_task_that_is_cancelled_ends_at_once_and_the_next_goes_on(
    databases, supabase, notes, log, path
):
    """The project stays, known by the notes or by its name."""
    reached = asyncio.Event()
    original = supabase.faults.next

    def hang(method: str, seen: str) -> str | None:
        if not reached.is_set() and seen.endswith(path):
            reached.set()
            return "lost"
        return original(method, seen)

    supabase.faults.next = hang
    request = request_of(uuid4(), notes)
    task = asyncio.create_task(databases.ensure_database(request, log))
    await asyncio.wait_for(reached.wait(), 10)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    handle = await databases.ensure_database(request, log)
    assert [handle.external_id] == list(supabase.projects)


async def test_a_project_that_was_renamed_is_known_by_the_ref_that_was_noted(
    databases, supabase, notes, log
):
    request = request_of(uuid4(), notes)
    await databases.ensure_database(request, log)
    (project,) = supabase.there
    project.name = "our shop"
    assert (await databases.ensure_database(request, log)).external_id == project.ref
    assert supabase.there == [project]


async def test_two_databases_of_one_environment_are_two_projects(databases, supabase, log):
    supabase.organizations["octo-org"].plan = "pro"
    first, second = Notes(), Notes()
    await databases.ensure_database(request_of(uuid4(), first), log)
    await databases.ensure_database(request_of(uuid4(), second), log)
    assert first.values["ref"] != second.values["ref"]


async def test_a_project_is_found_on_a_later_page_and_names_that_only_hold_it_are_not(
    databases, supabase, notes, log
):
    supabase.organizations["octo-org"].plan, supabase.page = "pro", 2
    database_id = uuid4()
    name = f"shop-production-{database_id.hex[-12:]}"
    for extra in ("a", "b", "c"):
        supabase.add(f"{extra}-{name}")
    supabase.add(name).is_branch = True
    mine = supabase.add(name)
    handle = await databases.ensure_database(request_of(database_id, notes), log)
    assert handle.external_id == mine.ref
    assert len(supabase.calls("GET", "/v1/organizations/octo-org/projects")) == 3


async def test_a_name_is_made_of_what_a_slug_may_hold(databases, supabase, notes, log):
    await databases.ensure_database(request_of(uuid4(), notes, slug="Ünï/code" + "x" * 300), log)
    assert len(next(iter(supabase.projects.values())).name) < 128
