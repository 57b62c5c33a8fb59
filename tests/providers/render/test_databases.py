"""Databases at the emulated Render: made once, waited for, reached, removed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from tests.fakes.render_api import FakeRenderApi
from tests.fakes.render_databases import DatabaseShelf
from tests.providers.render import conftest
from tests.providers.render.conftest import account

from autodeploy.kernel.errors import DeploymentFailed, NotFound
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused, RateLimited
from autodeploy.providers.databases import DatabaseRequest, DatabaseState
from autodeploy.providers.drift import DeclaredDatabase, Drift, DriftKind
from autodeploy.providers.manifests import DatabaseEngine

pytestmark = pytest.mark.contract(provider="render")


class Died(BaseException):
    """The process ends here: nothing of it runs any more."""


def _die() -> None:
    raise Died


@dataclass(frozen=True)
class Kind:
    """One kind of databases: where the emulated one has them, and what is its own."""

    shelf: Callable[[FakeRenderApi], DatabaseShelf[Any]]
    engine: DatabaseEngine
    path: str
    note: str
    paid: str
    version: dict[str, str]
    warning: str
    one_free: str

    def request(self, **values: Any) -> DatabaseRequest:
        return conftest.database_request(engine=self.engine, **values)


POSTGRES = Kind(
    lambda render: render.databases, DatabaseEngine.POSTGRESQL, "/postgres", "postgres",
    "basic_256mb", {"version": "17"},
    "deletes this free database after 2026-12-01", "one free database",
)  # fmt: skip
KEY_VALUE = Kind(
    lambda render: render.key_values, DatabaseEngine.REDIS, "/key-value", "keyValue",
    "starter", {},
    "in memory alone", "one free Key Value",
)  # fmt: skip


@pytest.fixture(params=[POSTGRES, KEY_VALUE], ids=["postgres", "key_value"])
def kind(request) -> Kind:
    return request.param


@pytest.fixture
def shelf(kind, render) -> DatabaseShelf[Any]:
    return kind.shelf(render)


async def test_a_database_is_made_and_waited_for_and_is_closed_to_the_outside(
    databases, log, time, kind, shelf
):
    request = kind.request()
    handle = await databases.ensure_database(request, log)
    (made,) = shelf.held.values()
    assert made.sent == {
        "name": f"shop-production-{request.database_id.hex}", "ownerId": "tea-acme",
        "plan": "free", "region": "oregon", "ipAllowList": [], **kind.version,
    }  # fmt: skip
    assert handle.external_id == made.id
    # Render adds to the name of the database, so the URL is read and not made.
    assert handle.url == made.connection()["internalConnectionString"]
    assert sum(time.slept) >= 10
    assert "s3cret" not in f"{handle!r} {request.notes.values!r} {log.lines!r}"
    assert any(kind.warning in line for *_, line in log.lines)


async def test_a_paid_one_is_made_where_the_provider_makes_what_names_no_region(
    open_provider, log, kind, shelf
):
    databases = open_provider(region="frankfurt").databases_as(account())
    await databases.ensure_database(kind.request(plan=kind.paid), log)
    (made,) = shelf.held.values()
    assert (made.sent["plan"], made.sent["region"]) == (kind.paid, "frankfurt")
    assert not any(kind.warning in line for *_, line in log.lines)


async def test_a_region_that_is_asked_for_is_taken(databases, log, kind, shelf):
    await databases.ensure_database(kind.request(region="ohio"), log)
    assert [each.sent["region"] for each in shelf.held.values()] == ["ohio"]


async def test_a_database_that_is_there_is_found_by_its_name(databases, log, kind, shelf):
    request = kind.request()
    first = await databases.ensure_database(request, log)
    forgotten = kind.request(database_id=request.database_id)
    assert await databases.ensure_database(forgotten, log) == first
    assert len(shelf.held) == 1


@pytest.mark.parametrize("fault", ["lost", "cut"])
async def test_a_database_is_made_once_though_its_answer_is_lost(
    hasty, render, log, fault, kind, shelf
):
    render.faults.fail(f"POST {kind.path}", fault)
    await hasty.databases_as(account()).ensure_database(kind.request(), log)
    assert len(shelf.held) == 1
    assert len(render.calls("POST", kind.path)) == 1


@pytest.mark.parametrize("fault", ["silence", "500"])
async def test_a_database_that_was_not_made_is_by_the_next_call(
    hasty, render, log, fault, kind, shelf
):
    databases, request = hasty.databases_as(account()), kind.request()
    render.faults.fail(f"POST {kind.path}", fault)
    with pytest.raises(OutcomeUnknown):
        await databases.ensure_database(request, log)
    assert shelf.held == {}
    await databases.ensure_database(request, log)
    assert len(shelf.held) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("key", ["creating", "made"])
async def test_a_process_that_dies_at_any_note_leaves_one_database(
    databases, log, key, moment, kind, shelf
):
    request = kind.request()
    request.notes.at[kind.note if key == "made" else key, moment] = _die
    with pytest.raises(Died):
        await databases.ensure_database(request, log)
    await databases.ensure_database(request, log)
    assert len(shelf.held) == 1


async def test_a_call_that_is_cancelled_and_repeated_leaves_one_database(
    databases, log, kind, shelf
):
    request = kind.request()
    task = asyncio.ensure_future(databases.ensure_database(request, log))
    while not shelf.held:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await databases.ensure_database(request, log)
    assert len(shelf.held) == 1


@pytest.mark.parametrize(
    "passing", ["maintenance_in_progress", "config_restart", "updating_instance", "creating"]
)
async def test_a_status_that_passes_is_waited_for(databases, log, passing, kind, shelf):
    shelf.statuses = ["unknown", passing, "available"]
    assert (await databases.ensure_database(kind.request(), log)).url


async def test_a_status_that_nobody_knows_is_waited_for(databases, render, log, kind, shelf):
    request = kind.request()

    def fail() -> None:
        (made,) = shelf.held
        render.faults.fail(f"GET {kind.path}/{made}", "novel", "nulls", "novel")

    request.notes.at[kind.note, "after"] = fail
    assert (await databases.ensure_database(request, log)).url


@pytest.mark.parametrize(
    ("status", "remedy"),
    [("unavailable", "restart"), ("recovery_failed", "restart"), ("suspended", "resume")],
)
async def test_a_status_that_does_not_pass_says_what_to_do(
    databases, log, status, remedy, kind, shelf
):
    shelf.statuses = ["creating", status]
    with pytest.raises(DeploymentFailed) as raised:
        await databases.ensure_database(kind.request(), log)
    assert remedy in raised.value.remedy


async def test_a_database_that_never_comes_is_given_up(databases, log, time, kind, shelf):
    shelf.statuses = ["creating"]
    with pytest.raises(DeploymentFailed, match="20 min"):
        await databases.ensure_database(kind.request(), log)
    assert 1200 <= sum(time.slept) < 1230


async def test_the_one_free_database_of_a_workspace_is_told(databases, log, kind, shelf):
    await databases.ensure_database(kind.request(), log)
    with pytest.raises(ProviderRefused) as raised:
        await databases.ensure_database(kind.request(), log)
    assert kind.one_free in raised.value.remedy
    assert len(shelf.held) == 1


async def test_payment_information_that_is_missing_is_told(databases, render, log, kind):
    render.faults.fail(f"POST {kind.path}", "402")
    with pytest.raises(ProviderRefused, match="payment") as raised:
        await databases.ensure_database(kind.request(plan=kind.paid), log)
    assert raised.value.answered == 402
    assert "billing" in raised.value.remedy


async def test_the_hourly_limit_is_waited_for_visibly_or_told(databases, render, log, time, kind):
    render.creations = [time.monotonic() - 3000] * 20
    await databases.ensure_database(kind.request(), log)
    assert any("makes more databases only from" in line for *_, line in log.lines)
    render.faults.fail(f"POST {kind.path}", "long_limit")
    with pytest.raises(RateLimited):
        await databases.ensure_database(kind.request(plan=kind.paid), log)


async def test_a_database_is_removed_by_either_id_and_others_stay(databases, log, kind, shelf):
    free = kind.request()
    paid = [kind.request(plan=kind.paid) for _ in range(3)]
    handles = [await databases.ensure_database(each, log) for each in (free, *paid)]
    for _ in range(2):
        await databases.destroy_database(handles[0].external_id)
        await databases.destroy_database(str(paid[0].database_id))
        await databases.destroy_database(str(uuid4()))
    assert set(shelf.held) == {each.external_id for each in handles[2:]}


async def test_each_kind_has_its_own_free_one_and_is_removed_for_itself(databases, render, log):
    kinds = (POSTGRES, KEY_VALUE)
    for kind in kinds:
        await databases.ensure_database(kind.request(), log)
    assert [len(kind.shelf(render).held) for kind in kinds] == [1, 1]
    [key_value] = render.key_values.held
    await databases.destroy_database(key_value)
    assert [len(kind.shelf(render).held) for kind in kinds] == [1, 0]


async def test_what_render_measures_of_all_instances_is_told_and_the_rest_is_not(
    databases, render, log
):
    handle = await databases.ensure_database(POSTGRES.request(), log)
    young = await databases.measure_database(handle.external_id)
    assert (young.size_bytes, young.connections, young.memory_bytes) == (None, None, None)
    render.measured.of_instances = {
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


async def test_how_a_database_is_there_is_told(databases, log, kind, shelf):
    made = await databases.ensure_database(kind.request(), log)
    assert await databases.database_state(made.external_id) is DatabaseState.RUNNING
    shelf.held[made.external_id].statuses = ["suspended"]
    assert await databases.database_state(made.external_id) is DatabaseState.STOPPED
    shelf.held.clear()
    assert await databases.database_state(made.external_id) is DatabaseState.GONE


async def test_a_noted_database_that_is_gone_is_made_once_more(databases, log, kind, shelf):
    request = kind.request()
    first = await databases.ensure_database(request, log)
    shelf.held.clear()
    second = await databases.ensure_database(request, log)
    assert list(shelf.held) == [second.external_id]
    assert second.external_id != first.external_id
    assert request.notes.values[kind.note] == second.external_id


async def test_a_database_that_is_as_it_was_asked_for_does_not_differ(databases, log, kind):
    handle = await databases.ensure_database(kind.request(), log)
    assert await databases.compare_database(DeclaredDatabase(handle.external_id, "free")) == ()


async def test_who_is_let_in_is_told_and_let_out_again(databases, log, kind, shelf):
    handle = await databases.ensure_database(kind.request(), log)
    declared = DeclaredDatabase(handle.external_id, "free")
    blocks = [{"cidrBlock": block, "description": "home"} for block in ("0.0.0.0/0", "10.0.0.0/8")]
    shelf.held[handle.external_id].sent["ipAllowList"] = blocks
    assert await databases.compare_database(declared) == (
        Drift(DriftKind.DATABASE_ALLOW_LIST, declared="nobody", found="0.0.0.0/0, 10.0.0.0/8"),
    )
    for _ in range(2):
        await databases.mend_database(handle.external_id)
    assert shelf.held[handle.external_id].sent["ipAllowList"] == []
    assert await databases.compare_database(declared) == ()


@pytest.mark.parametrize("fault", ["lost", "broken_off", "503"])
async def test_letting_out_is_repeated_when_its_answer_is_lost(
    databases, render, log, kind, shelf, fault
):
    handle = await databases.ensure_database(kind.request(), log)
    block = {"cidrBlock": "0.0.0.0/0", "description": ""}
    shelf.held[handle.external_id].sent["ipAllowList"] = [block]
    render.faults.fail(f"PATCH {kind.path}/{handle.external_id}", fault)
    await databases.mend_database(handle.external_id)
    assert shelf.held[handle.external_id].sent["ipAllowList"] == []


async def test_another_plan_and_a_suspension_stay_and_say_what_helps(databases, log, kind, shelf):
    handle = await databases.ensure_database(kind.request(), log)
    database = shelf.held[handle.external_id]
    database.sent["plan"], database.statuses = kind.paid, ["suspended"]
    state, plan = await databases.compare_database(DeclaredDatabase(database.id, "free"))
    assert (state.kind, state.declared, state.found, state.stays) == (
        DriftKind.DATABASE_STATE, "available", "suspended", True,
    )  # fmt: skip
    assert "Resume" in state.remedy
    assert (plan.kind, plan.declared, plan.found, plan.stays) == (
        DriftKind.DATABASE_PLAN, "free", kind.paid, True,
    )  # fmt: skip
    assert "dashboard" in plan.remedy


async def test_a_database_that_is_gone_is_told_and_not_made_again(databases, log, kind, shelf):
    handle = await databases.ensure_database(kind.request(), log)
    shelf.held.clear()
    declared = DeclaredDatabase(handle.external_id, "free")
    assert await databases.compare_database(declared) == (Drift(DriftKind.DATABASE, stays=True),)
    await databases.mend_database(handle.external_id)
    assert shelf.held == {}
