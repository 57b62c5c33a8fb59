"""Databases at the emulated Render: made once, waited for, reached, removed."""

import asyncio
from uuid import uuid4

import pytest
from tests.providers.render.conftest import account, database_request

from autodeploy.kernel.errors import DeploymentFailed, NotFound
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused, RateLimited

pytestmark = pytest.mark.contract(provider="render")


class Died(BaseException):
    """The process ends here: nothing of it runs any more."""


def _die() -> None:
    raise Died


async def test_a_database_is_made_and_waited_for_and_is_closed_to_the_outside(
    databases, render, log, time
):
    request = database_request()
    handle = await databases.ensure_database(request, log)
    (made,) = render.databases.values()
    assert made.sent == {
        "name": f"shop-production-{request.database_id.hex}", "ownerId": "tea-acme",
        "plan": "free", "version": "17", "region": "oregon", "ipAllowList": [],
    }  # fmt: skip
    assert handle.external_id == made.id
    # Render adds to the name of the database, so the URL is read and not made.
    assert handle.url.endswith(f"@{made.id}/{made.database}")
    assert sum(time.slept) >= 10
    assert "s3cret" not in f"{handle!r} {request.notes.values!r} {log.lines!r}"
    assert any("deletes this free database after 2026-12-01" in line for *_, line in log.lines)


async def test_networks_outside_are_let_in_where_they_are_named(open_provider, render, log):
    provider = open_provider(databases_open_to=["203.0.113.7/32"], region="frankfurt")
    databases = provider.databases_as(account())
    handle = await databases.ensure_database(database_request(plan="basic_256mb"), log)
    (made,) = render.databases.values()
    assert made.sent["ipAllowList"] == [
        {"cidrBlock": "203.0.113.7/32", "description": "AutoDeploy"}
    ]
    assert (made.sent["plan"], made.sent["region"]) == ("basic_256mb", "frankfurt")
    assert ".oregon-postgres.render.com/" in handle.url


async def test_a_region_that_is_asked_for_is_taken(databases, render, log):
    await databases.ensure_database(database_request(region="ohio"), log)
    assert [each.sent["region"] for each in render.databases.values()] == ["ohio"]


async def test_a_database_that_is_there_is_found_by_its_name(databases, render, log):
    request = database_request()
    first = await databases.ensure_database(request, log)
    forgotten = database_request(database_id=request.database_id)
    assert await databases.ensure_database(forgotten, log) == first
    assert len(render.databases) == 1


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_database_is_made_once_though_its_answer_is_lost(hasty, render, log, fault):
    render.faults.fail("POST /postgres", fault)
    await hasty.databases_as(account()).ensure_database(database_request(), log)
    assert len(render.databases) == 1
    assert len(render.calls("POST", "/postgres")) == 1


@pytest.mark.parametrize("fault", ["silence", "500"])
async def test_a_database_that_was_not_made_is_by_the_next_call(hasty, render, log, fault):
    databases, request = hasty.databases_as(account()), database_request()
    render.faults.fail("POST /postgres", fault)
    with pytest.raises(OutcomeUnknown):
        await databases.ensure_database(request, log)
    assert render.databases == {}
    await databases.ensure_database(request, log)
    assert len(render.databases) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("key", ["creating", "postgres"])
async def test_a_process_that_dies_at_any_note_leaves_one_database(
    databases, render, log, key, moment
):
    request = database_request()
    request.notes.at[key, moment] = _die
    with pytest.raises(Died):
        await databases.ensure_database(request, log)
    await databases.ensure_database(request, log)
    assert len(render.databases) == 1


async def test_a_call_that_is_cancelled_and_repeated_leaves_one_database(databases, render, log):
    request = database_request()
    task = asyncio.ensure_future(databases.ensure_database(request, log))
    while not render.databases:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await databases.ensure_database(request, log)
    assert len(render.databases) == 1


