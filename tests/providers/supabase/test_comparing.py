"""What somebody has changed of a project is found, and one that is paused is brought back."""

from contextlib import suppress

import pytest
from tests.fakes.supabase_api import FakeSupabase
from tests.fakes.supabase_state import GOES, PAUSES, Project

from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.providers.drift import DeclaredDatabase, Drift, DriftKind

pytestmark = [pytest.mark.contract(provider="supabase"), pytest.mark.usefixtures("described")]
PAUSED = Drift(DriftKind.DATABASE_STATE, declared="running", found="paused")


@pytest.fixture
def project(supabase: FakeSupabase) -> Project:
    return supabase.add("shop-production-0123456789ab")


def _stays(status: str) -> tuple[tuple[float, str], ...]:
    return ((0.0, status),)


@pytest.mark.parametrize(("plan", "size"), [("free", None), ("free", "micro"), ("small", "small")])
async def test_a_project_that_is_as_it_was_asked_for_does_not_differ(
    databases, project, plan, size
):
    project.size = size
    assert await databases.compare_database(DeclaredDatabase(project.ref, plan)) == ()


@pytest.mark.parametrize(("plan", "size"), [("free", "large"), ("small", "micro")])
async def test_another_size_is_told_and_stays(databases, project, plan, size):
    project.size = size
    [drift] = await databases.compare_database(DeclaredDatabase(project.ref, plan))
    assert (drift.kind, drift.declared, drift.found, drift.stays) == (
        DriftKind.DATABASE_PLAN, plan, size, True,
    )  # fmt: skip
    assert drift.remedy


async def test_a_size_that_may_not_be_read_hides_nothing_else(databases, supabase, project):
    supabase.faults.fail("GET /v1/organizations/octo-org/projects", "403")
    project.size = "large"
    project.begin(_stays("INACTIVE"), 0.0)
    found = await databases.compare_database(DeclaredDatabase(project.ref, "free"))
    assert found == (PAUSED,)


async def test_a_paused_project_is_brought_back_once(databases, supabase, time, project):
    declared = DeclaredDatabase(project.ref, "free")
    project.begin(PAUSES, time.monotonic())
    [pausing] = await databases.compare_database(declared)
    assert (pausing.found, pausing.stays) == ("pausing", True)
    time.seconds += 30
    assert await databases.compare_database(declared) == (PAUSED,)
    for _ in range(2):
        await databases.mend_database(project.ref)
        time.seconds += 10
    assert len(supabase.calls("POST", f"/v1/projects/{project.ref}/restore")) == 1
    assert await databases.compare_database(declared) == (), "it comes up by itself"


async def test_a_project_that_broke_stays_so(databases, project):
    project.begin(_stays("RESTORE_FAILED"), 0.0)
    [drift] = await databases.compare_database(DeclaredDatabase(project.ref, "free"))
    assert (drift.kind, drift.found, drift.stays) == (
        DriftKind.DATABASE_STATE, "restore failed", True,
    )  # fmt: skip
    assert "elete" not in drift.remedy, "it holds what somebody has stored"


async def test_a_project_that_is_gone_is_told_and_not_made_again(
    databases, supabase, time, project
):
    declared = DeclaredDatabase(project.ref, "free")
    project.begin(GOES, time.monotonic())
    for _ in range(2):
        found = await databases.compare_database(declared)
        assert found == (Drift(DriftKind.DATABASE, stays=True),)
        await databases.mend_database(project.ref)
        time.seconds += 60
    assert supabase.there == []


async def test_a_restoration_whose_answer_is_lost_is_not_begun_again(databases, supabase, project):
    project.begin(_stays("INACTIVE"), 0.0)
    path = f"/v1/projects/{project.ref}/restore"
    supabase.faults.fail(f"POST {path}", "cut")
    with suppress(OutcomeUnknown):
        await databases.mend_database(project.ref)
    project.begin(_stays("RESTORING"), 0.0)
    await databases.mend_database(project.ref)
    assert len(supabase.calls("POST", path)) == 1
