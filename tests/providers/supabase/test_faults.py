"""Supabase fails in each way that is known of it, and every error says what to do."""

from uuid import uuid4

import pytest
from tests.fakes.supabase_api import TOKEN
from tests.providers.supabase.conftest import PASSWORD, request_of

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import (
    CredentialRefused,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from autodeploy.kernel.http.retries import ONCE, Patience
from autodeploy.providers.hosted import ConnectedAccount

pytestmark = pytest.mark.contract(provider="supabase")

LIST = "/v1/organizations/octo-org/projects"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("400", ProviderRefused), ("401", CredentialRefused), ("402", ProviderRefused),
        ("403", ProviderRefused), ("404", NotFound), ("409", ProviderRefused),
        ("410", NotFound), ("422", ProviderRefused),
        ("redirect", ProviderUnavailable), ("truncated", ProviderUnavailable),
        ("html", ProviderUnavailable), ("list", ProviderUnavailable),
        ("empty", ProviderUnavailable), ("huge", ProviderUnavailable),
    ],
)  # fmt: skip
async def test_a_failure_is_told_once_with_what_to_do(
    databases, supabase, notes, log, fault, error
):
    supabase.faults.fail(LIST, fault)
    with pytest.raises(error) as raised:
        await databases.ensure_database(request_of(uuid4(), notes), log)
    assert type(raised.value) is error
    assert raised.value.remedy
    assert len(supabase.calls("GET", LIST)) == 1
    assert supabase.projects == {}


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "cut"])
async def test_a_read_that_fails_for_a_moment_is_repeated(databases, supabase, notes, log, fault):
    for path in ("/v1/organizations", LIST, "/v1/projects/available-regions"):
        supabase.faults.fail(path, fault, fault)
    await databases.ensure_database(request_of(uuid4(), notes), log)
    assert len(supabase.projects) == 1


async def test_a_limit_is_waited_for_its_window(databases, supabase, notes, log, time):
    supabase.faults.fail("POST /v1/projects", "limit")
    supabase.faults.fail(LIST, "limit")
    await databases.ensure_database(request_of(uuid4(), notes), log)
    assert sum(42 <= wait < 50 for wait in time.slept) == 2
    assert len(supabase.projects) == 1


async def test_a_limit_that_is_longer_than_one_waits_says_when_to_come_back(
    supabase, open_provider, notes, log
):
    databases = open_provider(supabase.url, patience=ONCE).databases_as(
        ConnectedAccount(uuid4(), TOKEN)
    )
    supabase.faults.fail(LIST, "limit")
    with pytest.raises(RateLimited) as raised:
        await databases.ensure_database(request_of(uuid4(), notes), log)
    assert raised.value.retry_after_seconds == 42


async def test_pages_that_drip_are_given_up(supabase, open_provider, notes, log):
    hasty = Patience(attempts=1, whole_seconds=1.0)
    databases = open_provider(supabase.url, patience=hasty).databases_as(
        ConnectedAccount(uuid4(), TOKEN)
    )
    supabase.faults.fail(LIST, "drip")
    with pytest.raises(ProviderUnavailable, match="TimeoutError"):
        await databases.ensure_database(request_of(uuid4(), notes), log)


@pytest.mark.parametrize("fault", ["novel", "nulls"])
async def test_nulls_and_news_do_no_harm(databases, supabase, notes, log, fault):
    supabase.faults.fail("/v1/organizations", *(["novel"] if fault == "novel" else []))
    for path in (LIST, "POST /v1/projects", "/v1/organizations/octo-org"):
        supabase.faults.fail(path, fault)
    if fault == "nulls":
        supabase.faults.fail("/v1/projects/available-regions", fault)
        supabase.faults.queued.pop(LIST)
    await databases.ensure_database(request_of(uuid4(), notes), log)
    assert len(supabase.projects) == 1


@pytest.mark.parametrize(
    ("path", "error"), [("pooler", ProviderUnavailable), ("api-keys", None), ("health", None)]
)
async def test_null_in_the_place_of_a_list_is_none(databases, supabase, notes, log, path, error):
    queued, original = [True], supabase.faults.next
    supabase.faults.next = lambda method, seen: (
        "null" if seen.endswith(f"/{path}") and queued and queued.pop() else original(method, seen)
    )
    request = request_of(uuid4(), notes)
    if error is not None:
        with pytest.raises(error, match="no pooler"):
            await databases.ensure_database(request, log)
    assert (await databases.ensure_database(request, log)).external_id in supabase.projects


async def test_a_refusal_that_quotes_the_password_is_not_shown(databases, supabase, notes, log):
    supabase.faults.fail("POST /v1/projects", "leaky")
    with pytest.raises(ProviderRefused) as raised:
        await databases.ensure_database(request_of(uuid4(), notes), log)
    assert PASSWORD not in str(raised.value)
    assert "not valid" not in raised.value.message
    supabase.faults.fail("POST /v1/projects", "409")
    with pytest.raises(ProviderRefused, match="injected"):
        await databases.ensure_database(request_of(uuid4(), notes), log)


@pytest.mark.parametrize("fault", ["lost", "cut", "502"])
async def test_a_deletion_whose_answer_is_lost_is_repeated(supabase, open_provider, fault):
    hasty = Patience(attempts=3, read_seconds=1.0)
    databases = open_provider(supabase.url, patience=hasty).databases_as(
        ConnectedAccount(uuid4(), TOKEN)
    )
    project = supabase.add("shop")
    supabase.faults.fail(f"DELETE /v1/projects/{project.ref}", fault)
    await databases.destroy_database(project.ref)
    assert project.status(10**6) == "REMOVED"


@pytest.mark.parametrize(("fault", "error"), [("403", ProviderRefused), ("400", ProviderRefused)])
async def test_a_deletion_that_is_refused_is_an_error(databases, supabase, fault, error):
    project = supabase.add("shop")
    supabase.faults.fail(f"DELETE /v1/projects/{project.ref}", fault)
    with pytest.raises(error):
        await databases.destroy_database(project.ref)


async def test_a_restore_that_is_refused_is_an_error(databases, supabase, notes, log, time):
    request = request_of(uuid4(), notes)
    await databases.ensure_database(request, log)
    (project,) = supabase.there
    project.begin(((0.0, "INACTIVE"),), time.monotonic())
    supabase.faults.fail(f"/v1/projects/{project.ref}/restore", "400")
    with pytest.raises(ProviderRefused):
        await databases.ensure_database(request, log)


@pytest.mark.parametrize("path", ["", "/health"])
async def test_an_outage_while_a_project_comes_up_is_outlasted(
    databases, supabase, notes, log, path
):
    request = request_of(uuid4(), notes)
    with pytest.MonkeyPatch.context() as patched:
        original, left = supabase.faults.next, ["500", "500", "500"]

        def next_(method: str, seen: str) -> str | None:
            ends = any(seen == f"/v1/projects/{ref}{path}" for ref in supabase.projects)
            return left.pop() if ends and left else original(method, seen)

        patched.setattr(supabase.faults, "next", next_)
        made = await databases.ensure_database(request, log)
    assert left == []
    assert list(supabase.projects) == [made.external_id]


async def test_an_outage_that_lasts_is_told(databases, supabase, notes, log, time):
    original = supabase.faults.next
    supabase.faults.next = lambda method, seen: (
        "500" if seen.endswith("/health") else original(method, seen)
    )
    with pytest.raises(ProviderUnavailable):
        await databases.ensure_database(request_of(uuid4(), notes), log)
    assert sum(time.slept) >= 290