@pytest.mark.parametrize(
    "passing", ["maintenance_in_progress", "config_restart", "updating_instance", "creating"]
)
async def test_a_status_that_passes_is_waited_for(databases, render, log, passing):
    render.database_statuses = ["unknown", passing, "available"]
    assert (await databases.ensure_database(database_request(), log)).url


async def test_a_status_that_nobody_knows_is_waited_for(databases, render, log):
    request = database_request()

    def fail() -> None:
        (made,) = render.databases
        render.faults.fail(f"GET /postgres/{made}", "novel", "nulls", "novel")

    request.notes.at["postgres", "after"] = fail
    assert (await databases.ensure_database(request, log)).url


@pytest.mark.parametrize(
    ("status", "remedy"),
    [("unavailable", "restart"), ("recovery_failed", "restart"), ("suspended", "resume")],
)
async def test_a_status_that_does_not_pass_says_what_to_do(databases, render, log, status, remedy):
    render.database_statuses = ["creating", status]
    with pytest.raises(DeploymentFailed) as raised:
        await databases.ensure_database(database_request(), log)
    assert remedy in raised.value.remedy


async def test_a_database_that_never_comes_is_given_up(databases, render, log, time):
    render.database_statuses = ["creating"]
    with pytest.raises(DeploymentFailed, match="20 min"):
        await databases.ensure_database(database_request(), log)
    assert 1200 <= sum(time.slept) < 1230


async def test_the_one_free_database_of_a_workspace_is_told(databases, render, log):
    await databases.ensure_database(database_request(), log)
    with pytest.raises(ProviderRefused) as raised:
        await databases.ensure_database(database_request(), log)
    assert "one free database" in raised.value.remedy
    assert len(render.databases) == 1


async def test_payment_information_that_is_missing_is_told(databases, render, log):
    render.faults.fail("POST /postgres", "402")
    with pytest.raises(ProviderRefused, match="payment") as raised:
        await databases.ensure_database(database_request(plan="basic_1gb"), log)
    assert raised.value.answered == 402
    assert "billing" in raised.value.remedy


async def test_the_hourly_limit_is_waited_for_visibly_or_told(databases, render, log, time):
    render.creations = [time.monotonic() - 3000] * 20
    await databases.ensure_database(database_request(), log)
    assert any("makes more databases only from" in line for *_, line in log.lines)
    render.faults.fail("POST /postgres", "long_limit")
    with pytest.raises(RateLimited):
        await databases.ensure_database(database_request(plan="basic_1gb"), log)


async def test_a_database_is_removed_by_either_id_and_others_stay(databases, render, log):
    free = database_request()
    paid = [database_request(plan="basic_256mb") for _ in range(3)]
    handles = [await databases.ensure_database(each, log) for each in (free, *paid)]
    for _ in range(2):
        await databases.destroy_database(handles[0].external_id)
        await databases.destroy_database(str(paid[0].database_id))
        await databases.destroy_database(str(uuid4()))
    assert set(render.databases) == {each.external_id for each in handles[2:]}


async def test_what_render_measures_of_all_instances_is_told_and_the_rest_is_not(
    databases, render, log
):
    handle = await databases.ensure_database(database_request(), log)
    young = await databases.measure_database(handle.external_id)
    assert (young.size_bytes, young.connections, young.memory_bytes) == (None, None, None)
    render.measured = {
        "disk-usage": [(1.5, "GB")],
        "active-connections": [(3.0, "connections"), (4.0, "connections")],
        "cpu": [(0.25, "cpu"), (250.0, "mCPU")],
        "memory": [(7.0, "furlongs")],
    }
    metrics = await databases.measure_database(handle.external_id)
    assert (metrics.size_bytes, metrics.connections, metrics.cpu_cores) == (1_500_000_000, 7, 0.5)
    assert metrics.memory_bytes is None
    assert metrics.transactions_committed is None
    with pytest.raises(NotFound):
        await databases.measure_database("dpg-none")
