"""What a project at Supabase is charged for by Supabase's own prices, and the requests to it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from tests.fakes.supabase_api import OAUTH_TOKEN, FakeSupabase
from tests.fakes.supabase_state import Project, addon_shape

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import ProviderRefused, ProviderUnavailable
from autodeploy.providers.hosted import ConnectedAccount

pytestmark = [pytest.mark.contract(provider="supabase"), pytest.mark.usefixtures("described")]


@pytest.fixture
def project(supabase: FakeSupabase) -> Project:
    """A small one in a paid organization."""
    supabase.organizations["octo-org"].plan = "pro"
    project = supabase.add("shop")
    project.size = "small"
    return project


async def test_prices_of_an_hour_are_those_of_730_hours_and_fixed_ones_as_they_are(
    databases, project
):
    project.addons = [addon_shape("ipv4", "ipv4_default", 4, "monthly", "fixed")]
    compute, ipv4 = await databases.database_charges(project.ref)
    # 0.0206 dollars an hour.
    assert (compute.what, compute.plan, compute.monthly_cents) == (
        "compute_instance", "ci_small", 1504,
    )  # fmt: skip
    assert not compute.by_use
    assert "730 hours" in compute.note
    assert "plan (pro)" in compute.note
    assert (ipv4.what, ipv4.monthly_cents, ipv4.by_use) == ("ipv4", 400, False)


async def test_what_is_priced_by_use_is_named_and_no_sum(databases, project):
    project.addons = [addon_shape("log_drain", "log_drain_default", 0.2, "monthly", "usage")]
    _, drain = await databases.database_charges(project.ref)
    assert (drain.what, drain.by_use, drain.monthly_cents) == ("log_drain", True, None)
    assert drain.note


async def test_an_organization_of_the_free_plan_is_charged_nothing_for_compute(
    databases, supabase, project
):
    supabase.organizations["octo-org"].plan = "free"
    [compute] = await databases.database_charges(project.ref)
    assert (compute.plan, compute.monthly_cents) == ("free", 0)


async def test_a_size_that_is_not_told_has_no_price(databases, project):
    project.size = None
    [compute] = await databases.database_charges(project.ref)
    assert (compute.plan, compute.monthly_cents, compute.by_use) == (None, None, False)
    assert "names no size" in compute.note


async def test_an_organization_s_plan_that_may_not_be_read_hides_no_price(
    databases, supabase, project
):
    for rights in supabase.tokens.values():
        rights.discard("organizations:read")
    [compute] = await databases.database_charges(project.ref)
    assert compute.monthly_cents == 1504
    assert "not told" in compute.note


async def test_tokens_of_oauth_apps_are_told_that_a_personal_one_is_needed(provider, project):
    databases = provider.databases_as(ConnectedAccount(uuid4(), OAUTH_TOKEN))
    for read in (databases.database_charges, databases.database_usage):
        with pytest.raises(ProviderRefused, match="personal access tokens") as raised:
            await read(project.ref)
        assert "connections add supabase" in raised.value.remedy


async def test_requests_are_summed_by_kind_over_the_time_that_is_answered(databases, project):
    project.requests = [(30, {"rest": 7, "auth": 1}), (2, {"rest": 5})]
    found = {each.measure: each for each in await databases.database_usage(project.ref)}
    assert {name: each.amount for name, each in found.items()} == {
        "auth requests": 1, "realtime requests": 0, "rest requests": 12, "storage requests": 0,
    }  # fmt: skip
    rest = found["rest requests"]
    assert rest.unit == "requests"
    assert abs(rest.since - (now() - timedelta(hours=30))) < timedelta(minutes=5)


async def test_requests_that_were_not_counted_are_not_zero(databases, supabase, project):
    assert {each.amount for each in await databases.database_usage(project.ref)} == {None}
    supabase.uncounted = "backend error"
    with pytest.raises(ProviderUnavailable, match="could not count"):
        await databases.database_usage(project.ref)


async def test_a_project_that_is_gone_is_not_found(databases):
    for read in (databases.database_charges, databases.database_usage):
        with pytest.raises(NotFound):
            await read("a" * 20)
